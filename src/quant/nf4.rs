//! NF4: four bits a weight, the codes at the quantiles of a normal distribution, one scale a block (QLoRA, arXiv 2305.14314).
//!
//! As bitsandbytes 0.50 stores it (`functional.quantize_4bit`): blocks run over the row-major numbers whatever the rows, the first of two numbers
//! stands in the high nibble, a number between two codes goes to the nearer one and from the very middle to the lower.

use rayon::prelude::*;

use super::Nested;

/// bitsandbytes' `get_4bit_type("nf4")`.
pub const CODE: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// Numbers that may share a scale.
pub const BLOCKS: &[usize] = &[32, 64, 128, 256, 512, 1024, 2048, 4096];

/// A row-major `[rows, columns]` matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Nf4 {
    pub rows: usize,
    pub columns: usize,
    /// Numbers that share a scale: one of [`BLOCKS`].
    pub block: usize,
    /// Two numbers a byte; an odd one at the end stands beside a zero.
    pub codes: Vec<u8>,
    pub scales: Scales,
}

/// The largest magnitude of each block.
#[derive(Clone, Debug, PartialEq)]
pub enum Scales {
    Single(Vec<f32>),
    /// Quantised themselves: double quantisation.
    Nested(Nested),
}

impl Scales {
    #[inline(always)]
    pub fn get(&self, block: usize) -> f32 {
        match self {
            Self::Single(scales) => scales[block],
            Self::Nested(nested) => nested.get(block),
        }
    }
}

impl Nf4 {
    /// `values` are `[rows, columns]`; `double` quantises the scales too.
    pub fn pack(values: &[f32], (rows, columns): (usize, usize), block: usize, double: bool) -> Self {
        debug_assert!(values.len() == rows * columns && BLOCKS.contains(&block));
        let middles = middles();
        let mut codes = vec![0; values.len().div_ceil(2)];
        let parts = values.par_chunks(block).zip(codes.par_chunks_mut(block / 2));
        let scales: Vec<f32> = parts.map(|(values, codes)| pack_block(values, values.len() == block, &middles, codes)).collect();
        let scales = if double { Scales::Nested(Nested::pack(&scales)) } else { Scales::Single(scales) };
        Self { rows, columns, block, codes, scales }
    }

    /// The number at a place, counted row by row.
    #[inline(always)]
    pub fn value(&self, at: usize) -> f32 {
        let byte = self.codes[at / 2];
        let code = if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 };
        CODE[usize::from(code)] * self.scales.get(at / self.block)
    }

    pub fn values(&self) -> Vec<f32> {
        (0..self.rows * self.columns).into_par_iter().map(|at| self.value(at)).collect()
    }

    /// Codes and scales in memory.
    pub fn bytes(&self) -> usize {
        let scales = match &self.scales {
            Scales::Single(scales) => 4 * scales.len(),
            Scales::Nested(nested) => nested.codes.len() + 4 * nested.scales.len() + 4,
        };
        self.codes.len() + scales
    }
}

fn middles() -> [f32; 15] {
    std::array::from_fn(|i| (CODE[i] + CODE[i + 1]) / 2.0)
}

/// Fills one block's codes and gives its scale. A block that is not `whole` divides by its scale, where others multiply by the inverse, and
/// its scale is never 0: so does bitsandbytes.
fn pack_block(values: &[f32], whole: bool, middles: &[f32; 15], codes: &mut [u8]) -> f32 {
    const SMALLEST: f32 = 1e-38;
    let largest = values.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let (inverse, scale) = (1.0 / largest.max(SMALLEST), largest.max(SMALLEST));
    let code = |x: f32| {
        let x = if whole { x * inverse } else { x / scale }.clamp(-1.0, 1.0);
        middles.iter().map(|middle| u8::from(*middle < x)).sum::<u8>()
    };
    let zero = code(0.0);
    for (byte, pair) in codes.iter_mut().zip(values.chunks(2)) {
        *byte = code(pair[0]) << 4 | pair.get(1).map_or(zero, |x| code(*x));
    }
    if whole { largest } else { scale }
}
