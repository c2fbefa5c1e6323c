//! A file becomes rows: Parquet, JSON, JSON lines, CSV or plain text, told by extension, then by content; .gz and .zst are unpacked on the way.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::layout::{Layout, Row};
use super::{parquet, parse};
use crate::{Error, Result};

/// The rows of one file; all of one layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    pub layout: Layout,
    /// The row and where it stands: its line in JSON lines and CSV, its number in a JSON list, from 1.
    pub rows: Vec<(usize, Row)>,
    /// The columns that the rows were made of; none for running text.
    pub columns: Vec<String>,
}

/// What of a file is read.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub limit: usize,
    /// Columns by name, where the usual names do not say it: one of text or messages; prompt and answer; prompt, input and answer.
    pub columns: &'a [String],
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self { limit: usize::MAX, columns: &[] }
    }
}

/// Reads at most `limit` rows of `path`.
///
/// # Errors
/// `NotFound`, `NotUtf8` with the line, `EmptyData`, `UnknownLayout` with the fields there are, `BadRow` with the row and
/// what is missing in it.
pub fn read(path: &Path, wanted: &Wanted) -> Result<Rows> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let rows = if parquet::is_parquet(&bytes) {
        drop(bytes);
        parquet::read(path, wanted)?
    } else {
        let bytes = unpacked(path, bytes)?;
        let text = text(&name, &bytes)?;
        match format(path, text) {
            Format::Json => parse::json(&name, text, wanted)?,
            Format::Lines => parse::lines(&name, text, wanted)?,
            Format::Csv(separator) => parse::csv(&name, text, separator, wanted)?,
            Format::Text => Rows { layout: Layout::Text, rows: vec![(1, Row::Text(text.to_owned()))], columns: Vec::new() },
        }
    };
    let nothing = |row: &(usize, Row)| matches!(&row.1, Row::Text(text) if text.trim().is_empty());
    if rows.rows.is_empty() || rows.rows.iter().all(nothing) {
        return Err(Error::EmptyData { path: name });
    }
    Ok(rows)
}

/// The rows of several files as one set; a row's place is that in its own file. All must have the first one's layout.
///
/// # Errors
/// Those of [`read`].
pub fn read_all(paths: &[PathBuf], wanted: &Wanted) -> Result<Rows> {
    let mut all: Option<Rows> = None;
    for path in paths {
        let have = all.as_ref().map_or(0, |all| all.rows.len());
        if have >= wanted.limit {
            break;
        }
        let more = read(path, &Wanted { limit: wanted.limit - have, ..*wanted })?;
        match &mut all {
            None => all = Some(more),
            Some(all) if all.layout == more.layout => all.rows.extend(more.rows),
            Some(_) => return Err(Error::UnknownLayout { path: path.display().to_string(), given: more.columns.join(", ") }),
        }
    }
    all.ok_or_else(|| Error::EmptyData { path: paths.first().map(|path| path.display().to_string()).unwrap_or_default() })
}

/// What .gz and .zst hold.
fn unpacked(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let done = match extension(path).as_str() {
        "gz" => flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut out),
        "zst" => zstd::stream::copy_decode(&bytes[..], &mut out).map(|()| 0),
        _ => return Ok(bytes),
    };
    done.map_err(Error::io(path))?;
    Ok(out)
}

/// Whether a file must be unpacked as a whole before anything of it can be read.
pub fn is_packed(path: &Path) -> bool {
    ["gz", "zst"].contains(&extension(path).as_str())
}

fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Lines,
    /// With what stands between fields.
    Csv(u8),
    Text,
}

/// `.json` files that hold JSON lines are common: a second value after the first gives them away.
pub fn format(path: &Path, text: &str) -> Format {
    let packed = ["gz", "zst"].contains(&extension(path).as_str());
    let inner = if packed { path.with_extension("") } else { path.to_owned() };
    match extension(&inner).as_str() {
        "jsonl" | "ndjson" => Format::Lines,
        "csv" => Format::Csv(b','),
        "tsv" => Format::Csv(b'\t'),
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
        read(&path, &Wanted::default())
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
        assert!(matches!(read(Path::new("/no/such.json"), &Wanted::default()), Err(Error::NotFound { .. })));
    }
}
