//! Text measured in terminal columns (Chinese takes two), cut, padded, and with its invisible characters shown.

use unicode_width::UnicodeWidthStr;

/// Terminal columns of a text without control characters.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// At most `max` columns; what is cut off leaves a `…`.
pub fn cut(text: &str, max: usize) -> String {
    if columns(text) <= max {
        return text.to_owned();
    }
    if max == 0 {
        return String::new();
    }
    format!("{}…", &text[..prefix(text, max - 1)])
}

/// Bytes of the longest prefix that fits in `max` columns.
pub fn prefix(text: &str, max: usize) -> usize {
    let (mut end, mut used) = (0, 0);
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        used += columns(&text[at..next]);
        if used > max {
            break;
        }
        // A following character may widen the ones before it (emoji presentation).
        if columns(&text[..next]) <= max {
            end = next;
        }
    }
    end
}

pub fn pad_right(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

pub fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// A label on one line: control characters get a visible sign, so none reaches a terminal or breaks XML.
pub fn one_line(text: &str) -> String {
    text.chars().map(sign).collect()
}

fn sign(c: char) -> char {
    match c {
        '\n' | '\u{2028}' | '\u{2029}' => '⏎',
        '\t' => '⇥',
        '\u{7f}' => '␡',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{80}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        other => other,
    }
}

/// Running text with its whitespace shown: `·` for spaces at an edge or in a row, `⏎` for line ends.
pub fn shown(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let space = |i: Option<usize>| i.and_then(|i| chars.get(i)).is_none_or(|c| c.is_whitespace());
    let visible = |(i, &c): (usize, &char)| if c == ' ' && (space(i.checked_sub(1)) || space(Some(i + 1))) { '·' } else { sign(c) };
    chars.iter().enumerate().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("模型训练", 8), "模型训练");
        assert_eq!(cut("模型训练", 7), "模型训…");
        assert_eq!(cut("模型训练", 6), "模型…");
        assert_eq!(cut("abc", 2), "a…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn whitespace_is_shown() {
        assert_eq!(shown(" cat"), "·cat");
        assert_eq!(shown("a b  c\n"), "a b··c⏎");
        assert_eq!(one_line("a\x1b[31m\tb"), "a␛[31m⇥b");
    }
}
