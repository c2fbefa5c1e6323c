//! Weights in fewer bits: tensor to packed bytes and back. ggml's blocks are candle's; NF4 and INT8 are bitsandbytes', byte for byte.
//!
//! Reading them inside a product is `ops`' part.

mod dynamic;
mod int8;
mod nf4;

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Result, Tensor};

pub use dynamic::Nested;
pub use int8::{Int8, UNIT};
pub use nf4::{BLOCKS, CODE, Nf4, Scales};

/// A `[rows, columns]` matrix that takes fewer bits than floats do.
#[derive(Debug)]
pub enum Packed {
    /// ggml's blocks along the rows.
    Blocks(Arc<QTensor>),
    Nf4(Nf4),
    Int8(Int8),
}

impl Packed {
    /// `(rows, columns)`; zeros for what is no matrix.
    pub fn dims(&self) -> (usize, usize) {
        match self {
            Self::Blocks(blocks) => blocks.shape().dims2().unwrap_or((0, 0)),
            Self::Nf4(nf4) => (nf4.rows, nf4.columns),
            Self::Int8(int8) => (int8.rows, int8.columns),
        }
    }

    /// As [`Packed::dims`], whatever the file had.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Blocks(blocks) => blocks.shape().dims().to_vec(),
            Self::Nf4(_) | Self::Int8(_) => vec![self.dims().0, self.dims().1],
        }
    }

    /// Where it lies; NF4 and INT8 are the CPU's.
    pub fn device(&self) -> Device {
        match self {
            Self::Blocks(blocks) => blocks.device(),
            Self::Nf4(_) | Self::Int8(_) => Device::Cpu,
        }
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Blocks(blocks) => blocks.storage_size_in_bytes(),
            Self::Nf4(nf4) => nf4.bytes(),
            Self::Int8(int8) => int8.codes.len() + 4 * int8.scales.len(),
        }
    }

    /// `q4_1`, `nf4`, `nf4+dq`, `int8`, …
    pub fn format(&self) -> &'static str {
        match self {
            Self::Blocks(blocks) => block_name(blocks.dtype()),
            Self::Nf4(Nf4 { scales: Scales::Nested(_), .. }) => "nf4+dq",
            Self::Nf4(_) => "nf4",
            Self::Int8(_) => "int8",
        }
    }

    /// `[rows, columns]`, f32.
    ///
    /// # Errors
    /// Memory.
    pub fn dequantize(&self, device: &Device) -> Result<Tensor> {
        let values = match self {
            Self::Blocks(blocks) => return blocks.dequantize(device),
            Self::Nf4(nf4) => nf4.values(),
            Self::Int8(int8) => int8.values(),
        };
        Tensor::from_vec(values, self.dims(), &Device::Cpu)?.to_device(device)
    }

    /// All bytes that say what the numbers are, for a hash of them.
    ///
    /// # Errors
    /// Blocks on a device that cannot be read.
    pub fn data(&self) -> Result<Vec<Cow<'_, [u8]>>> {
        let bytes = |floats: &[f32]| Cow::Owned(floats.iter().flat_map(|x| x.to_le_bytes()).collect());
        Ok(match self {
            Self::Blocks(blocks) => vec![blocks.data()?],
            Self::Nf4(nf4) => match &nf4.scales {
                Scales::Single(scales) => vec![Cow::Borrowed(&nf4.codes[..]), bytes(scales)],
                Scales::Nested(nested) => {
                    vec![Cow::Borrowed(&nf4.codes[..]), Cow::Borrowed(&nested.codes[..]), bytes(&nested.scales), bytes(&[nested.offset])]
                }
            },
            Self::Int8(int8) => vec![Cow::Owned(int8.codes.iter().map(|code| *code as u8).collect()), bytes(&int8.scales)],
        })
    }
}

impl From<QTensor> for Packed {
    fn from(blocks: QTensor) -> Self {
        Self::Blocks(Arc::new(blocks))
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
