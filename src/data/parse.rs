//! JSON, JSON lines and CSV text to rows, each row named by its place when it is wrong.

use serde_json::Value;

use super::layout::{self, Fields, Layout, Row};
use super::read::{Rows, Wanted};
use crate::words::ui;
use crate::{Error, Result};

/// A list of objects, or an object that holds the list under `data`.
pub fn json(path: &str, text: &str, wanted: &Wanted) -> Result<Rows> {
    if text.trim().is_empty() {
        return Err(Error::EmptyData { path: path.to_owned() });
    }
    let bad = |row: usize, cause: String| Error::BadRow { path: path.to_owned(), row, cause };
    let value: Value = serde_json::from_str(text).map_err(|error| bad(error.line(), error.to_string()))?;
    let list = match value {
        Value::Array(list) => list,
        Value::Object(mut fields) => match fields.remove("data") {
            Some(Value::Array(list)) => list,
            Some(_) => return Err(bad(1, ui::NOT_A_LIST.with(&[("name", &"data")]))),
            None => vec![Value::Object(fields)],
        },
        _ => return Err(bad(1, ui::NOT_AN_OBJECT.with(&[("name", &1)]))),
    };
    let mut rows = Gather::new(path, wanted);
    for (i, item) in list.into_iter().enumerate() {
        let Value::Object(fields) = item else { return Err(bad(i + 1, ui::NOT_AN_OBJECT.with(&[("name", &(i + 1))]))) };
        if !rows.add(i + 1, &fields)? {
            break;
        }
    }
    rows.finish()
}

/// What is wrong in a text of one line: its number would only mislead.
pub fn one_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// One object a line; blank lines are allowed.
pub fn lines(path: &str, text: &str, wanted: &Wanted) -> Result<Rows> {
    let mut rows = Gather::new(path, wanted);
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Fields =
            serde_json::from_str(line).map_err(|error| Error::BadRow { path: path.to_owned(), row: i + 1, cause: one_line(&error) })?;
        if !rows.add(i + 1, &fields)? {
            break;
        }
    }
    rows.finish()
}

/// The first record names the fields. Quoted fields may hold line ends: a row is named by the line it starts on.
pub fn csv(path: &str, text: &str, separator: u8, wanted: &Wanted) -> Result<Rows> {
    let mut reader = ::csv::ReaderBuilder::new().flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let bad = |row: usize, cause: String| Error::BadRow { path: path.to_owned(), row, cause };
    let names = reader.headers().map_err(|error| bad(1, error.to_string()))?.clone();
    let mut rows = Gather::new(path, wanted);
    for record in reader.records() {
        let record = record.map_err(|error| bad(error.position().map_or(0, |at| at.line() as usize), error.to_string()))?;
        let line = record.position().map_or(0, |at| at.line() as usize);
        if record.len() != names.len() {
            return Err(bad(line, ui::FIELD_COUNT.with(&[("given", &record.len()), ("expected", &names.len())])));
        }
        let fields = names.iter().zip(record.iter()).map(|(name, value)| (name.trim().to_owned(), Value::from(value))).collect();
        if !rows.add(line, &fields)? {
            break;
        }
    }
    rows.finish()
}

/// Rows of the first row's layout, up to a limit.
pub struct Gather<'a> {
    path: &'a str,
    wanted: &'a Wanted<'a>,
    layout: Option<Layout>,
    columns: Vec<String>,
    rows: Vec<(usize, Row)>,
}

impl<'a> Gather<'a> {
    pub fn new(path: &'a str, wanted: &'a Wanted) -> Self {
        Self { path, wanted, layout: None, columns: Vec::new(), rows: Vec::new() }
    }

    /// False when no more rows are wanted.
    pub fn add(&mut self, place: usize, fields: &Fields) -> Result<bool> {
        let bad = |cause| Error::BadRow { path: self.path.to_owned(), row: place, cause };
        let renamed = layout::chosen(fields, self.wanted.columns).map_err(bad)?;
        let fields = renamed.as_ref().unwrap_or(fields);
        let layout = match self.layout {
            Some(layout) => layout,
            None => layout::detect(fields).ok_or_else(|| {
                let given = fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                Error::UnknownLayout { path: self.path.to_owned(), given }
            })?,
        };
        if self.layout.is_none() {
            self.columns = if renamed.is_some() { self.wanted.columns.to_vec() } else { layout::used(layout, fields) };
        }
        self.layout = Some(layout);
        let row = layout::row(layout, fields).map_err(bad)?;
        self.rows.push((place, row));
        Ok(self.rows.len() < self.wanted.limit)
    }

    pub fn finish(self) -> Result<Rows> {
        let layout = self.layout.ok_or_else(|| Error::EmptyData { path: self.path.to_owned() })?;
        Ok(Rows { layout, rows: self.rows, columns: self.columns })
    }
}
