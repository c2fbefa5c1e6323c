//! The record of one run: a JSON object a line, written while the run goes. A process that is killed leaves all of it but the line in
//! progress; a line that cannot be read costs itself alone.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a run is made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Seconds since 1970, UTC.
    pub began: u64,
    /// Of the folder of its checkpoint: finds the record again when another process goes on.
    pub key: String,
    pub model: String,
    pub data: String,
    /// `lora r=16 c_attn`, `full`.
    pub method: String,
    /// Trained numbers.
    pub parameters: u64,
    pub of: usize,
    /// The settings as the run had them.
    pub recipe: serde_json::Value,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub n: usize,
    /// None where it was not finite.
    pub loss: Option<f64>,
    pub lr: f64,
    /// L2 norm of the gradient before clipping; none where the step was skipped.
    pub norm: Option<f64>,
    /// log10 of update to weight.
    pub ratio: Option<f64>,
    pub tokens: usize,
    pub seconds: f64,
    pub val: Option<f64>,
}

/// Norms of the gradient by layer, at one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layers {
    pub n: usize,
    pub norms: Vec<(String, f64)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// `done`, `stopped`, or the name of an error.
    pub how: String,
    pub seconds: f64,
    /// Bytes.
    pub peak: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Begin(Head),
    Step(Point),
    Layers(Layers),
    End(End),
    /// Went on after so many steps; later ones that stand before this line were lost.
    On(usize),
}

/// A past run, or one that goes on in some process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    pub n: usize,
    pub head: Head,
    pub steps: Vec<Point>,
    pub layers: Vec<Layers>,
    pub end: Option<End>,
    /// A process writes to it now.
    pub live: bool,
    /// Lines that could not be read.
    pub unreadable: usize,
}

impl Past {
    pub fn best(&self) -> Option<(usize, f64)> {
        let looked = self.steps.iter().filter_map(|step| Some((step.n, step.val?)));
        looked.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Seconds in steps.
    pub fn seconds(&self) -> f64 {
        self.steps.iter().map(|step| step.seconds).sum()
    }
}

/// The record at `path`; `None` for a file that is none.
pub(super) fn read(n: usize, path: &Path) -> Option<Past> {
    let file = File::open(path).ok()?;
    let live = matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock));
    let mut past = Past { n, live, ..Past::default() };
    let mut begun = false;
    let mut bad = 0;
    for line in BufReader::new(file).split(b'\n') {
        let line = line.ok()?;
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Line>(&line) {
            Err(_) => bad += 1,
            Ok(Line::Begin(head)) => (past.head, begun) = (head, true),
            Ok(Line::Step(point)) => past.steps.push(point),
            Ok(Line::Layers(layers)) => past.layers.push(layers),
            Ok(Line::End(end)) => past.end = Some(end),
            Ok(Line::On(done)) => {
                past.steps.retain(|step| step.n <= done);
                past.layers.retain(|layers| layers.n <= done.max(1));
                past.end = None;
            }
        }
    }
    past.unreadable = bad;
    begun.then_some(past)
}

/// A record that a run writes to.
#[derive(Debug)]
pub struct Record {
    pub n: usize,
    path: PathBuf,
    file: File,
}

impl Record {
    /// Begins with `head`, in a new file.
    pub(super) fn begin(n: usize, path: PathBuf, file: File, head: &Head) -> Result<Self> {
        let mut record = Self::of(n, path, file);
        record.put(&Line::Begin(head.clone()))?;
        Ok(record)
    }

    /// Goes on after `done` steps, in its file.
    pub(super) fn go_on(n: usize, path: PathBuf, file: File, done: usize) -> Result<Self> {
        let mut record = Self::of(n, path, file);
        // The line that a killed process was writing must not swallow this one.
        record.file.write_all(b"\n").map_err(Error::io(&record.path))?;
        record.put(&Line::On(done))?;
        Ok(record)
    }

    /// Held as long as the record is open: so others see that the run goes on.
    fn of(n: usize, path: PathBuf, file: File) -> Self {
        let _ = file.try_lock();
        Self { n, path, file }
    }

    /// # Errors
    /// `DiskFull`, `Io`.
    pub fn step(&mut self, point: Point) -> Result<()> {
        self.put(&Line::Step(point))
    }

    /// # Errors
    /// `DiskFull`, `Io`.
    pub fn layers(&mut self, layers: Layers) -> Result<()> {
        self.put(&Line::Layers(layers))
    }

    /// # Errors
    /// `DiskFull`, `Io`.
    pub fn end(mut self, end: End) -> Result<()> {
        self.put(&Line::End(end))
    }

    /// One write a line, so a reader sees whole lines.
    fn put(&mut self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_string(line).unwrap_or_default();
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(Error::io(&self.path))
    }
}
