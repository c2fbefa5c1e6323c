//! Cross-entropy of the learned tokens of a batch: a sum, so that whoever accumulates divides once by all of them.

use candle_core::{DType, Tensor};

use super::Tape;
use crate::data::{self, Batch, Example, IGNORE};
use crate::model::{Input, Model, NoTap, Tap};
use crate::nn::{Deltas, Pass, Weight};
use crate::ops::{self, HeadWeight};
use crate::optim::{Gradients, Parameters};
use crate::stop::Stop;
use crate::words::ui;
use crate::{Error, Result};

/// The sum of losses and the tokens it is over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    pub sum: f64,
    pub tokens: usize,
}

impl Loss {
    /// Nats a token.
    pub fn mean(&self) -> f64 {
        self.sum / self.tokens.max(1) as f64
    }
}

/// The output head of a model, `[vocabulary, hidden]`.
///
/// # Errors
/// Never for models that `load` built: heads are stored `[out, in]`.
pub fn head_of(model: &Model) -> HeadWeight {
    match model.head.as_ref().map_or(&model.embed, |head| &head.weight) {
        Weight::Dense { tensor, .. } => HeadWeight::Dense(tensor.clone()),
        Weight::Packed(packed) => HeadWeight::Packed(packed.clone()),
    }
}

/// Of the hidden states `[B, T, hidden]` those of the positions that are learned, `[N, hidden]`, and what each should predict.
fn learned_rows(model: &Model, hidden: &Tensor, batch: &Batch, half: Option<DType>) -> Result<(Tensor, Vec<u32>)> {
    let learned = batch.targets.iter().enumerate().filter(|(_, target)| **target != IGNORE);
    let (rows, targets): (Vec<u32>, Vec<u32>) = learned.map(|(row, target)| (row as u32, *target as u32)).unzip();
    let hidden = ops::rows(&ops::reshape(hidden, (batch.rows * batch.width, model.spec.hidden))?, &rows)?;
    Ok((half.map_or_else(|| Ok(hidden.clone()), |half| ops::rounded(&hidden, half))?, targets))
}

/// Hidden states `[B, T, hidden]` of a batch.
pub fn hidden(model: &Model, batch: &Batch, pass: &Pass, taps: &mut dyn Tap) -> Result<Tensor> {
    model.forward(Input::Ids(&ids(model, batch)?), None, &Pass { documents: batch.documents(), ..*pass }, taps)
}

fn ids(model: &Model, batch: &Batch) -> Result<Tensor> {
    Ok(Tensor::from_vec(batch.ids.clone(), (batch.rows, batch.width), &model.device)?)
}

/// What the gradients of a window are of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aim {
    /// Share of each target that is spread over the vocabulary.
    pub smoothing: f64,
    /// The mean loss is multiplied by it, the gradients with it.
    pub scale: f64,
    /// What the linear layers compute in, if not f32.
    pub half: Option<DType>,
}

impl Default for Aim {
    fn default() -> Self {
        Self { smoothing: 0.0, scale: 1.0, half: None }
    }
}

/// The loss of an accumulation window and the gradients of its mean, times `aim.scale`, in the order of `vars`: what one step learns from.
/// Each batch draws the seed of its dropout.
///
/// # Errors
/// Shapes; a batch longer than the context.
pub fn gradients(
    model: &Model,
    deltas: Option<&Deltas>,
    window: &[Batch],
    vars: &Parameters,
    aim: Aim,
    seed: &mut dyn FnMut() -> u64,
) -> Result<(Loss, Gradients)> {
    gradients_on(&mut Tape::default(), model, deltas, window, vars, aim, seed)
}

/// [`gradients`] with as much of each forward pass kept as `tape` says: the same bits.
///
/// # Errors
/// As for [`gradients`].
pub fn gradients_on(
    tape: &mut Tape,
    model: &Model,
    deltas: Option<&Deltas>,
    window: &[Batch],
    vars: &Parameters,
    aim: Aim,
    seed: &mut dyn FnMut() -> u64,
) -> Result<(Loss, Gradients)> {
    let mut loss = Loss { sum: 0.0, tokens: window.iter().map(|batch| batch.learned).sum() };
    if loss.tokens == 0 {
        return Err(Error::NothingLearned { rows: window.iter().map(|batch| batch.rows).sum() });
    }
    let mut gradients = Gradients::default();
    for batch in window {
        let pass = Pass { deltas, dropout: Some(seed()), half: aim.half, documents: batch.documents() };
        let ids = ids(model, batch)?;
        let of_batch = tape.gradients(model, Input::Ids(&ids), &pass, vars, |hidden| {
            let (hidden, targets) = learned_rows(model, hidden, batch, aim.half)?;
            let sum = ops::smoothed_cross_entropy(&hidden, &head_of(model), &targets, aim.smoothing)?;
            loss.sum += f64::from(sum.to_scalar::<f32>()?);
            Ok((sum * (aim.scale / loss.tokens as f64))?)
        })?;
        gradients.add(of_batch)?;
    }
    Ok((loss, gradients))
}

/// The loss over `examples`, token-weighted; nothing is learned. `model` and the deltas should be detached.
///
/// # Errors
/// `Interrupted` when `stop` was raised.
pub fn evaluate(model: &Model, pass: &Pass, examples: &[Example], batch: usize, stop: &Stop) -> Result<Loss> {
    let mut loss = Loss::default();
    for chunk in examples.chunks(batch.max(1)) {
        if stop.raised() {
            return Err(Error::Interrupted { what: ui::EVAL_STOPPED.to_string() });
        }
        let batch = data::batch(chunk, 0);
        let (hidden, targets) = learned_rows(model, &hidden(model, &batch, pass, &mut NoTap)?, &batch, pass.half)?;
        loss.sum += ops::token_losses(&hidden, &head_of(model), &targets)?.iter().map(|l| f64::from(*l)).sum::<f64>();
        loss.tokens += targets.len();
    }
    Ok(loss)
}
