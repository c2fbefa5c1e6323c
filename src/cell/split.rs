//! Cell text -> segments: leading magic and command lines, then Rust.

/// One piece of a cell; `start` is its byte offset.
#[derive(Clone, Debug, PartialEq)]
pub enum Segment<'a> {
    /// `%name rest`
    Magic { name: &'a str, rest: &'a str, start: usize },
    /// `!command`
    Command { line: &'a str, start: usize },
    /// `%%name rest`: about the whole cell.
    Cell { name: &'a str, rest: &'a str, start: usize },
    /// `%name?` or `?name`
    Help { name: &'a str, start: usize },
    /// Everything from the first line that is none of these.
    Rust { text: &'a str, start: usize },
}

/// Blank lines and `//` or `# ` lines between magics are skipped; `%` and `!` after the first Rust line stay Rust.
pub fn split(code: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut start = 0;
    for line in code.split_inclusive('\n') {
        let text = line.trim();
        let at = start + (line.len() - line.trim_start().len());
        if text.is_empty() || text.starts_with("//") || text.starts_with("# ") {
            start += line.len();
            continue;
        }
        match line_segment(text, at) {
            Some(segment @ Segment::Cell { name: "rust", .. }) => {
                segments.push(segment);
                start += line.len();
                if !code[start..].trim().is_empty() {
                    segments.push(Segment::Rust { text: &code[start..], start });
                }
                break;
            }
            Some(segment) => segments.push(segment),
            None => {
                segments.push(Segment::Rust { text: &code[start..], start });
                break;
            }
        }
        start += line.len();
    }
    segments
}

fn line_segment(text: &str, start: usize) -> Option<Segment<'_>> {
    if let Some(line) = text.strip_prefix('!') {
        return Some(Segment::Command { line: line.trim(), start });
    }
    if let Some(name) = text.strip_prefix('?') {
        return Some(Segment::Help { name: name.trim().trim_start_matches('%'), start });
    }
    let magic = text.strip_prefix('%')?;
    let end = magic.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '%')).unwrap_or(magic.len());
    let (name, rest) = magic.split_at(end);
    if rest.trim_end().trim_start_matches('?').is_empty() && rest.starts_with('?') {
        return Some(Segment::Help { name, start });
    }
    Some(match name.strip_prefix('%') {
        Some(name) => Segment::Cell { name, rest, start },
        None => Segment::Magic { name, rest, start },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_leading_lines_are_magics() {
        let code = "// a note\n%load spark\n\n!ls -l\nlet a = b\n% c;\n!flag";
        let found = split(code);
        assert_eq!(
            found,
            [
                Segment::Magic { name: "load", rest: " spark", start: 10 },
                Segment::Command { line: "ls -l", start: 23 },
                Segment::Rust { text: "let a = b\n% c;\n!flag", start: 30 },
            ]
        );
    }

    #[test]
    fn two_percents_are_about_the_cell() {
        let found = split("%%time\n%%rust\n% a\n");
        let cell = |name, start| Segment::Cell { name, rest: "", start };
        assert_eq!(found, [cell("time", 0), cell("rust", 7), Segment::Rust { text: "% a\n", start: 14 }]);
        assert_eq!(split("%%capture x"), [Segment::Cell { name: "capture", rest: " x", start: 0 }]);
        assert_eq!(split("%%time?"), [Segment::Help { name: "%time", start: 0 }]);
    }

    #[test]
    fn a_question_mark_asks_for_help() {
        assert_eq!(split("%train?"), [Segment::Help { name: "train", start: 0 }]);
        assert_eq!(split(" ?train"), [Segment::Help { name: "train", start: 1 }]);
        assert_eq!(split("%next who?"), [Segment::Magic { name: "next", rest: " who?", start: 0 }]);
    }
}
