//! What happens while a cell runs, in order.

use crate::{Chart, Report, Table};

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Text exactly as written: no newline is added, `\r` is kept.
    Print {
        stream: Stream,
        text: String,
    },
    /// Where a long operation stands; redrawn in place by `id`, gone when `n == of`.
    Progress {
        id: String,
        n: u64,
        of: u64,
        label: String,
    },
    /// A chart; with an `id` it replaces the chart of that id in the same cell.
    Chart {
        id: Option<String>,
        chart: Chart,
    },
    Table(Table),
    /// Take the cell's output away; with `wait`, when the next output comes.
    Clear {
        wait: bool,
    },
    /// The cell waits for `Desk::answer`.
    Input {
        prompt: String,
        password: bool,
    },
    /// Text for the front end's pager (help of `%name?`).
    Page {
        text: String,
    },
    /// Always the last event of a cell.
    Done(Outcome),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// How a cell ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The cell's number, from 1; unchanged for silent cells.
    pub count: usize,
    /// What went wrong, if anything.
    pub error: Option<Report>,
    pub seconds: f64,
}
