//! Products with few rows (decoding): row-wise dot products over weights read once.
//!
//! A row's sum is formed in its own 32 lanes, so its bits do not depend on how many rows there are, nor on threads.

use candle_core::quantized::GgmlDType;
use rayon::prelude::*;

use super::blocks::{self, scale};
use super::matrix::{Matrix, Values};
use super::simd::{LANES, sum, vectorised};
use super::storage::Shared;

/// Up to this many rows are computed here; more go through gemm.
pub const FEW_ROWS: usize = 8;

/// Weights that one task reads.
const TASK: usize = 64 * 1024;

/// `out[rows, n] = x[rows, k] @ w^T + bias` for w stored `[n, k]`; `x @ w` for w stored `[k, n]`.
pub fn few_rows(out: &mut [f32], x: &[f32], w: Matrix, bias: Option<&[f32]>, rows: usize) {
    let (k, n) = w.shape();
    let shared = Shared::new(out);
    let per_task = (TASK / k.max(1)).clamp(1, n.max(1)).next_multiple_of(16);
    (0..n.div_ceil(per_task)).into_par_iter().for_each_init(Vec::new, |scratch, task| {
        let first = task * per_task;
        let count = per_task.min(n - first);
        if w.transposed {
            outputs(shared, x, w, bias, rows, first, count, scratch);
        } else {
            columns(shared, x, w, bias, rows, first, count, scratch);
        }
    });
}

/// Outputs `first..first + count` of every row, for weights stored one output per row.
#[allow(clippy::too_many_arguments)]
fn outputs(out: Shared, x: &[f32], w: Matrix, bias: Option<&[f32]>, rows: usize, first: usize, count: usize, scratch: &mut Vec<f32>) {
    let (k, n) = w.shape();
    for o in first..first + count {
        let bias = bias.map_or(0.0, |bias| bias[o]);
        let put = |row: usize, value: f32| {
            // SAFETY: column `o` belongs to this task.
            unsafe { out.slice(row * n + o, 1)[0] = value + bias }
        };
        for row in (0..rows).step_by(2) {
            let pair = rows - row > 1;
            let a = &x[row * k..][..k];
            let b = if pair { &x[(row + 1) * k..][..k] } else { a };
            let [ya, yb] = match w.values {
                Values::Packed(bytes, format) => packed_dot(bytes, format, o, k, a, b, pair),
                Values::F32(values) => dense_dot(&values[o * k..][..k], a, b, pair),
                _ => {
                    if row == 0 {
                        w.widen(o, 1, 0, k, scratch);
                    }
                    dense_dot(scratch, a, b, pair)
                }
            };
            put(row, ya);
            if pair {
                put(row + 1, yb);
            }
        }
    }
}

fn dense_dot(w: &[f32], a: &[f32], b: &[f32], pair: bool) -> [f32; 2] {
    if pair { dot::<2>(w, [a, b]) } else { [dot::<1>(w, [a])[0], 0.0] }
}

fn packed_dot(bytes: &[u8], format: GgmlDType, o: usize, k: usize, a: &[f32], b: &[f32], pair: bool) -> [f32; 2] {
    let size = blocks::bytes_per_block(format).unwrap_or(1);
    let length = k / blocks::SIZE * size;
    let w = &bytes[o * length..][..length];
    macro_rules! with {
        ($f:ident) => {
            if pair { $f::<2>(w, [a, b]) } else { [$f::<1>(w, [a])[0], 0.0] }
        };
    }
    match format {
        GgmlDType::Q4_0 => with!(dot_q4_0),
        GgmlDType::Q4_1 => with!(dot_q4_1),
        _ => with!(dot_q8_0),
    }
}

vectorised! {
    /// The dot product of one weight row with each of `R` rows.
    pub fn dot<const R: usize>(w: &[f32], xs: [&[f32]; R]) -> [f32; R] {
        let mut lanes = [[[0.0_f32; LANES]; 2]; R];
        let step = 2 * LANES;
        let whole = w.len() / step * step;
        for at in (0..whole).step_by(step) {
            let w = &w[at..at + step];
            for r in 0..R {
                let x = &xs[r][at..at + step];
                for half in 0..2 {
                    for l in 0..LANES {
                        lanes[r][half][l] = w[half * LANES + l].mul_add(x[half * LANES + l], lanes[r][half][l]);
                    }
                }
            }
        }
        std::array::from_fn(|r| {
            let rest = w[whole..].iter().zip(&xs[r][whole..w.len()]).fold(0.0_f32, |sum, (w, x)| w.mul_add(*x, sum));
            sum(std::array::from_fn(|l| lanes[r][0][l] + lanes[r][1][l])) + rest
        })
    }
}

