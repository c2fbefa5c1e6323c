//! Gradient checkpointing (arXiv 1604.06174): of the forward pass only the inputs of its segments are kept; the backward pass runs each
//! segment again and gets its gradients then.
//!
//! A segment run again has the bits it had: dropout is a function of the pass's seed. So the gradients have the bits they would have had.

use std::ops::Range;
use std::time::{Duration, Instant};

use candle_core::{Tensor, Var};

use crate::model::{Input, Model, NoTap, Way, segments};
use crate::nn::Pass;
use crate::ops::{Grads, Graph};
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
        let (mut grads, mut entry) = (Grads::default(), Graph::default());
        let (entered, mut way) = entry.listen(|| model.enter(input, None, pass))?;
        // What candle computed is a leaf meanwhile: it goes backward once, however often it is used.
        let soft = way.cut()?;
        let first = if entered.track_op() { Var::from_tensor(&entered)?.into_inner() } else { entered.clone() };
        let run = |layers: Range<usize>, x: &Tensor| through(model, layers, x, &way, pass);
        let mut segments = segments(model.layers.len(), self.every.unwrap_or(usize::MAX));
        let last = segments.pop().unwrap_or(0..0);
        let mut starts: Vec<Start> = Vec::with_capacity(segments.len());
        let (mut x, mut learns) = (first.detach(), first.track_op());
        for layers in segments {
            let y = run(layers.clone(), &x)?;
            if learns || y.track_op() {
                starts.push(Start { layers, x, learns });
            }
            (x, learns) = (y.detach(), learns || y.track_op());
        }
        let top = if starts.is_empty() && first.track_op() { first.clone() } else { leaf(x, learns)? };
        let mut graph = Graph::default();
        let value = graph.listen(|| scalar(&model.leave(run(last, &top)?, &way)?))?;
        let mut into = pull(graph, &value, Some(value.ones_like()?), &top, &mut grads)?;
        drop((value, top));
        while let Some(Start { layers, x, learns }) = starts.pop() {
            let (x, mut graph) = (leaf(x, learns)?, Graph::default());
            let started = Instant::now();
            let y = graph.listen(|| run(layers, &x))?;
            self.again += started.elapsed();
            into = pull(graph, &y, into, &x, &mut grads)?;
        }
        if first.track_op() {
            entry.give(&mut grads, &entered, into.ok_or_else(lost)?)?;
        }
        if let Some((rows, leaf)) = soft
            && let Some(gradient) = grads.remove(&leaf)
        {
            entry.give(&mut grads, &rows, gradient)?;
        }
        entry.backward(&mut grads)?;
        Ok(Gradients::take(vars, |var| grads.remove(var)))
    }
}

/// What a segment starts from.
fn leaf(x: Tensor, learns: bool) -> Result<Tensor> {
    Ok(if learns { Var::from_tensor(&x)?.into_inner() } else { x })
}

fn lost() -> Error {
    Error::Internal { doing: "recomputation".into(), cause: "a segment without a gradient".into() }
}

/// Takes the gradient of `y` back to `x`, which gets none where nothing below it learns; those of variables on the way are added to `grads`.
fn pull(graph: Graph, y: &Tensor, gradient: Option<Tensor>, x: &Tensor, grads: &mut Grads) -> Result<Option<Tensor>> {
    graph.give(grads, y, gradient.ok_or_else(lost)?)?;
    graph.backward(grads)?;
    Ok(grads.remove(x))
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
