//! Cursor positions: Jupyter counts Unicode code points (since 5.2), the desk counts bytes.

/// The byte offset of code point `n`; past the end it is the length.
pub fn to_byte(text: &str, n: usize) -> usize {
    text.char_indices().nth(n).map_or(text.len(), |(at, _)| at)
}

/// The number of code points before byte `at`; an offset inside a character counts up to that character.
pub fn to_point(text: &str, at: usize) -> usize {
    text.char_indices().take_while(|(start, c)| start + c.len_utf8() <= at).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_points_and_bytes_agree_on_wide_text() {
        let text = "%tokens 模型🏮e\u{301}";
        for (n, (at, _)) in text.char_indices().enumerate() {
            assert_eq!(to_byte(text, n), at);
            assert_eq!(to_point(text, at), n);
        }
        assert_eq!(to_byte(text, 99), text.len());
        assert_eq!(to_point(text, text.len()), text.chars().count());
        assert_eq!(to_point("模", 1), 0);
    }
}
