//! The one linear layer: dense (f32, f16, bf16) or packed blocks, plus what an adapter adds.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};

use super::Pass;
use crate::ops::{self, Layout};
use crate::{Error, Result};

#[derive(Clone, Debug)]
pub enum Weight {
    Dense {
        tensor: Tensor,
        layout: Layout,
    },
    /// `[out, in]` in blocks along `in`.
    Packed(Arc<QTensor>),
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
            Self::Packed(packed) => packed.embedding(ids)?,
        };
        Ok(rows.to_dtype(DType::F32)?)
    }

    /// `(in, out)`
    pub fn dims(&self) -> (usize, usize) {
        let (shape, layout) = match self {
            Self::Dense { tensor, layout } => (tensor.dims(), *layout),
            Self::Packed(packed) => (packed.shape().dims(), Layout::OutIn),
        };
        match (shape, layout) {
            ([out, inn], Layout::OutIn) | ([inn, out], Layout::InOut) => (*inn, *out),
            _ => (0, 0),
        }
    }

    pub fn bytes(&self) -> u64 {
        match self {
            Self::Dense { tensor, .. } => (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64,
            Self::Packed(packed) => packed.storage_size_in_bytes() as u64,
        }
    }

    pub fn elements(&self) -> u64 {
        let (inn, out) = self.dims();
        (inn * out) as u64
    }

    /// `f32`, `bf16`, `q4_1`, …
    pub fn format(&self) -> String {
        match self {
            Self::Dense { tensor, .. } => tensor.dtype().as_str().to_owned(),
            Self::Packed(packed) => block_name(packed.dtype()).to_owned(),
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

/// llama.cpp's name of a block format.
pub fn block_name(dtype: GgmlDType) -> &'static str {
    match dtype {
        GgmlDType::F32 => "f32",
        GgmlDType::F16 => "f16",
        GgmlDType::BF16 => "bf16",
        GgmlDType::Q4_0 => "q4_0",
        GgmlDType::Q4_1 => "q4_1",
        GgmlDType::Q5_0 => "q5_0",
        GgmlDType::Q5_1 => "q5_1",
        GgmlDType::Q8_0 => "q8_0",
        GgmlDType::Q8_1 => "q8_1",
        GgmlDType::Q2K => "q2_k",
        GgmlDType::Q3K => "q3_k",
        GgmlDType::Q4K => "q4_k",
        GgmlDType::Q5K => "q5_k",
        GgmlDType::Q6K => "q6_k",
        GgmlDType::Q8K => "q8_k",
    }
}
