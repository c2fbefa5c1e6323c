//! The one pass over a streamed file: where its rows begin, and whether each can be read.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::dataset::Options;
use super::layout::{self, Fields, Layout};
use super::parse;
use crate::stop::Stop;
use crate::words::ui;
use crate::{Error, Result};

/// How many rows are looked at before the cancel flag is.
const LOOK: usize = 1024;

pub fn csv_reader<R: Read>(separator: u8, from: R) -> csv::Reader<R> {
    csv::ReaderBuilder::new().flexible(true).has_headers(false).delimiter(separator).from_reader(from)
}

/// What is read, and its hash.
pub struct Hashed {
    pub file: File,
    pub hash: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(into)?;
        self.hash.update(&into[..count]);
        Ok(count)
    }
}

/// The one pass over a file.
pub struct Scan<'a> {
    pub path: &'a Path,
    pub options: &'a Options,
    pub stop: &'a Stop,
    pub progress: &'a mut dyn FnMut(u64, Option<u64>),
    /// Bytes of the files before this one, and of all.
    pub before: u64,
    pub total: u64,
    /// Rows that are still wanted.
    pub left: usize,
    pub layout: Option<Layout>,
    pub columns: Vec<String>,
    /// Where each row begins that something can be learned from.
    pub offsets: Vec<u64>,
    /// A number for what each of them says: the same for the same.
    pub marks: Vec<u64>,
    /// Where the last row that was read ends.
    pub end: u64,
    /// Rows so far, and of those the ones left out: how many were kept before each.
    pub seen: usize,
    pub holes: Vec<usize>,
    /// Of the rows' text, where the file's own bytes are not read from end to end.
    pub hash: Option<Sha256>,
}

