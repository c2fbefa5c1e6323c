//! What happens while a cell runs, in order.

use crate::code::coded;
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
    /// Something in several forms; with an `id` it replaces what has that id in the same cell.
    Show {
        id: Option<String>,
        forms: Vec<Form>,
    },
    /// What the cell is worth: the result that `--json` asks for.
    Value {
        forms: Vec<Form>,
    },
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

impl Event {
    /// Whether this is the next state of `old`: a chart, a bar or something shown, of the same id.
    pub fn replaces(&self, old: &Event) -> bool {
        match (self, old) {
            (Event::Chart { id: Some(new), .. }, Event::Chart { id: Some(old), .. })
            | (Event::Show { id: Some(new), .. }, Event::Show { id: Some(old), .. })
            | (Event::Progress { id: new, .. }, Event::Progress { id: old, .. }) => new == old,
            _ => false,
        }
    }
}

/// One way to show something. There is always one that is `text/plain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// A MIME type.
    pub mime: String,
    /// Text as it is, JSON as its text, bytes as base64.
    pub body: String,
}

coded!(Form { mime, body });

impl Form {
    pub const TEXT: &'static str = "text/plain";
    pub const JSON: &'static str = "application/json";

    pub fn new(mime: &str, body: impl Into<String>) -> Self {
        Self { mime: mime.to_owned(), body: body.into() }
    }

    /// The text among `forms`.
    pub fn text(forms: &[Form]) -> &str {
        forms.iter().find(|form| form.mime == Self::TEXT).map_or("", |form| &form.body)
    }
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
