//! `train`: begins a run on the adapter, or on all weights, and steps it.

use candle_core::DType;

use super::checkpoint::{self, Checkpoint, Found};
use super::full::retrack;
use super::runs::Keeping;
use super::subject::{Identity, Subject};
use super::{Prediction, Room, Session};
use crate::model::{Frozen, Model};
use crate::train::{Recipe, Run, Step, Tape};
use crate::{Error, Result};

/// A run and what it works on.
pub struct Active {
    pub run: Run,
    /// The weights that the run computes with: dense ones in its dtype; packed ones stay packed beside an adapter. Empty between cells.
    pub(super) working: Option<Model>,
    /// All weights are trained, not an adapter.
    pub(super) full: bool,
    /// Of the frozen weights, and what the linear layers compute in.
    dtype: DType,
    /// Set where the run is kept for another process.
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) room: Room,
    pub(super) keeping: Keeping,
}

impl Session {
    /// Begins a run and says what it will take. `dtype` is what linear layers compute in, and what frozen weights are held in while the run
    /// lasts; what is trained stays f32.
    ///
    /// # Errors
    /// `NoModel`, `NoData`, `BatchTooBig`, `TooBig`, `BadValue` for packing behind a soft prompt: nothing has changed then.
    pub fn begin_training(&mut self, recipe: Recipe, dtype: DType) -> Result<Prediction> {
        let full = self.adapter.is_none();
        let (prediction, room) = self.foresee(&recipe, dtype)?;
        let (model, data) = (&self.base()?.model, self.dataset()?);
        let mut working = model.converted_but(held_in(dtype, full), !full && recipe.keep_packed)?;
        let vars = match &self.adapter {
            Some(adapter) => adapter.vars().to_vec(),
            None => working.track_but(self.frozen.as_ref().unwrap_or(&Frozen::default()))?,
        };
        let mut run = Run::begin(recipe, vars, data)?;
        run.compute_in(dtype);
        run.keep(Tape::new(room.every));
        self.run = Some(Active { run, working: Some(working), full, dtype, checkpoint: None, room, keeping: Keeping::default() });
        Ok(prediction)
    }

    /// From now on the run that has just begun writes checkpoints, every `every` steps or half minutes. Gives the same run if it was cut
    /// off before; [`Session::go_on`] makes this one that one, else it is moved aside by the first checkpoint.
    ///
    /// # Errors
    /// `NoRun`; `BadCheckpoint` for one that cannot be read: it is moved aside too.
    pub fn keep_run(&mut self, every: Option<usize>) -> Result<Option<Found>> {
        let subject = self.subject()?;
        let active = self.run.as_mut().ok_or(Error::NoRun {})?;
        let identity = Identity { subject, dtype: active.dtype.as_str().to_owned(), recipe: active.run.recipe.clone() };
        active.checkpoint.insert(Checkpoint::new(&self.runs, identity, every)).found()
    }

    /// Makes the run that has just begun the one that was cut off.
    ///
    /// # Errors
    /// `NoRun`; `BadCheckpoint`, `MissingTensor`, `WrongShape`: there is no run then.
    pub fn go_on(&mut self, found: &Found, every: Option<usize>) -> Result<()> {
        let mut active = self.run.take().ok_or(Error::NoRun {})?;
        let checkpoint = Checkpoint::of(found, every);
        checkpoint.restore(&mut active.run)?;
        active.checkpoint = Some(checkpoint);
        active.keeping = Keeping::resumed();
        self.run = Some(active);
        Ok(())
    }

    /// Goes on with the latest run of another process on this model, data and adapter.
    ///
    /// # Errors
    /// `NoRun`; `OtherRun` says what differs; those of [`Session::begin_training`] and [`Session::go_on`].
    pub fn reopen_training(&mut self, steps: Option<usize>, every: Option<usize>) -> Result<Found> {
        if !checkpoint::any(&self.runs) {
            return Err(Error::NoRun {});
        }
        let found = checkpoint::latest(&self.runs, &self.subject()?)?;
        let dtype = [DType::F16, DType::BF16].into_iter().find(|dtype| dtype.as_str() == found.identity.dtype);
        self.begin_training(found.identity.recipe.clone(), dtype.unwrap_or(DType::F32))?;
        self.go_on(&found, every)?;
        if let (Some(active), Some(steps)) = (&mut self.run, steps) {
            if active.run.returned() {
                return Err(Error::RunReturned { step: active.run.weights_of() });
            }
            active.run.extend(steps);
        }
        Ok(found)
    }

