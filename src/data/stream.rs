//! A file larger than memory: one pass finds where its rows begin and checks them; each is worded and tokenised when a batch needs it.
//!
//! Rows have the numbers 0.. and are read in any order, so the order of a run and its place in it are those of data in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::dataset::{self, Options};
use super::layout::{self, Fields, Layout, Row};
use super::mask::{self, Example};
use super::read::{self, Format};
use super::scan::{Hashed, Scan, csv_reader};
use super::{Dataset, Encode, Source, Template, split};
use crate::stop::Stop;
use crate::words::formats;
use crate::{Error, Result};

/// Bytes of running text that stand for one token.
const BYTES_A_TOKEN: usize = 4;

/// Validation examples of a stream: they are kept in memory.
const MOST_HELD: usize = 256;
/// Training examples of a stream that the view and the forecasts are made from.
const LOOKED_AT: usize = 64;

/// Where the rows of a file are, and how they become examples.
#[derive(Debug)]
pub struct Stream {
    path: PathBuf,
    file: File,
    format: Format,
    pub layout: Layout,
    pub template: Option<Template>,
    /// The columns that rows are made of.
    pub columns: Vec<String>,
    chosen: Vec<String>,
    /// The names in the first record of a CSV file.
    header: Vec<String>,
    max_length: usize,
    /// Where each row begins, and where the last one ends.
    offsets: Vec<u64>,
    /// Rows kept from training, in order.
    held: Vec<usize>,
    /// SHA-256 of the whole file.
    pub digest: [u8; 32],
    /// Rows left out, for their answer is empty.
    pub dropped: usize,
}

impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.digest == other.digest && self.offsets == other.offsets
    }
}

impl Stream {
    /// Reads the file once. `progress` gets bytes so far and in all.
    ///
    /// # Errors
    /// `BadValue` for a format without rows that stand alone; those of [`read::read`]; `NoChatTemplate`; `Interrupted`.
    pub fn open(
        path: &Path,
        options: &Options,
        tokenizer: &impl Encode,
        progress: &mut dyn FnMut(u64, Option<u64>),
        stop: &Stop,
    ) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let mut start = vec![0; 4096];
        let count = (&file).read(&mut start).map_err(Error::io(path))?;
        let head = String::from_utf8_lossy(&start[..count]).into_owned();
        let format = read::format(path, &head);
        if matches!(format, Format::Json) || read::is_packed(path, head.as_bytes()) {
            let allowed = formats::STREAMED.text().to_owned();
            return Err(Error::BadValue { option: "stream".into(), given: "true".into(), allowed });
        }
        let total = file.metadata().map_err(Error::io(path))?.len();
        let again = file.try_clone().map_err(Error::io(path))?;
        let mut scan =
            Scan { path, options, stop, progress, total, layout: None, columns: Vec::new(), offsets: Vec::new(), end: 0, dropped: 0 };
        let mut hashed = Hashed { file: again, hash: Sha256::new() };
        hashed.file.rewind().map_err(Error::io(path))?;
        let header = match format {
            Format::Csv(separator) => scan.csv(&mut hashed, separator)?,
            Format::Text => scan.text(&mut hashed, options.block * BYTES_A_TOKEN).map(|()| Vec::new())?,
            _ => scan.lines(&mut hashed).map(|()| Vec::new())?,
        };
        let Scan { layout, columns, mut offsets, end, dropped, .. } = scan;
        let layout = layout.filter(|_| !offsets.is_empty()).ok_or_else(|| Error::EmptyData { path: path.display().to_string() })?;
        offsets.push(end);
        let template = dataset::template_for(layout, options, tokenizer)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            format,
            layout,
            template,
            columns,
            chosen: options.columns.clone(),
            header,
            max_length: options.max_length,
            offsets,
            held: Vec::new(),
            digest: hashed.hash.finalize().into(),
            dropped,
        })
    }

    /// Keeps rows from training, in order.
    pub fn hold(&mut self, rows: Vec<usize>) {
        self.held = rows;
    }

    pub fn held(&self) -> &[usize] {
        &self.held
    }

    /// Rows to train on.
    pub fn count(&self) -> usize {
        self.len() - self.held.len()
    }

    /// The row of the training example `i`.
    pub fn trained(&self, i: usize) -> usize {
        self.held.iter().fold(i, |row, held| if *held <= row { row + 1 } else { row })
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Row `i` as an example; where the cut leaves nothing to learn, the next row that has something.
    ///
    /// # Errors
    /// `BadRow`, also for a file that has changed; `NothingToLearn` where no row has anything.
    pub fn example(&self, i: usize, tokenizer: &impl Encode) -> Result<(Row, Example)> {
        let n = self.len();
        let other = |j: &usize| *j == i || self.held.binary_search(j).is_err();
        for i in (i..n).chain(0..i).filter(other) {
            let row = self.row(i)?;
            let mut example = match (self.format, &row) {
                // A piece from the middle of a text: it does not end there.
                (Format::Text, Row::Text(text)) => Example::new(mask::open(tokenizer, text)?, 0),
                _ => dataset::example(&self.path, i + 1, &row, self.template, tokenizer)?,
            };
            example.cut(self.max_length);
            if example.count() > 0 {
                return Ok((row, example));
            }
        }
        Err(Error::NothingToLearn { examples: n })
    }

    fn row(&self, i: usize) -> Result<Row> {
        let bad = |cause: String| Error::BadRow { path: self.path.display().to_string(), row: i + 1, cause };
        let (from, to) = (self.offsets[i], self.offsets[i + 1]);
        let mut bytes = vec![0; (to - from) as usize];
        let read = (&self.file).seek(SeekFrom::Start(from)).and_then(|_| (&self.file).read_exact(&mut bytes));
        read.map_err(|error| bad(error.to_string()))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| bad(formats::CHANGED.text().to_owned()))?;
        let fields: Fields = match self.format {
            Format::Text => return Ok(Row::Text(text.trim_start_matches('\u{feff}').to_owned())),
            Format::Csv(separator) => {
                let mut reader = csv_reader(separator, text.as_bytes());
                let record =
                    reader.records().next().and_then(std::result::Result::ok).ok_or_else(|| bad(formats::CHANGED.text().to_owned()))?;
                self.header.iter().cloned().zip(record.iter().map(serde_json::Value::from)).collect()
            }
            _ => {
                let line = text.lines().next().unwrap_or_default().trim_start_matches('\u{feff}');
                serde_json::from_str(line).map_err(|_| bad(formats::CHANGED.text().to_owned()))?
            }
        };
        let renamed = layout::chosen(&fields, &self.chosen).map_err(bad)?;
        layout::row(self.layout, renamed.as_ref().unwrap_or(&fields)).map_err(bad)
    }
}

