//! Completion, help at a position, and whether a cell is finished. Reads the list of magics and a snapshot, never the session.

use clap::Arg;
use wire::{Candidate, Completeness, Completion};

use crate::hub;
use crate::magic::cell::{CELL, CellMagic};
use crate::magic::{self, Entry, LIST};
use crate::session::Snapshot;

/// The line the cursor is on, up to the cursor, with its byte offset.
fn line_before(code: &str, cursor: usize) -> (&str, usize) {
    let cursor = (0..=cursor.min(code.len())).rev().find(|i| code.is_char_boundary(*i)).unwrap_or(0);
    let start = code[..cursor].rfind('\n').map_or(0, |i| i + 1);
    (&code[start..cursor], start)
}

/// The name of the magic on the cursor's line.
pub fn magic_at(code: &str, cursor: usize) -> Option<&str> {
    let (_, start) = line_before(code, cursor);
    let line = code[start..].lines().next()?.trim_start();
    let name = line.strip_prefix('%').or_else(|| line.strip_prefix('?').map(|name| name.strip_prefix('%').unwrap_or(name)))?;
    let start = usize::from(name.starts_with('%'));
    let end = name[start..].find(|c: char| !c.is_alphanumeric() && c != '_').map_or(name.len(), |end| start + end);
    Some(&name[..end])
}

pub fn complete(code: &str, cursor: usize, snapshot: &Snapshot) -> Completion {
    let (line, offset) = line_before(code, cursor);
    let end = offset + line.len();
    let text = line.trim_start();
    if !text.starts_with(['%', '?']) && !code.trim().is_empty() {
        return Completion { candidates: Vec::new(), start: end, end };
    }
    let last = line.rfind(char::is_whitespace).map_or(0, |i| i + line[i..].chars().next().map_or(1, char::len_utf8));
    let word = &line[last..];
    if text.len() == word.len() {
        return Completion { candidates: magics(word), start: offset + last, end };
    }
    let Some(entry) = magic_at(code, cursor).and_then(|name| magic::find(name).ok()) else {
        return Completion { candidates: Vec::new(), start: end, end };
    };
    let before = line[..last].split_whitespace().skip(1).filter(|word| !word.contains('=') && !word.starts_with("--")).count();
    let (candidates, kept) = arguments(entry, word, before, snapshot);
    Completion { candidates, start: offset + last + kept, end }
}

fn magics(word: &str) -> Vec<Candidate> {
    let cell = |magic: &CellMagic| Candidate { text: format!("%%{}", magic.name), kind: "magic", note: magic.about.to_string() };
    let of_cells = CELL.iter().filter(|magic| format!("%%{}", magic.name).starts_with(word)).map(cell);
    if word.starts_with("%%") {
        return of_cells.collect();
    }
    let mark = if word.starts_with('?') { "?" } else { "%" };
    let prefix = word.trim_start_matches(['%', '?']);
    let fits = LIST.iter().filter(|entry| entry.name.starts_with(prefix));
    let mut found: Vec<_> =
        fits.map(|e| Candidate { text: format!("{mark}{}", e.name), kind: "magic", note: magic::help::first_line(e) }).collect();
    found.sort_by(|a, b| a.text.cmp(&b.text));
    found.extend(of_cells.filter(|_| !word.is_empty()));
    found
}

/// Options that start like `word`, or values after `=`; `before` free words stand in front of it. The second number is how much of `word` stays.
fn arguments(entry: &Entry, word: &str, before: usize, snapshot: &Snapshot) -> (Vec<Candidate>, usize) {
    let command = entry.command();
    if let Some((name, value)) = word.split_once('=') {
        let Some(arg) = magic::parse::option(&command, name.trim_start_matches('-')) else { return (Vec::new(), 0) };
        // In a list only the last item is completed.
        let kept = name.len() + 1 + value.rfind(',').map_or(0, |i| i + 1);
        return (values(arg, &word[kept..], snapshot), kept);
    }
    let dashes = if word.starts_with("--") { "--" } else { "" };
    let mut found: Vec<Candidate> = Vec::new();
    if let Some(arg) = command.get_positionals().nth(before) {
        found.extend(values(arg, word, snapshot));
    }
    for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
        let Some(long) = arg.get_long().filter(|long| long.starts_with(&word.trim_start_matches('-').replace('-', "_"))) else { continue };
        let text = match (dashes, arg.get_action().takes_values()) {
            (_, false) => format!("--{long}"),
            (dashes, true) => format!("{dashes}{long}="),
        };
        found.push(Candidate { text, kind: "option", note: arg.get_help().map(ToString::to_string).unwrap_or_default() });
    }
    (found, 0)
}

