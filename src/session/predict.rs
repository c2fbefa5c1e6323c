//! What a run will take, said before it begins; and what is refused then.

use candle_core::DType;

use super::{Room, Session};
use crate::data::Dataset;
use crate::device;
use crate::model::{Frozen, Model};
use crate::nn::Deltas;
use crate::train::{Recipe, guard};
use crate::words::training;
use crate::{Error, Result};

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
    /// Layers of a segment of the forward pass that is run again, where not all of it is kept.
    pub recompute: Option<usize>,
    /// Memory beside the weights if all of it were kept.
    pub plain: u64,
    /// Training examples that are answers, and those of them whose end is learned.
    pub ends: (usize, usize),
}

impl Prediction {
    /// Adds what the forward pass takes.
    fn take(&mut self, room: &Room, model: &Model) {
        (self.bytes, self.plain, self.recompute) = (room.bytes, room.plain, room.every);
        // All layers but those of the last segment go forward once more: a third or a quarter of a step.
        let again = room.every.map_or(0.0, |every| 1.0 - every as f64 / model.layers.len().max(1) as f64);
        self.seconds *= 1.0 + 0.3 * again;
    }
}

impl Session {
    /// What a run of this recipe will take.
    ///
    /// # Errors
    /// `NoModel`, `NoData`, `BatchTooBig`, `TooBig`, `OverLimit`.
    pub(super) fn foresee(&self, recipe: &Recipe, dtype: DType) -> Result<(Prediction, Room)> {
        let (model, data) = (&self.base()?.model, self.dataset()?);
        let full = self.adapter.is_none();
        let deltas = self.adapter.as_ref().map(|adapter| adapter.deltas());
        guard::rate(recipe.lr, deltas.map(Deltas::scale), recipe.optimizer)?;
        self.fits_context(data)?;
        self.packs(recipe)?;
        let steps = recipe.total_steps(data.count())?;
        let whole = (model.parameters() - self.frozen.as_ref().map_or(0, Frozen::count)) as usize;
        let trained = self.adapter.as_ref().map_or(whole, |adapter| adapter.parameters());
        let mut prediction = predict(model, data, recipe, (steps, trained, full), dtype);
        let room = self.plan(recipe, dtype, prediction.bytes)?;
        prediction.take(&room, model);
        prediction.ends = guard::ends(data, self.base()?.tokenizer.eos());
        Ok((prediction, room))
    }

    /// An example of n tokens takes n - 1 positions behind the virtual ones.
    fn fits_context(&self, data: &Dataset) -> Result<()> {
        let (longest, room, context) = (data.longest(), self.room()?, self.base()?.model.spec.context);
        if longest <= room + 1 {
            return Ok(());
        }
        Err(Error::LongExamples { longest, virtual_tokens: context - room, context, fits: room })
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
}

fn predict(model: &Model, data: &Dataset, recipe: &Recipe, (steps, parameters, full): (usize, usize, bool), dtype: DType) -> Prediction {
    // What is in this dtype already, or may stay packed, is shared, not copied; a full run copies all.
    let widened = if full { model.parameters() * 4 } else { model.converted_bytes(dtype, recipe.keep_packed) };
    let optimizer = per_parameter(recipe) * parameters as u64;
    let bytes = widened + optimizer;
    let mean = data.train.iter().map(|example| example.len()).sum::<usize>() as f64 / data.train.len().max(1) as f64;
    let tokens = mean * (recipe.batch * recipe.accum * steps) as f64;
    let products = (model.spec.layers * model.spec.layer_products()) as f64;
    // Forward and the gradient to the inputs; all weights need theirs too. The head runs on the learned tokens only.
    let flops = 2.0 * products * if full { 3.0 } else { 2.0 } + 4.0 * (model.spec.vocabulary * model.spec.hidden) as f64 * 0.5;
    // What was seen on this decoder: 0.7 of the speed of a plain product, and the small operations of each layer beside it.
    let overhead = (recipe.accum * steps * model.spec.layers) as f64 * 2e-3;
    let seconds = tokens * flops / (0.7 * device::speed()) + overhead;
    Prediction { steps, parameters, bytes, widened, seconds, recompute: None, plain: bytes, ends: (0, 0) }
}

/// Bytes for each number that is trained, beside a copy of it: gradient, and what the optimizer keeps, all f32; early stopping keeps the best weights too.
pub(super) fn per_parameter(recipe: &Recipe) -> u64 {
    let best = if recipe.patience.is_some() { 4 } else { 0 };
    let sum = if recipe.accum > 1 { 4 } else { 0 };
    4 + sum + recipe.optimizer.bytes_per_parameter(recipe.momentum) + best
}
