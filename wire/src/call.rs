//! What a front end asks of the desk, and what comes back.

/// One cell to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Execute {
    pub code: String,
    /// Leave no trace: no history entry, no execution count.
    pub silent: bool,
    /// Keep the cell in the history; `silent` overrides it.
    pub store_history: bool,
    /// The front end can answer `Event::Input`.
    pub allow_input: bool,
}

impl Execute {
    /// A cell as a person types it: kept in the history, may ask for input.
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: code.into(), silent: false, store_history: true, allow_input: true }
    }
}

/// The words that could stand in `start..end` (byte offsets into the cell).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Completion {
    pub candidates: Vec<Candidate>,
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What replaces the range.
    pub text: String,
    /// `magic`, `option`, `value`, `path`, `command`: Jupyter shows it beside the word.
    pub kind: &'static str,
    /// One line of help, may be empty.
    pub note: String,
}

/// Whether Enter should run the text or open another line.
#[derive(Clone, Debug, PartialEq)]
pub enum Completeness {
    Complete,
    /// More is needed; the next line starts with `indent`.
    Incomplete {
        indent: String,
    },
    Invalid,
}

/// Past cells, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub enum HistoryQuery {
    /// The last `n`.
    Tail { n: usize },
    /// Lines `start..stop` of `session`; 0 is the current one, -1 the one before.
    Range { session: i64, start: usize, stop: usize },
    /// Those that match a glob (`*` and `?`), the last `n` of them; `unique` keeps the latest of equal inputs.
    Search { pattern: String, n: usize, unique: bool },
}

#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    pub session: i64,
    pub line: usize,
    pub input: String,
    /// What the cell printed to standard output.
    pub output: String,
}