/// What may stand as the value of `arg`, by its choices or by its value's name.
fn values(arg: &Arg, prefix: &str, snapshot: &Snapshot) -> Vec<Candidate> {
    let value = |text: String| Candidate { text, kind: "value", note: String::new() };
    let choices: Vec<String> = match magic::parse::value_name(arg).as_str() {
        _ if !arg.get_possible_values().is_empty() => arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect(),
        "MAGIC" => LIST.iter().map(|entry| entry.name.to_owned()).collect(),
        "TARGET" => snapshot.targets.iter().cloned().chain((!snapshot.targets.is_empty()).then(|| "all-linear".to_owned())).collect(),
        "ADAPTER" => snapshot.adapters.clone(),
        "DEVICE" => vec!["cpu".to_owned(), "auto".to_owned(), "cuda".to_owned(), "metal".to_owned()],
        name => {
            let mut found: Vec<Candidate> = names(name).into_iter().filter(|n| n.starts_with(prefix)).map(value).collect();
            if matches!(name, "MODEL" | "DATA" | "FILE" | "DIR") {
                found.extend(paths(prefix));
            }
            return found;
        }
    };
    choices.into_iter().filter(|choice| choice.starts_with(prefix)).map(value).collect()
}

/// Names that ship or can be fetched.
fn names(value_name: &str) -> Vec<String> {
    let kind = match value_name {
        "MODEL" => hub::Kind::Model,
        "DATA" => hub::Kind::Data,
        _ => return Vec::new(),
    };
    hub::known().iter().filter(|row| row.kind == kind).map(|row| row.name.to_owned()).collect()
}

fn paths(prefix: &str) -> Vec<Candidate> {
    let (folder, start) = prefix.rfind('/').map_or(("", prefix), |i| (&prefix[..=i], &prefix[i + 1..]));
    let Ok(entries) = std::fs::read_dir(if folder.is_empty() { "." } else { folder }) else { return Vec::new() };
    let mut found: Vec<Candidate> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let shown = name.starts_with(start) && (!name.starts_with('.') || start.starts_with('.'));
            let slash = if entry.path().is_dir() { "/" } else { "" };
            shown.then(|| Candidate { text: format!("{folder}{name}{slash}"), kind: "path", note: String::new() })
        })
        .collect();
    found.sort_by(|a, b| a.text.cmp(&b.text));
    found
}

/// A cell is unfinished while brackets of Rust are open; an open quote of a magic is an error.
pub fn is_complete(code: &str) -> Completeness {
    let incomplete = |indent: &str| Completeness::Incomplete { indent: indent.to_owned() };
    match super::split::split(code).last() {
        Some(super::split::Segment::Magic { rest, .. }) if magic::parse::words(rest).is_err() => Completeness::Invalid,
        // What it is about is still to come.
        Some(super::split::Segment::Cell { .. }) if !code.ends_with("\n\n") => incomplete(""),
        Some(super::split::Segment::Rust { text, .. }) => match open_brackets(text) {
            0 => Completeness::Complete,
            n if n > 0 => incomplete(&"    ".repeat(n.unsigned_abs())),
            _ => Completeness::Invalid,
        },
        _ => Completeness::Complete,
    }
}

/// Brackets opened minus closed, outside of strings and comments.
fn open_brackets(text: &str) -> isize {
    let mut depth = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth -= 1,
            '/' if chars.peek() == Some(&'/') => while chars.next().is_some_and(|c| c != '\n') {},
            '"' => {
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    depth
}