impl Dataset {
    /// A file that is not taken into memory.
    ///
    /// # Errors
    /// Those of [`Stream::open`] and [`Dataset::load`].
    pub fn stream(
        path: &Path,
        options: &Options,
        tokenizer: &impl Encode,
        progress: &mut dyn FnMut(u64, Option<u64>),
        stop: &Stop,
    ) -> Result<Self> {
        options.check()?;
        let mut stream = Stream::open(path, options, tokenizer, progress, stop)?;
        let n = stream.len();
        stream.hold(split::held(n, options.val, MOST_HELD, options.seed));
        let count = stream.count();
        let looked: Vec<usize> = (0..LOOKED_AT.min(count)).map(|i| stream.trained(i * count / LOOKED_AT.min(count))).collect();
        let (mut rows, mut cut) = (Vec::new(), 0);
        let mut all = |indices: &[usize]| -> Result<Vec<Example>> {
            let one = |i: &usize| {
                let (row, example) = stream.example(*i, tokenizer)?;
                rows.push(row);
                cut += usize::from(example.len() == options.max_length);
                Ok(Example { row: rows.len() - 1, ..example })
            };
            indices.iter().map(one).collect()
        };
        let (train, val) = (all(&looked)?, all(stream.held())?);
        let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        let (layout, template, dropped) = (stream.layout, stream.template, stream.dropped);
        let source = Source { columns: stream.columns.clone(), stream: Some(Arc::new(stream)), ..Source::default() };
        Ok(Self { name, layout, template, rows, train, val, cut, dropped, duplicates: 0, source })
    }

    /// Examples to train on.
    pub fn count(&self) -> usize {
        self.source.stream.as_ref().map_or(self.train.len(), |stream| stream.count())
    }

    /// Example `i` of [`Dataset::count`]; of a stream one that [`Dataset::prepare`] was asked for.
    pub fn get(&self, i: usize) -> &Example {
        match self.source.stream {
            Some(_) => &self.source.ready[&i],
            None => &self.train[i],
        }
    }

    /// Reads the examples that the next batches need, in place of those before.
    ///
    /// # Errors
    /// Those of [`Stream::example`].
    pub fn prepare(&mut self, wanted: &[usize], tokenizer: &impl Encode) -> Result<()> {
        let Some(stream) = self.source.stream.clone() else { return Ok(()) };
        let mut ready = BTreeMap::new();
        for i in wanted {
            let kept = self.source.ready.remove(i);
            let example = kept.map_or_else(|| stream.example(stream.trained(*i), tokenizer).map(|(_, example)| example), Ok)?;
            ready.insert(*i, Example { row: usize::MAX, ..example });
        }
        self.source.ready = ready;
        Ok(())
    }
}