impl<'a> Scan<'a> {
    pub fn new(path: &'a Path, options: &'a Options, stop: &'a Stop, progress: &'a mut dyn FnMut(u64, Option<u64>)) -> Self {
        let left = options.limit.unwrap_or(usize::MAX);
        let (offsets, marks, holes, columns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self {
            path,
            options,
            stop,
            progress,
            before: 0,
            total: 0,
            left,
            layout: None,
            columns,
            offsets,
            marks,
            end: 0,
            seen: 0,
            holes,
            hash: None,
        }
    }

    pub fn lines(&mut self, from: &mut Hashed) -> Result<()> {
        let (mut reader, mut line, mut at, mut place) = (BufReader::with_capacity(1 << 20, from), Vec::new(), 0, 0);
        loop {
            line.clear();
            let count = reader.read_until(b'\n', &mut line).map_err(Error::io(self.path))?;
            if count == 0 {
                return Ok(());
            }
            place += 1;
            let text = self.utf8(&line, place)?;
            let text = text.trim_start_matches('\u{feff}').trim();
            if !text.is_empty() {
                let fields: Fields = serde_json::from_str(text).map_err(|error| self.bad(place, parse::one_line(&error)))?;
                self.row(place, at, &fields)?;
            }
            at += count as u64;
            self.end = at;
            if self.enough(place, at)? {
                return Ok(());
            }
        }
    }

    /// The names of the fields.
    pub fn csv(&mut self, from: &mut Hashed, separator: u8) -> Result<Vec<String>> {
        let mut reader = csv_reader(separator, from);
        let (mut record, mut names): (csv::StringRecord, Vec<String>) = Default::default();
        loop {
            let line = |at: Option<&csv::Position>| at.map_or(0, |at| at.line() as usize);
            let more = reader.read_record(&mut record).map_err(|error| self.bad(line(error.position()), error.to_string()))?;
            let (place, at) = (line(record.position()), record.position().map_or(0, csv::Position::byte));
            if !more {
                return Ok(names);
            }
            if names.is_empty() {
                names = record.iter().map(|name| name.trim().trim_start_matches('\u{feff}').to_owned()).collect();
                continue;
            }
            if record.len() != names.len() {
                return Err(self.bad(place, ui::FIELD_COUNT.with(&[("given", &record.len()), ("expected", &names.len())])));
            }
            let fields: Fields = names.iter().cloned().zip(record.iter().map(serde_json::Value::from)).collect();
            self.row(place, at, &fields)?;
            self.end = reader.position().byte();
            if self.enough(place, at)? {
                return Ok(names);
            }
        }
    }

    /// Pieces of about `size` bytes that end with a line, or, in a longer line, with a letter.
    pub fn text(&mut self, from: &mut Hashed, size: usize) -> Result<()> {
        self.layout = Some(Layout::Text);
        let (mut reader, mut held, mut at, mut lines) = (BufReader::with_capacity(1 << 20, from), Vec::new(), 0_u64, 1);
        loop {
            let missing = (2 * size).saturating_sub(held.len()) as u64;
            (&mut reader).take(missing).read_to_end(&mut held).map_err(Error::io(self.path))?;
            if held.is_empty() {
                return Ok(());
            }
            let end = piece(&held, size);
            let text = self.utf8(&held[..end], lines)?;
            if !text.trim().is_empty() {
                let mark = mark(text);
                self.marks.push(mark);
                self.offsets.push(at);
                self.seen += 1;
            }
            lines += held[..end].iter().filter(|byte| **byte == b'\n').count();
            at += end as u64;
            self.end = at;
            held.drain(..end);
            if self.enough(self.seen, at)? {
                return Ok(());
            }
        }
    }

    /// Text that begins on a line.
    fn utf8<'t>(&self, bytes: &'t [u8], line: usize) -> Result<&'t str> {
        std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            Error::NotUtf8 { path: self.path.display().to_string(), line: line + before }
        })
    }

    /// The line with bytes that are no UTF-8, if there is one: what reading the whole file would stumble over first.
    pub fn not_utf8(&self) -> Result<Option<Error>> {
        let mut file = File::open(self.path).map_err(Error::io(self.path))?;
        let (mut block, mut held, mut line) = (vec![0; 1 << 20], Vec::new(), 1);
        loop {
            let count = file.read(&mut block).map_err(Error::io(self.path))?;
            held.extend_from_slice(&block[..count]);
            let good = match std::str::from_utf8(&held) {
                Ok(text) => text.len(),
                // A letter that goes on in the next block.
                Err(error) if count > 0 && error.error_len().is_none() => error.valid_up_to(),
                Err(error) => {
                    let line = line + held[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
                    return Ok(Some(Error::NotUtf8 { path: self.path.display().to_string(), line }));
                }
            };
            line += held.drain(..good).filter(|byte| *byte == b'\n').count();
            if count == 0 {
                return Ok(None);
            }
        }
    }

    pub fn bad(&self, row: usize, cause: String) -> Error {
        Error::BadRow { path: self.path.display().to_string(), row, cause }
    }

    /// Checks one row as reading it for good would.
    pub fn row(&mut self, place: usize, at: u64, fields: &Fields) -> Result<()> {
        let renamed = layout::chosen(fields, &self.options.columns).map_err(|cause| self.bad(place, cause))?;
        let seen = renamed.as_ref().unwrap_or(fields);
        let layout = match self.layout {
            Some(layout) => layout,
            None => {
                let given = || fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let layout =
                    layout::detect(seen).ok_or_else(|| Error::UnknownLayout { path: self.path.display().to_string(), given: given() })?;
                self.columns = if renamed.is_some() { self.options.columns.clone() } else { layout::used(layout, fields) };
                *self.layout.insert(layout)
            }
        };
        let row = layout::row(layout, seen).map_err(|cause| self.bad(place, cause))?;
        self.seen += 1;
        if let Some(hash) = &mut self.hash {
            row.texts().for_each(|text| {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text);
            });
        }
        if row.is_empty() {
            self.holes.push(self.offsets.len());
        } else {
            self.offsets.push(at);
            self.marks.push(mark(&row));
        }
        Ok(())
    }

    /// Whether no more rows are wanted; reports, and looks at the cancel flag, now and then.
    pub fn enough(&mut self, rows: usize, at: u64) -> Result<bool> {
        if rows.is_multiple_of(LOOK) {
            (self.progress)(self.before + at, Some(self.total));
            if self.stop.raised() {
                return Err(Error::Interrupted { what: ui::DATA.text().to_owned() });
            }
        }
        Ok(self.seen >= self.left)
    }
}

fn mark(row: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.hash(&mut hasher);
    hasher.finish()
}

/// Where the first piece of `bytes` ends.
fn piece(bytes: &[u8], size: usize) -> usize {
    if bytes.len() <= size {
        return bytes.len();
    }
    if let Some(at) = bytes[size - 1..].iter().position(|byte| *byte == b'\n') {
        return size + at;
    }
    let mut end = bytes.len();
    // Not inside a letter; at the very end of the file there is none to be inside of.
    while end > 1 && end > bytes.len() - 4 && std::str::from_utf8(&bytes[..end]).is_err_and(|error| error.error_len().is_none()) {
        end -= 1;
    }
    end
}
