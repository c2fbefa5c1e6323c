//! `train`: begins a run on the adapter, or on all weights; steps it; puts things back when it is over.

use candle_core::DType;

use super::Session;
use super::checkpoint::{self, Checkpoint, Found, Identity, Subject};
use super::full::retrack;
use crate::data::Dataset;
use crate::device;
use crate::model::{Frozen, Model, fits};
use crate::train::{Recipe, Run, Step, Validation};
use crate::words::training;
use crate::{Error, Result};

/// A run and what it works on.
pub struct Active {
    pub run: Run,
    /// The weights that the run computes with: dense ones in its dtype; packed ones stay packed beside an adapter. Empty between cells.
    working: Option<Model>,
    /// All weights are trained, not an adapter.
    full: bool,
    /// Of the frozen weights, and what the linear layers compute in.
    dtype: DType,
    /// Set where the run is kept for another process.
    checkpoint: Option<Checkpoint>,
}

/// What a run is expected to take, said before it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    pub steps: usize,
    pub parameters: usize,
    /// Memory beside the weights that are loaded.
    pub bytes: u64,
    /// Of that, for frozen weights that had to be widened.
    pub widened: u64,
    pub seconds: f64,
}

impl Session {
    /// Begins a run and says what it will take. `dtype` is what linear layers compute in, and what frozen weights are held in while the run
    /// lasts; what is trained stays f32.
    ///
    /// # Errors
    /// `NoModel`, `NoData`, `BatchTooBig`, `TooBig`, `BadValue` for packing behind a soft prompt: nothing has changed then.
    pub fn begin_training(&mut self, recipe: Recipe, dtype: DType) -> Result<Prediction> {
        let (model, data) = (&self.base()?.model, self.dataset()?);
        let full = self.adapter.is_none();
        self.fits_context(data)?;
        self.packs(&recipe)?;
        let steps = recipe.total_steps(data.count())?;
        let whole = (model.parameters() - self.frozen.as_ref().map_or(0, Frozen::count)) as usize;
        let trained = self.adapter.as_ref().map_or(whole, |adapter| adapter.parameters());
        let prediction = predict(model, data, &recipe, (steps, trained, full), dtype);
        let smaller = match recipe.batch {
            _ if !full && !recipe.packed && model.packed() => "%train dtype=packed".to_owned(),
            1 => String::new(),
            batch => format!("%train batch=1 accum={}", batch * recipe.accum),
        };
        fits("training", prediction.bytes, smaller)?;
        let mut working = model.converted_but(held_in(dtype, full), !full && recipe.packed)?;
        let vars = match &self.adapter {
            Some(adapter) => adapter.vars().to_vec(),
            None => working.track_but(self.frozen.as_ref().unwrap_or(&Frozen::default()))?,
        };
        let mut run = Run::begin(recipe, vars, data)?;
        run.compute_in(dtype);
        self.run = Some(Active { run, working: Some(working), full, dtype, checkpoint: None });
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

    /// An example of n tokens takes n - 1 positions behind the virtual ones.
    fn fits_context(&self, data: &Dataset) -> Result<()> {
        let (longest, room, context) = (data.longest(), self.room()?, self.base()?.model.spec.context);
        if longest <= room + 1 {
            return Ok(());
        }
        Err(Error::LongExamples { longest, virtual_tokens: context - room, context, fits: room })
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
        let model = &self.loaded.as_ref().ok_or(Error::NoModel {})?.model;
        let active = self.run.as_mut().ok_or(Error::NoRun {})?;
        if active.run.returned() {
            return Err(Error::RunReturned { step: active.run.weights_of() });
        }
        if let Some(steps) = steps {
            active.run.extend(steps);
        }
        // A full run's variables are the session's weights since it was put down.
        active.working =
            Some(if active.full { retrack(model, &active.run)? } else { model.converted_but(active.dtype, active.run.recipe.packed)? });
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

    /// One optimizer step, and a look at the validation examples when it is due; `None` when the run is done.
    ///
    /// # Errors
    /// `NotFinite`, `NoGradient`, `Interrupted` during validation.
    pub fn train_step(&mut self) -> Result<Option<Step>> {
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

    /// Makes the trained weights what they were at the best validation of the last run, which cannot go on then.
    ///
    /// # Errors
    /// `NoRun`; `NoBest` where the best are the last, or were not kept.
    pub fn go_back(&mut self) -> Result<Validation> {
        let active = self.run.as_mut().ok_or(Error::NoRun {})?;
        // A full run's variables are the session's weights since it was put down.
        let best = active.run.go_back()?.ok_or_else(|| Error::NoBest { step: active.run.weights_of() })?;
        let trained = if active.full { &mut self.unsaved.model } else { &mut self.unsaved.adapter };
        *trained = true;
        self.publish();
        Ok(best)
    }

    /// Virtual tokens stand before a row, and a packed row holds many examples.
    fn packs(&self, recipe: &Recipe) -> Result<()> {
        let soft = self.adapter.as_ref().is_some_and(|adapter| adapter.deltas().prompt.is_some());
        if !recipe.pack || !soft {
            return Ok(());
        }
        let allowed = training::NO_PACKED_PROMPT.to_string();
        Err(Error::BadValue { option: "pack".to_owned(), given: "true".to_owned(), allowed })
    }

    /// Puts the run down: fully trained weights become the session's, widened copies go. What was learned stays, however it ended.
    /// A run that had patience and came to its end goes back to its best validation, which it gives.
    ///
    /// # Errors
    /// Only what candle reports of going back.
    pub fn finish_training(&mut self) -> Result<Option<Validation>> {
        let Some(active) = &mut self.run else { return Ok(None) };
        let patient = active.run.recipe.patience.is_some() && active.run.done();
        let back = if patient { active.run.go_back() } else { Ok(None) };
        if let (Some(working), true, Some(base)) = (active.working.take(), active.full, &mut self.loaded) {
            base.model = working.detached();
        }
        active.working = None;
        let changed = active.full && !active.run.steps().is_empty();
        if !active.run.steps().is_empty() {
            let trained = if active.full { &mut self.unsaved.model } else { &mut self.unsaved.adapter };
            *trained = true;
        }
        if let Some(checkpoint) = active.checkpoint.as_mut().filter(|_| active.run.done()) {
            checkpoint.conclude(&active.run);
        }
        if changed {
            self.weights_changed();
        }
        device::memory::give_back();
        self.publish();
        back
    }

    /// What the last run learned is in a folder of the person's now: its checkpoint goes. `full`: it was all weights that were written.
    pub(super) fn settle_run(&mut self, full: bool) {
        if let Some(Active { run, full: trained, checkpoint: Some(checkpoint), .. }) = &mut self.run
            && run.done()
            && *trained == full
        {
            checkpoint.discard();
        }
    }

    /// Highest resident memory of the run, in bytes.
    pub fn run_peak(&mut self) -> u64 {
        self.run.as_mut().map_or(0, |active| active.run.peak())
    }
}

/// The weights that are trained stay f32.
fn held_in(dtype: DType, full: bool) -> DType {
    if full { DType::F32 } else { dtype }
}

fn predict(model: &Model, data: &Dataset, recipe: &Recipe, (steps, parameters, full): (usize, usize, bool), dtype: DType) -> Prediction {
    let longest = data.longest().min(model.spec.context);
    // What is in this dtype already, or may stay packed, is shared, not copied; a full run copies all.
    let widened = if full { model.parameters() * 4 } else { model.converted_bytes(dtype, recipe.packed) };
    // Gradient, and what the optimizer keeps, all f32; early stopping keeps the best weights too.
    let best = if recipe.patience.is_some() { 4 } else { 0 };
    let optimizer = (4 + recipe.optimizer.bytes_per_parameter(recipe.momentum) + best) * parameters as u64;
    let mut lengths: Vec<usize> = data.train.iter().map(|example| example.len().min(longest)).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let tokens = if recipe.pack { lengths.iter().take(recipe.batch).sum() } else { recipe.batch * longest };
    let bytes = widened + optimizer + model.step_bytes(tokens);
    let mean = data.train.iter().map(|example| example.len()).sum::<usize>() as f64 / data.train.len().max(1) as f64;
    let tokens = mean * (recipe.batch * recipe.accum * steps) as f64;
    let products = (model.spec.layers * model.spec.layer_products()) as f64;
    // Forward and the gradient to the inputs; all weights need theirs too. The head runs on the learned tokens only.
    let flops = 2.0 * products * if full { 3.0 } else { 2.0 } + 4.0 * (model.spec.vocabulary * model.spec.hidden) as f64 * 0.5;
    // What was seen on this decoder: half the speed of a plain product, and the small operations of each layer beside it.
    let overhead = (recipe.accum * steps * model.spec.layers) as f64 * 2e-3;
    Prediction { steps, parameters, bytes, widened, seconds: tokens * flops / (0.5 * device::speed()) + overhead }
}
