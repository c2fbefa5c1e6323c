//! What an adapter adds to a model, and what one forward pass carries beside its tensors.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::Encoder;
use crate::{Result, ops};

/// `x -> B(A(dropout(x))) * scale` (LoRA, arXiv 2106.09685; PEFT's semantics).
#[derive(Clone, Debug)]
pub struct LowRank {
    /// `[r, in]`, f32.
    pub a: Tensor,
    /// `[out, r]`, f32.
    pub b: Tensor,
    /// `alpha / r`.
    pub scale: f64,
    /// Share of `x` dropped on the way into A while training.
    pub dropout: f64,
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
}

impl<'a> Pass<'a> {
    /// The virtual tokens before each row.
    pub fn prompt(&self) -> Option<&'a Encoder> {
        self.deltas.and_then(|deltas| deltas.prompt.as_ref())
    }

    /// What the adapter adds at `path` for `x: [.., in]`, if it has a delta there.
    pub fn delta(&self, path: &str, x: &Tensor) -> Result<Option<Tensor>> {
        let Some(low) = self.deltas.and_then(|deltas| deltas.layers.get(path)) else { return Ok(None) };
        let dropped;
        let x = match self.dropout {
            Some(seed) if low.dropout > 0.0 => {
                dropped = ops::dropout(x, low.dropout, seed ^ hash(path))?;
                &dropped
            }
            _ => x,
        };
        ops::low_rank(x, &low.a, &low.b, low.scale).map(Some)
    }
}

/// FNV-1a: each module drops other numbers.
fn hash(path: &str) -> u64 {
    path.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

impl Deltas {
    /// Positions that virtual tokens take from the context.
    ///
    /// # Errors
    /// A table of another shape.
    pub fn ahead(&self) -> Result<usize> {
        self.prompt.as_ref().map_or(Ok(0), Encoder::len)
    }

    /// The same numbers, shared, outside of any graph.
    pub fn detached(&self) -> Self {
        let detach = |low: &LowRank| LowRank { a: low.a.detach(), b: low.b.detach(), ..low.clone() };
        let layers = self.layers.iter().map(|(path, low)| (path.clone(), detach(low))).collect();
        Self { layers, prompt: self.prompt.as_ref().map(Encoder::detached) }
    }
}
