//! A file becomes rows: JSON, JSON lines, CSV or plain text, told by extension, then by content.

use std::path::Path;

use super::layout::{Layout, Row};
use super::parse;
use crate::{Error, Result};

/// The rows of one file; all of one layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    pub layout: Layout,
    /// The row and where it stands: its line in JSON lines and CSV, its number in a JSON list, from 1.
    pub rows: Vec<(usize, Row)>,
}

/// Reads at most `limit` rows of `path`.
///
/// # Errors
/// `NotFound`, `NotUtf8` with the line, `EmptyData`, `UnknownLayout` with the fields there are, `BadRow` with the row and
/// what is missing in it.
pub fn read(path: &Path, limit: Option<usize>) -> Result<Rows> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let text = text(&name, &bytes)?;
    let limit = limit.unwrap_or(usize::MAX);
    let rows = match format(path, text) {
        Format::Json => parse::json(&name, text, limit)?,
        Format::Lines => parse::lines(&name, text, limit)?,
        Format::Csv => parse::csv(&name, text, limit)?,
        Format::Text => Rows { layout: Layout::Text, rows: vec![(1, Row::Text(text.to_owned()))] },
    };
    let nothing = |row: &(usize, Row)| matches!(&row.1, Row::Text(text) if text.trim().is_empty());
    if rows.rows.is_empty() || rows.rows.iter().all(nothing) {
        return Err(Error::EmptyData { path: name });
    }
    Ok(rows)
}

/// A whole text file.
///
/// # Errors
/// `NotFound`, `Io`, `NotUtf8` with the line.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    text(&path.display().to_string(), &bytes).map(str::to_owned)
}

/// UTF-8, with or without a byte order mark.
fn text<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        Error::NotUtf8 { path: path.to_owned(), line }
    })
}

enum Format {
    Json,
    Lines,
    Csv,
    Text,
}

/// `.json` files that hold JSON lines are common: a second value after the first gives them away.
fn format(path: &Path, text: &str) -> Format {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "jsonl" | "ndjson" => Format::Lines,
        "csv" => Format::Csv,
        "txt" | "md" => Format::Text,
        "json" if holds_lines(text) => Format::Lines,
        "json" => Format::Json,
        _ if holds_lines(text) => Format::Lines,
        _ if text.trim_start().starts_with(['[', '{']) => Format::Json,
        _ => Format::Text,
    }
}

fn holds_lines(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let object = |line: &str| serde_json::from_str::<super::layout::Fields>(line).is_ok();
    lines.next().is_some_and(object) && lines.next().is_some_and(|line| line.trim_start().starts_with('{'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: impl AsRef<[u8]>) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn read_as(name: &str, text: impl AsRef<[u8]>) -> Result<Rows> {
        let (_folder, path) = file(name, text);
        read(&path, None)
    }

    fn instruction(instruction: &str, input: &str, output: &str) -> Row {
        Row::Instruction { instruction: instruction.into(), input: input.into(), output: output.into() }
    }

    #[test]
    fn every_format_gives_the_same_row() {
        let expected = instruction("Add, please", "1 2", "3");
        let object = r#"{"instruction":"Add, please","input":"1 2","output":3}"#;
        for (name, text) in [
            ("a.json", format!("[{object}]")),
            ("a.json", format!("{{\"data\": [{object}]}}")),
            ("a.json", format!("{object}\n{object}\n")),
            ("a.jsonl", format!("\u{feff}{object}\n\n")),
            ("a.dat", format!("[{object}]")),
            ("a.csv", "instruction,input,output\n\"Add, please\",1 2,3\n".to_owned()),
        ] {
            let rows = read_as(name, &text).unwrap();
            assert_eq!(rows.layout, Layout::Instruction, "{name}: {text}");
            assert_eq!(rows.rows[0].1, expected, "{name}: {text}");
        }
        let rows = read_as("a.jsonl", r#"{"question":"q","answer":"a"}"#).unwrap();
        assert_eq!(rows.rows, vec![(1, instruction("q", "", "a"))]);
        assert_eq!(read_as("a.txt", "\u{feff}Once").unwrap().rows, vec![(1, Row::Text("Once".into()))]);
        assert_eq!(read_as("a.jsonl", r#"{"text":"t"}"#).unwrap().layout, Layout::Text);
    }

    #[test]
    fn both_chat_spellings() {
        let expected = Row::Chat(vec![crate::data::Turn::new("user", "hi"), crate::data::Turn::new("assistant", "yo")]);
        for text in [
            r#"[{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yo"}]}]"#,
            r#"[{"conversations":[{"from":"human","value":"hi"},{"from":"gpt","value":"yo"}]}]"#,
        ] {
            assert_eq!(read_as("a.json", text).unwrap().rows, vec![(1, expected.clone())]);
        }
    }

    #[test]
    fn a_bad_row_is_named_by_its_line_and_field() {
        let good = r#"{"instruction":"a","output":"b"}"#;
        for (name, text, row, cause) in [
            ("a.jsonl", format!("{good}\n\n{{\"instruction\":\"a\"}}\n"), 3, "`output`"),
            ("a.jsonl", format!("{good}\n{{\"instruction\":\n"), 2, "EOF"),
            ("a.json", format!("[{good},{{\"output\":\"b\"}}]"), 2, "`instruction`"),
            ("a.json", format!("[{good},7]"), 2, "object"),
            ("a.json", format!("[{good},\n"), 2, "EOF"),
            ("a.csv", "instruction,output\na,\"b\nc\"\nd\n".to_owned(), 4, "1 field"),
            ("a.json", r#"[{"messages":[{"role":"bard","content":""}]}]"#.to_owned(), 1, "bard"),
        ] {
            match read_as(name, &text) {
                Err(Error::BadRow { row: given, cause: why, .. }) => {
                    assert_eq!(given, row, "{text}");
                    assert!(why.contains(cause), "{why}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(matches!(read_as("a.txt", b"one\ntwo \xff"), Err(Error::NotUtf8 { line: 2, .. })));
        for (name, text) in [("a.txt", " \n"), ("a.json", "[]"), ("a.jsonl", "\n"), ("a.csv", "text\n"), ("a.csv", ""), ("a.json", "")] {
            assert!(matches!(read_as(name, text), Err(Error::EmptyData { .. })), "{name} {text:?}");
        }
        assert!(matches!(read_as("a.json", r#"[{"name":"x","age":1}]"#), Err(Error::UnknownLayout { given, .. }) if given == "age, name"));
        assert!(matches!(read(Path::new("/no/such.json"), None), Err(Error::NotFound { .. })));
    }
}
