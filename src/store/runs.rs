//! Past runs: a file each, one JSON object a line, written while the run goes. A process that is killed leaves all of it but the line in
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
    pub loss: f64,
    pub lr: f64,
    /// L2 norm of the gradient before clipping.
    pub norm: f64,
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

/// The records of a home.
#[derive(Clone, Debug)]
pub struct Runs {
    folder: PathBuf,
}

/// Records that were read, oldest first, and the names of files that are none.
pub type All = (Vec<Past>, Vec<String>);

impl Runs {
    /// In this folder, see [`super::Home::records`]. Nothing is made before the first record.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn dropped(&self) -> PathBuf {
        self.folder.join("dropped")
    }

    fn path(&self, n: usize) -> PathBuf {
        self.folder.join(format!("{n:06}.jsonl"))
    }

    /// A new record; its number is given to no other run, dropped ones included.
    ///
    /// # Errors
    /// `Io`, `DiskFull`.
    pub fn begin(&self, head: &Head) -> Result<Record> {
        std::fs::create_dir_all(&self.folder).map_err(Error::io(&self.folder))?;
        let highest = [&self.folder, &self.dropped()].into_iter().flat_map(|folder| numbers(folder)).max().unwrap_or(0);
        for n in highest + 1.. {
            let path = self.path(n);
            match File::options().append(true).create_new(true).open(&path) {
                Err(taken) if taken.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(other) => return Err(Error::io(&path)(other)),
                Ok(file) => {
                    let mut record = Record::of(n, path, file);
                    record.put(&Line::Begin(head.clone()))?;
                    return Ok(record);
                }
            }
        }
        Err(Error::Internal { doing: "numbering runs".into(), cause: "none is free".into() })
    }

    /// The latest record of the run with this key, to go on after `done` steps.
    ///
    /// # Errors
    /// `NoPastRun`, `Io`.
    pub fn reopen(&self, key: &str, done: usize) -> Result<Record> {
        let found = self.all().0.into_iter().rfind(|past| past.head.key == key && !past.live);
        self.go_on(found.ok_or(Error::NoRun {})?.n, done)
    }

    /// Goes on with record `n` after `done` steps.
    ///
    /// # Errors
    /// `Io`, `NotFound`.
    pub fn go_on(&self, n: usize, done: usize) -> Result<Record> {
        let path = self.path(n);
        let file = File::options().append(true).open(&path).map_err(Error::io(&path))?;
        let mut record = Record::of(n, path, file);
        // The line that a killed process was writing must not swallow this one.
        record.file.write_all(b"\n").map_err(Error::io(&record.path))?;
        record.put(&Line::On(done))?;
        Ok(record)
    }

    /// All that are not dropped.
    pub fn all(&self) -> All {
        let (mut all, mut damaged) = (Vec::new(), Vec::new());
        let mut found: Vec<usize> = numbers(&self.folder);
        found.sort_unstable();
        for n in found {
            let path = self.path(n);
            match read(n, &path) {
                Some(past) => all.push(past),
                None => damaged.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned()),
            }
        }
        (all, damaged)
    }

    /// # Errors
    /// `NoPastRun` names those that are there.
    pub fn get(&self, n: usize) -> Result<Past> {
        let missing = || {
            let known: Vec<String> = numbers(&self.folder).into_iter().map(|n| n.to_string()).collect();
            Error::NoPastRun { given: n, known: ranges(&known) }
        };
        read(n, &self.path(n)).ok_or_else(missing)
    }

    /// Moves record `n` out of the list; says where it lies now.
    ///
    /// # Errors
    /// `NoPastRun`, `Io`.
    pub fn drop(&self, n: usize) -> Result<PathBuf> {
        self.get(n)?;
        let (from, folder) = (self.path(n), self.dropped());
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let to = folder.join(from.file_name().unwrap_or_default());
        std::fs::rename(&from, &to).map_err(Error::io(&from))?;
        Ok(to)
    }
}

fn numbers(folder: &Path) -> Vec<usize> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut numbers: Vec<usize> = files.filter_map(|file| file.file_name().to_str()?.strip_suffix(".jsonl")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// The last few of many.
fn ranges(known: &[String]) -> String {
    let from = known.len().saturating_sub(8);
    let shown = known[from..].join(", ");
    if from > 0 { format!("…, {shown}") } else { shown }
}

fn read(n: usize, path: &Path) -> Option<Past> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn point(n: usize, val: Option<f64>) -> Point {
        Point { n, loss: 1.0 / n as f64, lr: 0.1, norm: 2.0, ratio: None, tokens: 8, seconds: 0.5, val }
    }

    fn head(key: &str) -> Head {
        Head { key: key.to_owned(), of: 3, ..Head::default() }
    }

    #[test]
    fn a_killed_run_leaves_what_it_did_and_goes_on() {
        let root = tempfile::tempdir().unwrap();
        let runs = Runs::new(root.path());
        assert_eq!(runs.all(), (vec![], vec![]));
        let mut record = runs.begin(&head("a")).unwrap();
        record.step(point(1, None)).unwrap();
        record.step(point(2, Some(0.25))).unwrap();
        assert!(runs.get(1).unwrap().live);
        drop(record);
        let mut torn = File::options().append(true).open(runs.path(1)).unwrap();
        torn.write_all(b"{\"step\":{\"n\":3,\"lo").unwrap();
        drop(torn);
        let past = runs.get(1).unwrap();
        assert_eq!((past.live, past.steps.len(), past.end.clone(), past.best(), past.unreadable), (false, 2, None, Some((2, 0.25)), 1));
        // Its checkpoint was of step 1.
        let mut record = runs.reopen("a", 1).unwrap();
        record.step(point(2, Some(0.5))).unwrap();
        record.end(End { how: "done".into(), seconds: 1.0, peak: 7 }).unwrap();
        let past = runs.get(1).unwrap();
        assert_eq!((past.steps.len(), past.best(), past.end.map(|end| end.how)), (2, Some((2, 0.5)), Some("done".to_owned())));
        assert!(runs.reopen("b", 1).is_err());
    }

    #[test]
    fn numbers_are_given_once_and_damage_costs_itself_alone() {
        let root = tempfile::tempdir().unwrap();
        let runs = Runs::new(root.path());
        (0..3).for_each(|_| drop(runs.begin(&head("a")).unwrap()));
        let moved = runs.drop(3).unwrap();
        assert!(moved.is_file());
        assert_eq!(runs.drop(3), Err(Error::NoPastRun { given: 3, known: "1, 2".into() }));
        assert_eq!(runs.begin(&head("a")).unwrap().n, 4);
        std::fs::write(runs.path(2), b"\x00\xffnothing").unwrap();
        std::fs::write(runs.folder.join("notes.txt"), "mine").unwrap();
        let (all, damaged) = runs.all();
        assert_eq!((all.iter().map(|past| past.n).collect::<Vec<_>>(), damaged), (vec![1, 4], vec!["000002.jsonl".to_owned()]));
    }

    #[test]
    fn runs_that_begin_at_once_get_numbers_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let runs = Runs::new(root.path());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10).for_each(|_| drop(runs.begin(&head("a")).unwrap())));
            }
        });
        assert_eq!(numbers(&runs.folder), (1..=40).collect::<Vec<_>>());
    }
}
