//! Past runs: a file each, numbered, see [`super::record`].

use std::fs::File;
use std::path::{Path, PathBuf};

use super::record::{Head, Past, Record, read};
use crate::{Error, Result};

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
                Ok(file) => return Record::begin(n, path, file, head),
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
        Record::go_on(n, path, file, done)
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::record::{End, Point};
    use super::*;

    fn point(n: usize, val: Option<f64>) -> Point {
        Point { n, loss: Some(1.0 / n as f64), lr: 0.1, norm: Some(2.0), ratio: None, tokens: 8, seconds: 0.5, val }
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