vectorised! {
    fn dot_q4_0<const R: usize>(w: &[u8], xs: [&[f32]; R]) -> [f32; R] {
        let mut lanes = [[[0.0_f32; LANES]; 2]; R];
        for (i, block) in w.chunks_exact(18).enumerate() {
            let d = scale(block, 0);
            let quants = &block[2..18];
            let low: [f32; LANES] = std::array::from_fn(|l| (i32::from(quants[l] & 15) - 8) as f32 * d);
            let high: [f32; LANES] = std::array::from_fn(|l| (i32::from(quants[l] >> 4) - 8) as f32 * d);
            accumulate(&mut lanes, low, high, xs, i * 32);
        }
        std::array::from_fn(|r| sum(std::array::from_fn(|l| lanes[r][0][l] + lanes[r][1][l])))
    }
}

vectorised! {
    fn dot_q4_1<const R: usize>(w: &[u8], xs: [&[f32]; R]) -> [f32; R] {
        let mut lanes = [[[0.0_f32; LANES]; 2]; R];
        for (i, block) in w.chunks_exact(20).enumerate() {
            let (d, m) = (scale(block, 0), scale(block, 2));
            let quants = &block[4..20];
            let low: [f32; LANES] = std::array::from_fn(|l| (i32::from(quants[l] & 15) as f32).mul_add(d, m));
            let high: [f32; LANES] = std::array::from_fn(|l| (i32::from(quants[l] >> 4) as f32).mul_add(d, m));
            accumulate(&mut lanes, low, high, xs, i * 32);
        }
        std::array::from_fn(|r| sum(std::array::from_fn(|l| lanes[r][0][l] + lanes[r][1][l])))
    }
}

vectorised! {
    fn dot_q8_0<const R: usize>(w: &[u8], xs: [&[f32]; R]) -> [f32; R] {
        let mut lanes = [[[0.0_f32; LANES]; 2]; R];
        for (i, block) in w.chunks_exact(34).enumerate() {
            let d = scale(block, 0);
            let quants = &block[2..34];
            let low: [f32; LANES] = std::array::from_fn(|l| i32::from(quants[l] as i8) as f32 * d);
            let high: [f32; LANES] = std::array::from_fn(|l| i32::from(quants[l + LANES] as i8) as f32 * d);
            accumulate(&mut lanes, low, high, xs, i * 32);
        }
        std::array::from_fn(|r| sum(std::array::from_fn(|l| lanes[r][0][l] + lanes[r][1][l])))
    }
}

#[inline(always)]
fn accumulate<const R: usize>(lanes: &mut [[[f32; LANES]; 2]; R], low: [f32; LANES], high: [f32; LANES], xs: [&[f32]; R], at: usize) {
    for r in 0..R {
        let x = &xs[r][at..at + 2 * LANES];
        for l in 0..LANES {
            lanes[r][0][l] = low[l].mul_add(x[l], lanes[r][0][l]);
            lanes[r][1][l] = high[l].mul_add(x[LANES + l], lanes[r][1][l]);
        }
    }
}

/// Outputs `first..first + count` of every row, for weights stored one input per row.
#[allow(clippy::too_many_arguments)]
fn columns(out: Shared, x: &[f32], w: Matrix, bias: Option<&[f32]>, rows: usize, first: usize, count: usize, scratch: &mut Vec<f32>) {
    let (k, n) = w.shape();
    for row in 0..rows {
        // SAFETY: these columns belong to this task.
        let out = unsafe { out.slice(row * n + first, count) };
        match bias {
            Some(bias) => out.copy_from_slice(&bias[first..first + count]),
            None => out.fill(0.0),
        }
    }
    for i in 0..k {
        let weights = match w.values {
            Values::F32(values) => &values[i * n + first..][..count],
            _ => {
                w.widen(i, 1, first, count, scratch);
                &scratch[..]
            }
        };
        for row in 0..rows {
            // SAFETY: as above.
            axpy(unsafe { out.slice(row * n + first, count) }, weights, x[row * k + i]);
        }
    }
}

vectorised! {
    /// `y += a * x`.
    pub fn axpy(y: &mut [f32], x: &[f32], a: f32) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = x.mul_add(a, *y);
        }
    }
}