    fn subject(&self) -> Result<Subject> {
        let subject = Subject::of(&self.base()?.model, self.adapter.as_ref(), self.dataset()?)?;
        Ok(match &self.frozen {
            Some(frozen) if self.adapter.is_none() => subject.with_frozen(&frozen.title()),
            _ => subject,
        })
    }

    /// Whether there is a run that this process may go on with.
    pub fn has_run(&self) -> bool {
        self.run.is_some()
    }

    /// Goes on with the run that was stopped, or adds as many steps as it had to one that is done.
    ///
    /// # Errors
    /// `NoRun`, `NoModel`, `NoData`.
    pub fn resume_training(&mut self, steps: Option<usize>) -> Result<()> {
        let active = self.run.as_ref().ok_or(Error::NoRun {})?;
        let (_, room) = self.foresee(&active.run.recipe, active.dtype)?;
        let model = &self.loaded.as_ref().ok_or(Error::NoModel {})?.model;
        let active = self.run.as_mut().ok_or(Error::NoRun {})?;
        if active.run.returned() {
            return Err(Error::RunReturned { step: active.run.weights_of() });
        }
        active.run.keep(Tape::new(room.every));
        active.room = room;
        if let Some(steps) = steps {
            active.run.extend(steps);
        }
        // A full run's variables are the session's weights since it was put down.
        active.working = Some(if active.full {
            retrack(model, &active.run)?
        } else {
            model.converted_but(active.dtype, active.run.recipe.keep_packed)?
        });
        Ok(())
    }

    /// The model as it is now: in the middle of a run on all weights, that run's.
    ///
    /// # Errors
    /// `NoModel`
    pub(super) fn current(&self) -> Result<&Model> {
        let base = &self.base()?.model;
        Ok(self.run.as_ref().filter(|active| active.full).and_then(|active| active.working.as_ref()).unwrap_or(base))
    }

    /// [`Session::train_step`] without its record.
    pub(super) fn take_step(&mut self) -> Result<Option<Step>> {
        let Some(Active { run, working: Some(model), checkpoint, .. }) = &mut self.run else { return Ok(None) };
        let data = self.data.as_mut().ok_or(Error::NoData {})?;
        if run.done() {
            return Ok(None);
        }
        if let Some(base) = &self.loaded {
            data.prepare(&run.upcoming(), &base.tokenizer)?;
        }
        let data = &*data;
        let deltas = self.adapter.as_ref().map(|adapter| adapter.deltas());
        run.step(model, deltas, data)?;
        if run.validation_due(data) && !self.stop.raised() {
            match run.validate(model, deltas, data, &self.stop) {
                // The step itself is taken and kept.
                Ok(_) | Err(Error::Interrupted { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(checkpoint) = checkpoint {
            checkpoint.after_step(run);
        }
        Ok(run.steps().last().cloned())
    }

    /// What went wrong with the last checkpoint, told once. The run itself goes on.
    pub fn checkpoint_trouble(&mut self) -> Option<Error> {
        self.run.as_mut()?.checkpoint.as_mut()?.trouble.take()
    }

    /// Keeps a run that was stopped between two steps for another process, if it is long enough.
    ///
    /// # Errors
    /// `DiskFull`, `Io`.
    pub fn keep_stopped(&mut self) -> Result<()> {
        match &mut self.run {
            Some(Active { run, checkpoint: Some(checkpoint), .. }) => checkpoint.stopped(run),
            _ => Ok(()),
        }
    }

    /// Highest resident memory of the run, in bytes.
    pub fn run_peak(&mut self) -> u64 {
        self.run.as_mut().map_or(0, |active| active.run.peak())
    }
}

/// The weights that are trained stay f32.
pub(super) fn held_in(dtype: DType, full: bool) -> DType {
    if full { DType::F32 } else { dtype }
}
