//! What an adapter adds to a model, and what one forward pass carries beside its tensors.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use super::dora::Magnitude;
use super::{Encoder, Linear};
use crate::{Result, ops};

/// `x -> B(A(dropout(x))) * scale` (LoRA, arXiv 2106.09685; PEFT's semantics), with a magnitude (DoRA) or without.
#[derive(Clone, Debug)]
pub struct LowRank {
    /// `[r, in]`, f32.
    pub a: Tensor,
    /// `[out, r]`, f32.
    pub b: Tensor,
    /// `alpha / r`, or `alpha / sqrt(r)`.
    pub scale: f64,
    /// Share of `x` dropped on the way into A while training.
    pub dropout: f64,
    pub dora: Option<Magnitude>,
}

/// What an adapter adds: to layers, before the tokens, or both.
#[derive(Clone, Debug, Default)]
pub struct Deltas {
    /// By module path (`transformer.h.0.attn.c_attn`).
    pub layers: BTreeMap<String, LowRank>,
    /// Virtual tokens before each row.
    pub prompt: Option<Encoder>,
}

/// What a forward pass carries: the attached deltas, and a seed while dropout is on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pass<'a> {
    pub deltas: Option<&'a Deltas>,
    /// Seed of this step's dropout; `None` outside training. The same seed replays the same mask.
    pub dropout: Option<u64>,
    /// Lengths of the documents that lie end to end in the only row: none sees another, positions begin anew in each.
    pub documents: Option<&'a [usize]>,
    /// f16 or bf16: what the linear layers take, hold and give is rounded to it (mixed precision); sums stay f32.
    pub half: Option<DType>,
}

impl<'a> Pass<'a> {
    /// The virtual tokens before each row.
    pub fn prompt(&self) -> Option<&'a Encoder> {
        self.deltas.and_then(|deltas| deltas.prompt.as_ref())
    }

    /// What is attached to the layer at `path`.
    pub fn at(&self, path: &str) -> Option<&'a LowRank> {
        self.deltas.and_then(|deltas| deltas.layers.get(path))
    }
}

impl LowRank {
    /// The layer with the delta, `x: [.., in] -> [.., out]`; `seed` while training.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, linear: &Linear, x: &Tensor, seed: Option<u64>) -> Result<Tensor> {
        let Linear { path, weight, bias } = linear;
        let dropped = match seed.filter(|_| self.dropout > 0.0) {
            Some(seed) => Some(ops::dropout(x, self.dropout, seed ^ hash(path))?),
            None => None,
        };
        let low = ops::low_rank(dropped.as_ref().unwrap_or(x), &self.a, &self.b, self.scale)?;
        let Some(magnitude) = &self.dora else { return ops::add(&weight.apply(x, bias.as_ref())?, &low) };
        let gain = magnitude.gain(weight, &self.a, &self.b, self.scale)?;
        match &dropped {
            None => ops::scale_columns(&ops::add(&weight.apply(x, None)?, &low)?, &gain, bias.as_ref()),
            // PEFT lets the magnitude change what the layer makes of the input that dropout left.
            Some(dropped) => {
                let part = weight.apply(dropped, None)?;
                let changed = ops::scale_columns(&ops::add(&part, &low)?, &gain, None)?;
                Ok((ops::add(&weight.apply(x, bias.as_ref())?, &changed)? - part)?)
            }
        }
    }
}

/// FNV-1a: each module drops other numbers.
fn hash(path: &str) -> u64 {
    path.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

impl Deltas {
    /// The largest scale of a low-rank delta; 1 without one.
    pub fn scale(&self) -> f64 {
        self.layers.values().map(|low| low.scale).reduce(f64::max).unwrap_or(1.0)
    }

    /// Positions that virtual tokens take from the context.
    ///
    /// # Errors
    /// A table of another shape.
    pub fn ahead(&self) -> Result<usize> {
        self.prompt.as_ref().map_or(Ok(0), Encoder::virtual_tokens)
    }

    /// The same numbers, shared, outside of any graph. Good until the next step of a run: what follows from them is computed once.
    pub fn detached(&self) -> Self {
        let detach = |low: &LowRank| {
            let dora = low.dora.as_ref().map(Magnitude::detached);
            LowRank { a: low.a.detach(), b: low.b.detach(), dora, ..low.clone() }
        };
        let layers = self.layers.iter().map(|(path, low)| (path.clone(), detach(low))).collect();
        Self { layers, prompt: self.prompt.as_ref().map(Encoder::detached) }
    }
}
