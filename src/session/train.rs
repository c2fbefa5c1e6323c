//! `train`: begins a run on the adapter, or on all weights; steps it; puts things back when it is over.

use candle_core::DType;

use super::Session;
use crate::data::Dataset;
use crate::device;
use crate::model::{Model, Slot, fits};
use crate::nn::Weight;
use crate::train::{Recipe, Run, Step};
use crate::{Error, Result};

/// A run and what it works on.
pub struct Active {
    pub run: Run,
    /// The weights that the run computes with: widened where the session's are packed. Empty between cells.
    working: Option<Model>,
    /// All weights are trained, not an adapter.
    full: bool,
    /// Of the weights that the run computes with.
    dtype: DType,
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
    /// Begins a run and says what it will take. `dtype` is that of the frozen weights while the run lasts.
    ///
    /// # Errors
    /// `NoModel`, `NoData`, `BatchTooBig`, `TooBig`: nothing has changed then.
    pub fn begin_training(&mut self, recipe: Recipe, dtype: DType) -> Result<Prediction> {
        let (model, data) = (&self.base()?.model, self.dataset()?);
        let full = self.adapter.is_none();
        let steps = recipe.total_steps(data.train.len())?;
        let trained = self.adapter.as_ref().map_or(model.parameters() as usize, |adapter| adapter.parameters());
        let prediction = predict(model, data, &recipe, (steps, trained, full), dtype);
        let smaller = if recipe.batch > 1 { format!("%train batch=1 accum={}", recipe.batch * recipe.accum) } else { String::new() };
        fits("training", prediction.bytes, smaller)?;
        let dtype = if full { DType::F32 } else { dtype };
        let mut working = model.converted(dtype)?;
        let vars = match &self.adapter {
            Some(adapter) => adapter.vars().to_vec(),
            None => working.track()?,
        };
        let run = Run::begin(recipe, vars, data)?;
        self.run = Some(Active { run, working: Some(working), full, dtype });
        Ok(prediction)
    }

    /// Goes on with the run that was stopped, or adds as many steps as it had to one that is done.
    ///
    /// # Errors
    /// `NoRun`, `NoModel`, `NoData`.
    pub fn resume_training(&mut self, steps: Option<usize>) -> Result<()> {
        let model = &self.loaded.as_ref().ok_or(Error::NoModel {})?.model;
        let active = self.run.as_mut().ok_or(Error::NoRun {})?;
        if let Some(steps) = steps {
            active.run.extend(steps);
        }
        // A full run's variables are the session's weights since it was put down.
        active.working = Some(if active.full { retrack(model, &active.run)? } else { model.converted(active.dtype)? });
        Ok(())
    }

    /// One optimizer step, and a look at the validation examples when it is due; `None` when the run is done.
    ///
    /// # Errors
    /// `NotFinite`, `NoGradient`, `Interrupted` during validation.
    pub fn train_step(&mut self) -> Result<Option<Step>> {
        let Some(Active { run, working: Some(model), .. }) = &mut self.run else { return Ok(None) };
        let data = self.data.as_ref().ok_or(Error::NoData {})?;
        if run.done() {
            return Ok(None);
        }
        let deltas = self.adapter.as_ref().map(|adapter| adapter.deltas());
        run.step(model, deltas, data)?;
        if run.validation_due(data) && !self.stop.raised() {
            match run.validate(model, deltas, data, &self.stop) {
                // The step itself is taken and kept.
                Ok(_) | Err(Error::Interrupted { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(run.steps().last().cloned())
    }

    /// Puts the run down: fully trained weights become the session's, widened copies go. What was learned stays, however it ended.
    pub fn finish_training(&mut self) {
        let Some(active) = &mut self.run else { return };
        if let (Some(working), true, Some(base)) = (active.working.take(), active.full, &mut self.loaded) {
            base.model = working.detached();
        }
        active.working = None;
        if !active.run.steps().is_empty() {
            let trained = if active.full { &mut self.unsaved.model } else { &mut self.unsaved.adapter };
            *trained = true;
        }
        device::memory::give_back();
        self.publish();
    }

    /// Highest resident memory of the run, in bytes.
    pub fn run_peak(&mut self) -> u64 {
        self.run.as_mut().map_or(0, |active| active.run.peak())
    }
}

fn retrack(model: &Model, run: &Run) -> Result<Model> {
    let mut model = model.clone();
    let mut vars = run.vars().iter();
    model.visit(&mut |_, slot| {
        let (Slot::Matrix(Weight::Dense { tensor, .. }) | Slot::Vector(tensor)) = slot else { return Ok(()) };
        if let Some((_, var)) = vars.next() {
            *tensor = var.as_tensor().clone();
        }
        Ok(())
    })?;
    Ok(model)
}

fn predict(model: &Model, data: &Dataset, recipe: &Recipe, (steps, parameters, full): (usize, usize, bool), dtype: DType) -> Prediction {
    let longest = data.longest().min(model.spec.context);
    let wide = model.parameters() * if full { 4 } else { dtype.size_in_bytes() as u64 };
    // A model that is dense in this dtype already is shared, not copied; a full run copies it.
    let widened = if full || model.format() != dtype.as_str() { wide } else { 0 };
    // Gradient, and the optimizer's two moments, all f32.
    let optimizer = 3 * 4 * parameters as u64;
    let bytes = widened + optimizer + model.step_bytes(recipe.batch * longest);
    let mean = data.train.iter().map(|example| example.len()).sum::<usize>() as f64 / data.train.len().max(1) as f64;
    let tokens = mean * (recipe.batch * recipe.accum * steps) as f64;
    let products = (model.spec.layers * model.spec.layer_products()) as f64;
    // Forward and the gradient to the inputs; all weights need theirs too. The head runs on the learned tokens only.
    let flops = 2.0 * products * if full { 3.0 } else { 2.0 } + 4.0 * (model.spec.vocabulary * model.spec.hidden) as f64 * 0.5;
    // What was seen on this decoder: half the speed of a plain product, and the small operations of each layer beside it.
    let overhead = (recipe.accum * steps * model.spec.layers) as f64 * 2e-3;
    Prediction { steps, parameters, bytes, widened, seconds: tokens * flops / (0.5 * device::speed()) + overhead }
}
