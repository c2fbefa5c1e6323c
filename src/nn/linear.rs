//! The one linear layer: dense (f32, f16, bf16) or packed blocks, plus what an adapter adds.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::Pass;
use crate::ops::{self, Layout};
use crate::quant::Packed;
use crate::{Error, Result};

#[derive(Clone, Debug)]
pub enum Weight {
    Dense {
        tensor: Tensor,
        layout: Layout,
    },
    /// `[out, in]`
    Packed(Arc<Packed>),
}

#[derive(Clone, Debug)]
pub struct Linear {
    /// Module path in the hub's naming (`model.layers.0.self_attn.q_proj`).
    pub path: String,
    pub weight: Weight,
    /// `[out]`
    pub bias: Option<Tensor>,
}

impl Linear {
    /// `x: [.., in] -> [.., out]`
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let Some(half) = pass.half else { return self.whole(x, pass) };
        if !x.device().is_cpu() && pass.at(&self.path).is_none() {
            return Ok(self.weight.apply(&x.to_dtype(half)?, self.bias.as_ref())?.to_dtype(DType::F32)?);
        }
        let linear = Self { weight: self.weight.rounded(half)?, ..self.clone() };
        ops::rounded(&linear.whole(&ops::rounded(x, half)?, pass)?, half)
    }

    fn whole(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        match pass.at(&self.path) {
            Some(low) => low.forward(self, x, pass.dropout),
            None => self.weight.apply(x, self.bias.as_ref()),
        }
    }
}

impl<P: Into<Packed>> From<P> for Weight {
    fn from(packed: P) -> Self {
        Self::Packed(Arc::new(packed.into()))
    }
}

impl Weight {
    /// With the values that `half` can hold; the gradient goes to the weight itself.
    fn rounded(&self, half: DType) -> Result<Self> {
        Ok(match self {
            Self::Dense { tensor, layout } if tensor.dtype() == DType::F32 => {
                Self::Dense { tensor: ops::rounded(tensor, half)?, layout: *layout }
            }
            other => other.clone(),
        })
    }

    /// `x: [.., in] -> [.., out]`
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn apply(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        match self {
            Self::Dense { tensor, layout } => ops::linear(x, tensor, bias, *layout),
            Self::Packed(packed) => ops::packed_linear(x, packed, bias),
        }
    }

    /// The sum of squares of what goes into each output: `[out]`, f32.
    ///
    /// # Errors
    /// Memory.
    pub fn row_squares(&self) -> Result<Tensor> {
        match self {
            Self::Dense { tensor, layout } => ops::row_squares(&tensor.detach(), *layout),
            Self::Packed(packed) => ops::packed_row_squares(packed),
        }
    }

    /// Rows of an embedding table `[vocabulary, hidden]`: `ids: [B, T] -> [B, T, hidden]`, f32.
    ///
    /// # Errors
    /// An id outside the vocabulary.
    pub fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        let rows = match self {
            Self::Dense { tensor, .. } => ops::embedding(tensor, ids)?,
            Self::Packed(packed) => ops::packed_embedding(packed, ids)?,
        };
        Ok(rows.to_dtype(DType::F32)?)
    }

    /// `(in, out)`
    pub fn dims(&self) -> (usize, usize) {
        match self {
            Self::Dense { tensor, layout } => match (tensor.dims(), layout) {
                ([out, inn], Layout::OutIn) | ([inn, out], Layout::InOut) => (*inn, *out),
                _ => (0, 0),
            },
            Self::Packed(packed) => {
                let (out, inn) = packed.dims();
                (inn, out)
            }
        }
    }

    pub fn bytes(&self) -> u64 {
        match self {
            Self::Dense { tensor, .. } => (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64,
            Self::Packed(packed) => packed.bytes() as u64,
        }
    }

    /// Packed, or half floats.
    pub fn narrow(&self) -> bool {
        match self {
            Self::Dense { tensor, .. } => tensor.dtype().size_in_bytes() < 4,
            Self::Packed(_) => true,
        }
    }

    pub fn elements(&self) -> u64 {
        let (inn, out) = self.dims();
        (inn * out) as u64
    }

    /// `f32`, `bf16`, `q4_1`, `nf4`, …
    pub fn format(&self) -> String {
        match self {
            Self::Dense { tensor, .. } => tensor.dtype().as_str().to_owned(),
            Self::Packed(packed) => packed.format().to_owned(),
        }
    }

    /// The weights dense in `dtype`, in the layout they had.
    ///
    /// # Errors
    /// Memory.
    pub fn converted(&self, dtype: DType, device: &Device) -> Result<Self> {
        Ok(match self {
            Self::Dense { tensor, layout } => Self::Dense { tensor: tensor.to_dtype(dtype)?, layout: *layout },
            Self::Packed(packed) => Self::Dense { tensor: packed.dequantize(device)?.to_dtype(dtype)?, layout: Layout::OutIn },
        })
    }

    /// Dense `[out, in]`, f32.
    ///
    /// # Errors
    /// Memory.
    pub fn rows(&self, device: &Device) -> Result<Tensor> {
        match self.converted(DType::F32, device)? {
            Self::Dense { tensor, layout: Layout::OutIn } => Ok(tensor),
            Self::Dense { tensor, layout: Layout::InOut } => Ok(tensor.t()?.contiguous()?),
            Self::Packed(_) => Err(Error::Internal { doing: "widening".into(), cause: "still packed".into() }),
        }
    }
}
