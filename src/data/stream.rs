//! Files larger than memory: one pass finds where their rows begin and checks them; each is worded and tokenised when a batch needs it.
//!
//! Rows have the numbers 0.. and are read in any order, so the split, the order of a run and its place in it are those of data in memory.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::dataset::{self, Options};
use super::layout::{Layout, Row};
use super::mask::{self, Example};
use super::part::{self, Part};
use super::scan::Scan;
use super::{Encode, Template, split};
use crate::stop::Stop;
use crate::{Error, Result};

/// Validation examples of a stream: they are kept in memory.
pub const MOST_HELD: usize = 256;

/// Rows that are looked at for one with something to learn.
const TRIED: usize = 1000;

/// Where the rows of some files are, and how they become examples.
#[derive(Debug)]
pub struct Stream {
    parts: Vec<Part>,
    /// The number of each part's first row, and how many rows there are.
    starts: Vec<usize>,
    pub layout: Layout,
    pub template: Option<Template>,
    /// The columns that rows are made of.
    pub columns: Vec<String>,
    chosen: Vec<String>,
    max_length: usize,
    /// Rows to train on, in the order of data in memory.
    trained: Vec<u32>,
    /// Rows kept from training.
    held: Vec<u32>,
    /// Validation rows that also stand among the others.
    pub duplicates: usize,
    /// SHA-256 of what is read.
    pub digest: [u8; 32],
    /// Rows left out, for their answer is empty.
    pub dropped: usize,
}

impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.trained == other.trained && self.held == other.held
    }
}

impl Stream {
    /// Reads the files once. `progress` gets bytes so far and in all.
    ///
    /// # Errors
    /// Those of [`super::read::read_all`]; `BadValue` for a packed file; `NoChatTemplate`; `NothingToLearn`; `Interrupted`.
    pub fn open(
        paths: &[PathBuf],
        options: &Options,
        tokenizer: &impl Encode,
        progress: &mut dyn FnMut(u64, Option<u64>),
        stop: &Stop,
    ) -> Result<Self> {
        let total = part::size(paths)?;
        let (mut parts, mut starts, mut marks, mut hash) = (Vec::<Part>::new(), vec![0], Vec::new(), Sha256::new());
        let (mut known, mut before, mut seen) = (None::<(Layout, Vec<String>)>, 0, 0);
        for path in paths {
            let mut scan = Scan::new(path, options, stop, progress);
            if seen >= scan.left {
                break;
            }
            (scan.before, scan.total, scan.left) = (before, total, scan.left - seen);
            let part = Part::open(&mut scan, options)?;
            seen += scan.seen;
            marks.append(&mut scan.marks);
            before += part::size(std::slice::from_ref(path))?;
            let found = scan.layout.map(|layout| (layout, std::mem::take(&mut scan.columns)));
            if let (Some((layout, _)), Some((other, columns))) = (&known, &found)
                && layout != other
            {
                return Err(Error::UnknownLayout { path: path.display().to_string(), given: columns.join(", ") });
            }
            known = known.or(found);
            hash.update(part.digest);
            starts.push(starts.last().copied().unwrap_or(0) + part.len());
            parts.push(part);
        }
        let empty = || Error::EmptyData { path: paths.first().map(|path| path.display().to_string()).unwrap_or_default() };
        let (layout, columns) = known.ok_or_else(empty)?;
        let dropped = parts.iter().map(Part::dropped).sum();
        let digest = if let [one] = parts.as_slice() { one.digest } else { hash.finalize().into() };
        let n = starts.last().copied().unwrap_or(0);
        if n == 0 {
            return Err(Error::NothingToLearn { examples: dropped });
        }
        let (trained, held) = split::numbers(number(n)?, options.val, MOST_HELD, options.seed);
        let template = dataset::template_for(layout, options, tokenizer)?;
        let duplicates = split::repeated(&marks, &held);
        let (chosen, max_length) = (options.columns.clone(), options.max_length);
        Ok(Self { parts, starts, layout, template, columns, chosen, max_length, trained, held, duplicates, digest, dropped })
    }

    /// Rows kept from training.
    pub fn held(&self) -> impl Iterator<Item = usize> {
        self.held.iter().map(|row| *row as usize)
    }

    /// Rows to train on.
    pub fn count(&self) -> usize {
        self.trained.len()
    }

    /// The row of the training example `i`.
    pub fn trained(&self, i: usize) -> usize {
        self.trained[i] as usize
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.trained.len() + self.held.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which row of the files row `i` is, those left out counted, from 0.
    pub fn ordinal(&self, i: usize) -> usize {
        let (p, at) = self.find(i);
        self.parts[..p].iter().map(|part| part.len() + part.dropped()).sum::<usize>() + self.parts[p].ordinal(at)
    }

    fn find(&self, i: usize) -> (usize, usize) {
        let p = self.starts.partition_point(|start| *start <= i).saturating_sub(1).min(self.parts.len() - 1);
        (p, i - self.starts[p])
    }

    /// Row `i` as an example, of which the cut may leave nothing to learn.
    ///
    /// # Errors
    /// `BadRow`, also for a file that has changed.
    pub fn row(&self, i: usize, tokenizer: &impl Encode) -> Result<(Row, Example)> {
        let (p, at) = self.find(i);
        let part = &self.parts[p];
        let row = part.row(at, self.layout, &self.chosen)?;
        let mut example = match &row {
            Row::Text(text) if part.is_text() => Example::new(mask::open(tokenizer, text)?, 0),
            _ => dataset::example(&part.path, 0, &row, self.template, tokenizer).map_err(|error| match error {
                Error::BadRow { cause, .. } => part.bad(at, cause),
                other => other,
            })?,
        };
        example.cut(self.max_length);
        Ok((row, Example { row: self.ordinal(i), ..example }))
    }

    /// Row `i`; where the cut leaves nothing to learn, the next one to train on that has something.
    ///
    /// # Errors
    /// Those of [`Stream::row`]; `NothingToLearn` where so many rows in a row have nothing.
    pub fn example(&self, i: usize, tokenizer: &impl Encode) -> Result<(Row, Example)> {
        let n = self.len();
        let other = |j: &usize| *j == i || !self.held().any(|held| held == *j);
        for i in (i..n).chain(0..i).filter(other).take(TRIED) {
            let (row, example) = self.row(i, tokenizer)?;
            if example.count() > 0 {
                return Ok((row, example));
            }
        }
        Err(Error::NothingToLearn { examples: n.min(TRIED) })
    }
}

/// Rows are numbered in 32 bits: 12 bytes a row stay in memory, with where it begins.
fn number(n: usize) -> Result<u32> {
    let most = u32::MAX;
    u32::try_from(n).map_err(|_| Error::BadValue { option: "limit".into(), given: n.to_string(), allowed: format!("1 … {most}") })
}
