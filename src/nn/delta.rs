//! What an adapter adds to a model, and what one forward pass carries beside its tensors.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use super::dora::{Magnitude, row_norms, table_norms};
use super::{Encoder, Linear, Weight};
use crate::ops::{HeadDelta, Layout};
use crate::{Result, ops};

/// `x -> B(A(dropout(x))) * scale` (LoRA, arXiv 2106.09685; PEFT's semantics), with a magnitude (DoRA) or without.
///
/// Beside a table of embeddings x is a token: A's column of its id goes through B, and nothing is dropped.
#[derive(Clone, Debug)]
pub struct LowRank {
    /// `[r, in]`, f32; beside a table in is the vocabulary.
    pub a: Tensor,
    /// `[out, r]`, f32.
    pub b: Tensor,
    /// `alpha / r`, or `alpha / sqrt(r)`.
    pub scale: f64,
    /// Share of `x` dropped on the way into A while training.
    pub dropout: f64,
    pub dora: Option<Magnitude>,
    /// Beside a table of embeddings, not a linear layer.
    pub table: bool,
}

/// What an adapter adds: to layers, before the tokens, or both.
#[derive(Clone, Debug, Default)]
pub struct Deltas {
    /// By module path (`transformer.h.0.attn.c_attn`).
    pub layers: BTreeMap<String, LowRank>,
    /// What stands in the place of a whole table or head, `[vocabulary, hidden]`, f32, by module path.
    pub whole: BTreeMap<String, Tensor>,
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

    /// The table or head that computes at `path`: the adapter's own, or `base`.
    pub fn table(&self, path: &str, base: &Weight) -> Weight {
        let whole = self.deltas.and_then(|deltas| deltas.whole.get(path));
        whole.map_or_else(|| base.clone(), |tensor| Weight::Dense { tensor: tensor.clone(), layout: Layout::OutIn })
    }
}

impl LowRank {
    /// The layer with the delta, `x: [.., in] -> [.., out]`; `seed` while training.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, linear: &Linear, x: &Tensor, seed: Option<u64>) -> Result<Tensor> {
        let Linear { path, weight, bias } = linear;
        let dropped = self.dropped(path, x, seed)?;
        let low = ops::low_rank(dropped.as_ref().unwrap_or(x), &self.a, &self.b, self.scale)?;
        let Some(magnitude) = &self.dora else { return ops::add(&weight.apply(x, bias.as_ref())?, &low) };
        let gain = magnitude.gain(|| self.norms(weight))?;
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

    /// x with what dropout leaves of it; none where nothing is dropped.
    fn dropped(&self, path: &str, x: &Tensor, seed: Option<u64>) -> Result<Option<Tensor>> {
        seed.filter(|_| self.dropout > 0.0).map(|seed| ops::dropout(x, self.dropout, seed ^ hash(path))).transpose()
    }

    /// What it makes of the logits of a head, for hidden states `[N, C]`; `seed` while training.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn beside_head(&self, path: &str, weight: &Weight, hidden: &Tensor, seed: Option<u64>) -> Result<HeadDelta> {
        let dropped = self.dropped(path, hidden, seed)?;
        let low = (ops::linear(dropped.as_ref().unwrap_or(hidden), &self.a, None, Layout::OutIn)? * self.scale)?; // (N, r)
        let gain = self.dora.as_ref().map(|magnitude| magnitude.gain(|| self.norms(weight))).transpose()?;
        Ok(HeadDelta { low, b: self.b.clone(), dropped: dropped.filter(|_| gain.is_some()), gain })
    }

    /// Rows of a table with the delta, `ids: [B, T] -> [B, T, hidden]`; the products beside it give values that `half` can hold.
    ///
    /// # Errors
    /// An id outside the vocabulary.
    pub fn embed(&self, table: &Weight, ids: &Tensor, half: Option<DType>) -> Result<Tensor> {
        let base = table.embed(ids)?;
        let columns = self.a.index_select(&ids.flatten_all()?, 1)?.t()?.contiguous()?; // (B T, r)
        let round = |x: &Tensor| half.map_or_else(|| Ok(x.clone()), |half| ops::rounded(x, half));
        let low = ops::linear(&round(&columns)?, &round(&self.b)?, None, Layout::OutIn)?; // (B T, C)
        let sum = (&base + (round(&low)? * self.scale)?.reshape(base.shape())?)?;
        let Some(magnitude) = &self.dora else { return Ok(sum) };
        let gain = magnitude.gain(|| self.norms(table))?;
        ops::scale_columns(&sum, &gain, None)
    }

    /// The L2 norm of each output of `weight` with the delta, outside of any graph.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn norms(&self, weight: &Weight) -> Result<Tensor> {
        let norms = if self.table { table_norms } else { row_norms };
        norms(weight, &self.a, &self.b, self.scale)
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
        let whole = self.whole.iter().map(|(path, tensor)| (path.clone(), tensor.detach())).collect();
        Self { layers, whole, prompt: self.prompt.as_ref().map(Encoder::detached) }
    }
}
