//! Gradient checkpointing (arXiv 1604.06174): of the forward pass only the inputs of its segments are kept; the backward pass runs each
//! segment again and gets its gradients then.
//!
//! A segment run again has the bits it had: dropout is a function of the pass's seed. So the gradients have the bits they would have had.

use std::ops::Range;
use std::time::{Duration, Instant};

use candle_core::{Tensor, Var};

use crate::model::{Input, Model, NoTap, Way, segments};
use crate::nn::Pass;
use crate::optim::{Gradients, Parameters};
use crate::{Error, Result};

/// What a run does about the memory of its forward pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recompute {
    /// Keeps all of it.
    Off,
    /// Keeps the input of every so many layers, and all of the last so many.
    Every(usize),
    /// Takes the fastest that fits, before the run begins.
    #[default]
    Auto,
}

/// How much of a forward pass is kept for the backward pass.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    every: Option<usize>,
    again: Duration,
}

/// What a segment starts from; `learns` says whether something below it does.
struct Start {
    layers: Range<usize>,
    x: Tensor,
    learns: bool,
}

impl Tape {
    /// Keeps the inputs of segments of `every` layers; everything without it.
    pub fn new(every: Option<usize>) -> Self {
        Self { every, again: Duration::ZERO }
    }

    /// Layers of a segment, where not all is kept.
    pub fn every(&self) -> Option<usize> {
        self.every
    }

    /// Time spent in running layers again.
    pub fn again(&self) -> Duration {
        self.again
    }

    /// The gradients of a scalar, in the order of `vars`: `scalar` makes it of the hidden states `[B, T, hidden]` after the last norm.
    ///
    /// # Errors
    /// `ContextFull`, and those of `scalar`.
    pub fn gradients(
        &mut self,
        model: &Model,
        input: Input,
        pass: &Pass,
        vars: &Parameters,
        scalar: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Gradients> {
        let (entered, mut way) = model.enter(input, None, pass)?;
        // A soft prompt that is computed is a leaf meanwhile: what computes it goes backward once, as with all kept.
        let cut = if self.every.is_some() { way.cut()? } else { None };
        let vars: Parameters = vars.iter().cloned().chain(cut.iter().map(|(_, leaf)| (String::new(), leaf.clone()))).collect();
        let run = |layers: Range<usize>, x: &Tensor| through(model, layers, x, &way, pass);
        let mut segments = segments(model.layers.len(), self.every.unwrap_or(usize::MAX));
        let last = segments.pop().unwrap_or(0..0);
        let mut starts: Vec<Start> = Vec::with_capacity(segments.len());
        let whole = segments.is_empty();
        let (mut x, mut learns) = (if whole { entered.clone() } else { entered.detach() }, entered.track_op());
        for layers in segments {
            let y = run(layers.clone(), &x)?;
            if learns || y.track_op() {
                starts.push(Start { layers, x, learns });
            }
            (x, learns) = (y.detach(), learns || y.track_op());
        }
        let top = if learns && !whole { Var::from_tensor(&x)?.into_inner() } else { x };
        let mut store = scalar(&model.leave(run(last, &top)?, &way)?)?.backward()?;
        let mut gradients = Gradients::take(&vars, &mut store);
        let mut into = store.remove(&top);
        drop((store, top));
        while let Some(Start { layers, x, learns }) = starts.pop() {
            let x = if learns { Var::from_tensor(&x)?.into_inner() } else { x };
            let started = Instant::now();
            let y = run(layers, &x)?;
            self.again += started.elapsed();
            into = pull(&y, into, &x, &vars, &mut gradients)?;
        }
        if !whole && entered.track_op() {
            pull(&entered, into, &entered, &vars, &mut gradients)?;
        }
        if let Some((rows, _)) = cut {
            let of_leaf = gradients.0.pop().flatten();
            pull(&rows, of_leaf, &rows, &vars[..gradients.0.len()].to_vec(), &mut gradients)?;
        }
        Ok(gradients)
    }
}

/// Takes the gradient of `y` back to `x`, and adds those of the variables on the way.
fn pull(y: &Tensor, gradient: Option<Tensor>, x: &Tensor, vars: &Parameters, gradients: &mut Gradients) -> Result<Option<Tensor>> {
    let lost = || Error::Internal { doing: "recomputation".into(), cause: "a segment without a gradient".into() };
    let gradient = gradient.ok_or_else(lost)?;
    // The derivative of sum(y g) by y is g, to the bit.
    let mut store = (y * gradient)?.sum_all()?.backward()?;
    gradients.add(Gradients::take(vars, &mut store))?;
    Ok(store.remove(x))
}

fn through(model: &Model, layers: Range<usize>, x: &Tensor, way: &Way, pass: &Pass) -> Result<Tensor> {
    let mut x = x.clone();
    for i in layers {
        x = model.layer(i, x, way, None, pass, &mut NoTap)?;
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_whole_at_the_top() {
        assert_eq!(segments(5, 2), [0..1, 1..3, 3..5]);
        assert_eq!(segments(4, 2), [0..2, 2..4]);
        assert_eq!(segments(3, 1), [0..1, 1..2, 2..3]);
        assert_eq!(segments(3, 9), vec![Range { start: 0, end: 3 }]);
        assert!(segments(0, 1).is_empty());
    }
}
