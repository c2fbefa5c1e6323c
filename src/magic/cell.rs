//! Cell magics: `%%name` in the first lines of a cell says what becomes of the whole cell.

use std::fmt::Write;

use super::LIST;
use crate::words::nearest::nearest;
use crate::words::{Phrase, cells, ui};
use crate::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Rust,
    Time,
    Capture,
}

/// One of them.
#[derive(Debug)]
pub struct CellMagic {
    /// Without its two `%`.
    pub name: &'static str,
    pub kind: Kind,
    pub usage: &'static str,
    pub about: Phrase,
    more: Phrase,
    example: &'static str,
}

pub const CELL: &[CellMagic] = &[
    CellMagic {
        name: "rust",
        kind: Kind::Rust,
        usage: "%%rust",
        about: cells::RUST,
        more: cells::RUST_MORE,
        example: "%%rust\nlet n = 17\n% 5;",
    },
    CellMagic {
        name: "time",
        kind: Kind::Time,
        usage: "%%time",
        about: cells::TIME,
        more: cells::TIME_MORE,
        example: "%%time\n%generate Once upon a time",
    },
    CellMagic {
        name: "capture",
        kind: Kind::Capture,
        usage: "%%capture NAME",
        about: cells::CAPTURE,
        more: cells::CAPTURE_MORE,
        example: "%%capture before\n%eval ppl",
    },
];

/// The cell magic called `name`, without `%`.
///
/// # Errors
/// `UnknownCellMagic`; a magic of a line that has this name is the nearest.
pub fn find(name: &str) -> Result<&'static CellMagic> {
    CELL.iter().find(|magic| magic.name == name).ok_or_else(|| {
        let of_a_line = LIST.iter().find(|entry| entry.name == name).map(|entry| format!("%{}", entry.name));
        let near =
            || Some(nearest(name, CELL.iter().map(|magic| magic.name))).filter(|near| !near.is_empty()).map(|near| format!("%%{near}"));
        Error::UnknownCellMagic { given: name.to_owned(), nearest: of_a_line.or_else(near).unwrap_or_default() }
    })
}

/// Its whole help.
pub fn text(magic: &CellMagic) -> String {
    let mut text = format!("{} — {}\n\n{}\n\n{}\n", magic.usage, magic.about, magic.more, ui::EXAMPLES);
    for line in magic.example.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}
