//! Where a run's checkpoint lies, whose it is, and when it is written: `runs/MODEL-ID/checkpoint.safetensors` in the home.
//!
//! A run that was cut off is found again by what it was made of; so is one that is done, until what it learned is saved or another run on the same
//! takes its place. A short one that needed no checkpoint leaves nothing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::subject::{Identity, Subject};
use crate::store;
use crate::train::{Progress, Run, State, header};
use crate::{Error, Result};

/// A run that was cut off.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub path: PathBuf,
    pub identity: Identity,
    pub step: usize,
    pub of: usize,
    /// It came to its end.
    pub done: bool,
    written: SystemTime,
}

/// The checkpoint of the run in progress.
pub struct Checkpoint {
    path: PathBuf,
    identity: Identity,
    /// Steps between two; without it time decides.
    every: Option<usize>,
    last: Instant,
    /// What writing took the last time.
    took: Duration,
    /// The file is this run's own.
    written: bool,
    /// What went wrong with the last one and was not told yet.
    pub trouble: Option<Error>,
}

const FILE: &str = "checkpoint.safetensors";
/// Lies beside one that a person was told of.
const TOLD: &str = "told";
/// Seconds between two checkpoints, and of a run that is worth one when it is stopped.
const EVERY: u64 = 30;
/// Writing takes at most this share of the time.
const SHARE: u32 = 20;

/// All runs that were cut off, the latest first. What cannot be read is none.
fn all(runs: &Path) -> Vec<Found> {
    let folders = std::fs::read_dir(runs).into_iter().flatten().flatten();
    let mut found: Vec<Found> = folders.filter_map(|folder| look(&folder.path().join(FILE)).ok()).collect();
    found.sort_by(|a, b| b.written.cmp(&a.written).then_with(|| a.path.cmp(&b.path)));
    found
}

fn look(path: &Path) -> Result<Found> {
    let (identity, Progress { step, of, done, .. }) = header(path)?;
    let written = path.metadata().and_then(|meta| meta.modified()).map_err(Error::io(path))?;
    Ok(Found { path: path.to_owned(), identity, step, of, done, written })
}

/// Runs that came to their end and were not saved, each told once.
pub fn unsaved(runs: &Path) -> Vec<Found> {
    let mut found = all(runs);
    found.retain(|run| run.done && File::create_new(run.path.with_file_name(TOLD)).is_ok());
    found
}

/// Whether any run was cut off.
pub fn any(runs: &Path) -> bool {
    !all(runs).is_empty()
}

/// The latest run that can go on with what `now` is made of, whatever its recipe.
///
/// # Errors
/// `OtherRun` says what differs in the latest of the same model; `NoRun` where there is none.
pub fn latest(runs: &Path, now: &Subject) -> Result<Found> {
    let found = all(runs);
    if let Some(same) = found.iter().find(|kept| now.difference(kept).is_none()) {
        return Ok(same.clone());
    }
    let other = found.iter().find(|kept| kept.identity.subject.model == now.model);
    Err(other.and_then(|kept| now.difference(kept)).unwrap_or(Error::NoRun {}))
}

impl Checkpoint {
    /// Of a run that begins now; nothing is written yet.
    pub fn new(runs: &Path, identity: Identity, every: Option<usize>) -> Self {
        let name: String = identity.subject.model.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
        let path = runs.join(format!("{name}-{}", identity.id())).join(FILE);
        Self { path, identity, every, last: Instant::now(), took: Duration::ZERO, written: false, trouble: None }
    }

    /// Of a run that goes on.
    pub fn of(found: &Found, every: Option<usize>) -> Self {
        let (path, identity) = (found.path.clone(), found.identity.clone());
        Self { path, identity, every, last: Instant::now(), took: Duration::ZERO, written: true, trouble: None }
    }

    /// The name of the run's folder.
    pub fn key(&self) -> String {
        self.path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The same run, cut off before.
    ///
    /// # Errors
    /// `BadCheckpoint` for a file that is there and cannot be read.
    pub fn found(&self) -> Result<Option<Found>> {
        match look(&self.path) {
            Err(Error::NotFound { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Makes `run` the one that was cut off.
    ///
    /// # Errors
    /// `BadCheckpoint`, `MissingTensor`, `WrongShape`.
    pub fn restore(&self, run: &mut Run) -> Result<()> {
        run.restore(State::read(&self.path)?)?;
        self.sweep();
        Ok(())
    }

    /// Takes away what a killed writer left half-done.
    fn sweep(&self) {
        let files = self.path.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        for file in files.filter(|file| file.file_name().to_string_lossy().starts_with(store::WRITING)) {
            let _ = std::fs::remove_file(file.path());
        }
    }

    /// Writes when it is time. A disk that is full must not end a run: what went wrong is kept for whoever asks.
    pub fn after_step(&mut self, run: &Run) {
        let due = match self.every {
            Some(steps) => run.steps().len().is_multiple_of(steps),
            None => self.last.elapsed() >= (self.took * SHARE).max(Duration::from_secs(EVERY)),
        };
        if due && !run.done() {
            self.trouble = self.write(run).err();
        }
    }

    /// Writes for a run that is stopped, unless it is so short that nobody would miss it.
    ///
    /// # Errors
    /// `DiskFull`, `Io`.
    pub fn stopped(&mut self, run: &Run) -> Result<()> {
        if self.worth(run) && !run.done() && !run.steps().is_empty() { self.write(run) } else { Ok(()) }
    }

    /// Writes for a run that is done, in place of other such runs on the same; what goes wrong is kept for whoever asks.
    pub fn conclude(&mut self, run: &Run) {
        if !self.worth(run) {
            return;
        }
        self.trouble = self.write(run).err();
        let Some(runs) = self.path.parent().and_then(Path::parent).filter(|_| self.trouble.is_none()) else { return };
        let others = all(runs).into_iter().filter(|run| run.done && run.path != self.path && run.identity.subject == self.identity.subject);
        others.for_each(|run| remove(&run.path));
    }

    fn worth(&self, run: &Run) -> bool {
        self.written || self.every.is_some() || run.seconds() >= EVERY as f64
    }

    fn write(&mut self, run: &Run) -> Result<()> {
        let started = Instant::now();
        if !self.written {
            self.set_aside()?;
        }
        let written = store::atomic_write(&self.path, |file| run.write(&self.identity, &self.path, file));
        (self.last, self.took) = (Instant::now(), started.elapsed());
        written?;
        self.written = true;
        Ok(())
    }

    /// Moves what an earlier run left to a free name beside it: nothing that took hours is overwritten. One that came to its end is this run.
    fn set_aside(&self) -> Result<()> {
        self.sweep();
        if look(&self.path).is_ok_and(|found| found.done) {
            remove(&self.path);
            return Ok(());
        }
        let Some(folder) = self.path.parent().filter(|_| self.path.exists()) else { return Ok(()) };
        let beside = (1..).map(|i| PathBuf::from(format!("{}.{i}", folder.display()))).find(|beside| !beside.exists());
        beside.map_or(Ok(()), |beside| std::fs::rename(folder, beside).map_err(Error::io(folder)))
    }

    /// Of a run that is done: what it learned lies elsewhere now.
    pub fn discard(&mut self) {
        if self.written {
            remove(&self.path);
            self.written = false;
        }
    }
}

/// Takes a checkpoint away with its folder.
fn remove(path: &Path) {
    if let Some(folder) = path.parent() {
        let _ = std::fs::remove_dir_all(folder);
    }
}
