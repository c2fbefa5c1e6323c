//! INT8: eight bits a weight and one scale a row, as LLM.int8 stores weights (arXiv 2208.07339; bitsandbytes' `int8_vectorwise_quant`).
//!
//! Of LLM.int8's product nothing is here: it rounds the activations to eight bits too, and only for that reason must keep their outlier columns
//! apart in 16 bits (`llm_int8_threshold`). Our products read the codes as floats and leave the activations alone, so there is no threshold.

use half::f16;
use rayon::prelude::*;

/// A row-major `[rows, columns]` matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Int8 {
    pub rows: usize,
    pub columns: usize,
    pub codes: Vec<i8>,
    /// The largest magnitude of each row.
    pub scales: Vec<f32>,
}

/// bitsandbytes' factor for 1/127.
pub const UNIT: f32 = 0.007_874_016;

impl Int8 {
    /// `values` are `[rows, columns]`. Each row is rounded to f16 first, as `bitsandbytes.nn.Int8Params` does, unless f16 cannot hold it.
    pub fn pack(values: &[f32], (rows, columns): (usize, usize)) -> Self {
        let mut codes = vec![0; values.len()];
        if columns == 0 {
            return Self { rows, columns, codes, scales: vec![0.0; rows] };
        }
        let parts = values.par_chunks(columns).zip(codes.par_chunks_mut(columns));
        let scales = parts.map(|(values, codes)| pack_row(values, codes)).collect();
        Self { rows, columns, codes, scales }
    }

    /// The number at a place, counted row by row.
    #[inline(always)]
    pub fn value(&self, at: usize) -> f32 {
        f32::from(self.codes[at]) * self.scales[at / self.columns.max(1)] * UNIT
    }

    pub fn values(&self) -> Vec<f32> {
        (0..self.codes.len()).into_par_iter().map(|at| self.value(at)).collect()
    }
}

fn pack_row(values: &[f32], codes: &mut [i8]) -> f32 {
    const LARGEST: f32 = 65504.0;
    /// The smallest that has all of f16's bits.
    const SMALLEST: f32 = 6.103_515_6e-5;
    let largest = values.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let narrow = (SMALLEST..=LARGEST).contains(&largest);
    let rounded = |x: f32| if narrow { f16::from_f32(x).to_f32() } else { x };
    let scale = rounded(largest);
    let inverse = 127.0 / scale;
    if !inverse.is_finite() {
        // Nothing but zeros, or what no float divides by: the codes are 0 already.
        return scale;
    }
    for (code, x) in codes.iter_mut().zip(values) {
        *code = (rounded(*x) * inverse).round_ties_even() as i8;
    }
    scale
}
