//! Soft prompts: numbers that stand before a row's tokens where no token stands.

use candle_core::Tensor;

use crate::Result;

/// `n` virtual tokens, the same before each row; they take the first `n` positions.
#[derive(Clone, Debug)]
pub struct Soft {
    /// `[n, width]`, f32: as PEFT keeps them under `prompt_embeddings`.
    pub rows: Tensor,
    pub place: Place,
}

/// Where the virtual tokens enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// As embeddings: `width` is hidden (prompt tuning, arXiv 2104.08691; P-Tuning, arXiv 2103.10385).
    Input,
    /// As keys and values of each layer, not rotated: `width` is `layers * 2 * heads * dim`, a layer's keys before its values
    /// (prefix tuning, arXiv 2101.00190).
    Layers { heads: usize, dim: usize },
}

impl Soft {
    /// Virtual tokens.
    ///
    /// # Errors
    /// Rows of another rank.
    pub fn virtual_tokens(&self) -> Result<usize> {
        Ok(self.rows.dims2()?.0)
    }

    /// `x: [B, T, hidden] -> [B, n + T, hidden]`; `x` itself where the virtual tokens are no embeddings.
    ///
    /// # Errors
    /// Another width.
    pub fn before(&self, x: &Tensor) -> Result<Tensor> {
        if self.place != Place::Input {
            return Ok(x.clone());
        }
        let ((batch, _, _), (n, width)) = (x.dims3()?, self.rows.dims2()?);
        Ok(Tensor::cat(&[&self.rows.broadcast_as((batch, n, width))?, x], 1)?)
    }

    /// `k, v: [B, H_kv, T, D] -> [B, H_kv, n + T, D]` of `layer`; themselves where the virtual tokens are embeddings.
    ///
    /// # Errors
    /// Another width.
    pub fn before_layer(&self, layer: usize, k: &Tensor, v: &Tensor) -> Result<(Tensor, Tensor)> {
        let Place::Layers { heads, dim } = self.place else { return Ok((k.clone(), v.clone())) };
        let (n, batch) = (self.virtual_tokens()?, k.dim(0)?);
        let joined = |which: usize, x: &Tensor| -> Result<Tensor> {
            let rows = self.rows.narrow(1, (2 * layer + which) * heads * dim, heads * dim)?; // (n, H D)
            let rows = rows.reshape((n, heads, dim))?.transpose(0, 1)?; // (H, n, D)
            Ok(Tensor::cat(&[&rows.broadcast_as((batch, heads, n, dim))?, x], 2)?)
        };
        Ok((joined(0, k)?, joined(1, v)?))
    }
}
