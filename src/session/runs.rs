//! The record of a run: begun with its first step, written after each, ended when the run is put down.

use std::path::PathBuf;

use super::Session;
use crate::store::{AllRuns, End, Head, Layers, Past, Point, Record, Runs};
use crate::train::{Run, Step};
use crate::{Error, Result};

/// What keeps the record of the run in progress.
#[derive(Debug, Default)]
pub struct Keeping {
    record: Option<Record>,
    /// Its number, kept while the run is put down.
    n: Option<usize>,
    /// The run is one of another process, or was put down: the record goes on.
    goes_on: bool,
    /// How the last step failed.
    failed: Option<&'static str>,
    /// What went wrong with writing, not told yet. A disk that is full must not end a run.
    trouble: Option<Error>,
    /// Nothing more is written after trouble.
    off: bool,
}

impl Keeping {
    /// Of a run that another process began.
    pub fn resumed() -> Self {
        Self { goes_on: true, ..Self::default() }
    }

    fn write(&mut self, put: impl FnOnce(&mut Record) -> Result<()>) {
        if let Some(record) = &mut self.record
            && let Err(error) = put(record)
        {
            self.give_up(error);
        }
    }

    fn give_up(&mut self, error: Error) {
        (self.record, self.off, self.trouble) = (None, true, Some(error));
    }
}

impl Session {
    /// The runs of this home.
    pub fn past_runs(&self) -> AllRuns {
        Runs::new(&self.records).all()
    }

    /// # Errors
    /// `NoPastRun`
    pub fn past_run(&self, n: usize) -> Result<Past> {
        Runs::new(&self.records).get(n)
    }

    /// Moves a record out of the list; says where it lies now.
    ///
    /// # Errors
    /// `NoPastRun`, `Io`.
    pub fn drop_run(&self, n: usize) -> Result<PathBuf> {
        Runs::new(&self.records).drop(n)
    }

    /// The number of the run in progress, or of the last one.
    pub fn run_number(&self) -> Option<usize> {
        self.run.as_ref()?.keeping.n
    }

    /// One optimizer step, and a look at the validation examples when it is due; `None` when the run is done.
    ///
    /// # Errors
    /// `NotFinite`, `NoGradient`, `Interrupted` during validation.
    pub fn train_step(&mut self) -> Result<Option<Step>> {
        let step = self.take_step();
        match &step {
            Ok(None) => {}
            taken => self.note_step(taken.as_ref().err()),
        }
        step
    }

    /// Writes down the step that was just taken, or how it failed.
    pub(super) fn note_step(&mut self, failed: Option<&Error>) {
        let open = self.run.as_ref().is_some_and(|active| active.keeping.record.is_some() || active.keeping.off);
        let opened = if open { None } else { self.open_record() };
        let Some(active) = &mut self.run else { return };
        let (run, keeping) = (&active.run, &mut active.keeping);
        match opened {
            Some(Ok(record)) => (keeping.n, keeping.record) = (Some(record.n), Some(record)),
            Some(Err(error)) => keeping.give_up(error),
            None => {}
        }
        if let Some(error) = failed {
            keeping.failed = Some(error.name());
        } else if let Some(point) = point(run) {
            keeping.write(|record| record.step(point));
            if point.n == 1 {
                keeping.write(|record| record.layers(Layers { n: 1, norms: run.layers() }));
            }
        }
    }

    fn open_record(&self) -> Option<Result<Record>> {
        let (active, runs) = (self.run.as_ref()?, Runs::new(&self.records));
        let done = active.run.steps().len().saturating_sub(1);
        let key = active.checkpoint.as_ref().map(super::checkpoint::Checkpoint::key).unwrap_or_default();
        let found = match active.keeping.n {
            Some(n) => runs.go_on(n, done).ok(),
            None if active.keeping.goes_on => runs.reopen(&key, done).ok(),
            None => None,
        };
        Some(found.map_or_else(|| runs.begin(&self.head(&active.run, key)?), Ok))
    }

    fn head(&self, run: &Run, key: String) -> Result<Head> {
        Ok(Head {
            began: chrono::Utc::now().timestamp().max(0).cast_unsigned(),
            key,
            model: self.base()?.model.name.clone(),
            data: self.dataset()?.name.clone(),
            method: self.adapter.as_ref().map_or_else(|| "full".to_owned(), crate::adapter::Adapter::title),
            parameters: run.vars().iter().map(|(_, var)| var.elem_count() as u64).sum(),
            of: run.total(),
            recipe: serde_json::to_value(&run.recipe).unwrap_or_default(),
        })
    }

    /// Ends the record of the run that is put down.
    pub(super) fn end_record(&mut self) {
        let Some(active) = &mut self.run else { return };
        let (peak, run, keeping) = (active.run.peak(), &active.run, &mut active.keeping);
        let how = keeping.failed.take().unwrap_or(if run.done() { "done" } else { "stopped" });
        if run.steps().len() > 1 {
            let layers = Layers { n: run.steps().len(), norms: run.layers() };
            keeping.write(|record| record.layers(layers));
        }
        if let Some(record) = keeping.record.take()
            && let Err(error) = record.end(End { how: how.to_owned(), seconds: run.seconds(), peak })
        {
            keeping.give_up(error);
        }
    }

    /// What went wrong with the record, told once.
    pub fn record_trouble(&mut self) -> Option<Error> {
        self.run.as_mut()?.keeping.trouble.take()
    }
}

fn point(run: &Run) -> Option<Point> {
    let (step, stats) = (run.steps().last()?, run.stats().last()?);
    Some(Point {
        n: step.n,
        loss: Some(step.loss).filter(|loss| loss.is_finite()),
        lr: step.lr,
        norm: Some(step.grad_norm).filter(|norm| norm.is_finite()),
        ratio: Some(stats.ratio).filter(|ratio| ratio.is_finite()),
        tokens: step.tokens,
        seconds: stats.seconds,
        val: step.validation.map(|v| v.loss),
    })
}
