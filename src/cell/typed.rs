//! Rust that is being typed: the part of a cell that rust-analyzer is asked about, and its answers at the cell's own positions.

use wire::{Candidate, Completion};

use super::rust::magics_as_calls;
use super::split::{Segment, split};
use crate::rust::{Found, Remote, word_before};

/// The Rust part of a cell with the cursor in it.
pub struct Typed {
    /// The part as the engine gets it.
    code: String,
    /// The cursor in `code`, in bytes.
    at: usize,
    /// Byte `at` of `code` is byte `at + shift` of the cell.
    shift: isize,
}

/// `None` where the cursor is not in Rust: on a magic, or in an empty cell.
pub fn rust_at(code: &str, cursor: usize) -> Option<Typed> {
    let cursor = (0..=cursor.min(code.len())).rev().find(|i| code.is_char_boundary(*i)).unwrap_or(0);
    let Some(Segment::Rust { text, start }) = split(code).pop() else { return None };
    let at = cursor.checked_sub(start)?;
    let line = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let (before, rest) = text.split_at(line);
    if super::rust::assignment(rest.lines().next().unwrap_or_default()).is_some() {
        return None;
    }
    let before = magics_as_calls(before);
    let shift = (start + line) as isize - before.len() as isize;
    Some(Typed { at: at - line + before.len(), code: format!("{before}{rest}"), shift })
}

impl Typed {
    pub fn complete(&self, engine: &Remote) -> Completion {
        let Found { words, from, to } = engine.complete(&self.code, self.at);
        let cell = |at: usize| at.saturating_add_signed(self.shift);
        let mut candidates: Vec<Candidate> =
            words.into_iter().map(|word| Candidate { text: word.name, kind: kind(&word.kind), note: word.note }).collect();
        candidates.sort_by(|a, b| a.text.cmp(&b.text));
        Completion { candidates, start: cell(from), end: cell(to) }
    }

    /// About the word at the cursor, also where the cursor is inside of it.
    pub fn hover(&self, engine: &Remote) -> Option<String> {
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        let rest = &self.code[self.at..];
        let end = self.at + rest.find(|c| !inside(c)).unwrap_or(rest.len());
        (word_before(&self.code, end) < end).then(|| engine.hover(&self.code, end)).flatten()
    }
}

/// rust-analyzer's kinds, as evcxr names them for Jupyter.
fn kind(name: &str) -> &'static str {
    ["function", "class", "instance", "module", "keyword", "magic"].into_iter().find(|kind| *kind == name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_gets_the_rust_part_and_answers_at_the_cells_positions() {
        let cell = "%load x\n// 模\nlet run = %train steps=2\nrun.lo";
        let typed = rust_at(cell, cell.len()).unwrap();
        assert!(typed.code.starts_with("let run: lab::value::Train = lab::magic") && typed.code.ends_with("\nrun.lo"), "{}", typed.code);
        assert_eq!((typed.at, typed.at.saturating_add_signed(typed.shift)), (typed.code.len(), cell.len()));
        assert!(rust_at(cell, 3).is_none(), "a magic");
        assert!(rust_at(cell, cell.find("steps").unwrap()).is_none(), "a magic with a name");
        assert!(rust_at("", 0).is_none());
        let early = rust_at("let a = 1;\nab", 99).unwrap();
        assert_eq!((early.code.as_str(), early.at, early.shift), ("let a = 1;\nab", 13, 0));
    }
}
