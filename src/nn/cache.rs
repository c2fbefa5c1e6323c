//! Keys and values of one sequence, layer by layer, grown in blocks.

use candle_core::Tensor;

use super::Soft;
use crate::Result;

/// Positions by which the buffers grow.
const BLOCK: usize = 128;

/// One sequence's cache; a batch has one for each row, so lengths may differ.
#[derive(Debug, Default)]
pub struct Cache {
    /// Per layer: key and value buffers `[1, H_kv, capacity, D]`.
    layers: Vec<(Tensor, Tensor)>,
    /// Positions held, a soft prompt's among them.
    held: usize,
    /// Of those, the soft prompt's.
    soft: usize,
}

impl Cache {
    pub fn new() -> Self {
        Self::default()
    }

    /// Tokens held.
    pub fn len(&self) -> usize {
        self.held - self.soft.min(self.held)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Positions held: the tokens', and those of a soft prompt before them.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Notes that the first positions are those of `soft`; nothing is held yet.
    ///
    /// # Errors
    /// A soft prompt of another shape.
    pub fn stand_behind(&mut self, soft: &Soft) -> Result<()> {
        self.soft = soft.virtual_tokens()?;
        Ok(())
    }

    /// Writes `k, v: [1, H_kv, T, D]` of `layer` behind what is there and returns all of that layer: `[1, H_kv, held + T, D]`.
    ///
    /// # Errors
    /// Layers appended out of order, or shapes that differ between calls.
    pub fn append(&mut self, layer: usize, k: &Tensor, v: &Tensor) -> Result<(Tensor, Tensor)> {
        let (_, heads, added, dim) = k.dims4()?;
        let needed = self.held + added;
        if layer == self.layers.len() {
            let shape = (1, heads, needed.next_multiple_of(BLOCK), dim);
            self.layers.push((Tensor::zeros(shape, k.dtype(), k.device())?, Tensor::zeros(shape, v.dtype(), v.device())?));
        }
        let (keys, values) = &mut self.layers[layer];
        if keys.dim(2)? < needed {
            let more = (1, heads, needed.next_multiple_of(BLOCK) - keys.dim(2)?, dim);
            *keys = Tensor::cat(&[&*keys, &Tensor::zeros(more, k.dtype(), k.device())?], 2)?;
            *values = Tensor::cat(&[&*values, &Tensor::zeros(more, v.dtype(), v.device())?], 2)?;
        }
        keys.slice_set(&k.contiguous()?, 2, self.held)?;
        values.slice_set(&v.contiguous()?, 2, self.held)?;
        Ok((keys.narrow(2, 0, needed)?, values.narrow(2, 0, needed)?))
    }

    /// Counts `added` positions as held, once every layer has them.
    pub fn advance(&mut self, added: usize) {
        self.held += added;
    }

    /// Forgets all from token `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.held = self.held.min(self.soft + len);
    }
}
