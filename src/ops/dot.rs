//! Products with few rows (decoding): row-wise dot products over weights read once.
//!
//! A row's sum is formed in its own 32 lanes, so its bits do not depend on how many rows there are, nor on threads.

use rayon::prelude::*;

use super::matrix::{Matrix, Values};
use super::panels;
use super::simd::vectorised;
use super::storage::Shared;

/// Up to this many rows are computed here; more go through gemm.
pub const FEW_ROWS: usize = 8;

/// Weights that one task reads.
const TASK: usize = 64 * 1024;
/// A product with no more weights than this is not worth waking another thread for.
const ALONE: usize = 128 * 1024;

/// `out[rows, n] = x[rows, k] @ w^T + bias` for w stored `[n, k]`; `x @ w` for w stored `[k, n]`.
pub fn few_rows(out: &mut [f32], x: &[f32], w: Matrix, bias: Option<&[f32]>, rows: usize) {
    let (k, n) = w.shape();
    let shared = Shared::new(out);
    let per_task = (TASK / k.max(1)).clamp(1, n.max(1)).next_multiple_of(16);
    let run = |scratch: &mut Vec<f32>, task: usize| {
        let first = task * per_task;
        let count = per_task.min(n - first);
        if w.transposed {
            outputs(shared, x, w, bias, rows, first, count);
        } else {
            columns(shared, x, w, bias, rows, first, count, scratch);
        }
    };
    let tasks = n.div_ceil(per_task);
    if k * n <= ALONE {
        let mut scratch = Vec::new();
        (0..tasks).for_each(|task| run(&mut scratch, task));
    } else {
        (0..tasks).into_par_iter().for_each_init(Vec::new, run);
    }
}

/// Outputs `first..first + count` of every row, for weights stored one output per row: four rows at a time, then two, then one.
fn outputs(out: Shared, x: &[f32], w: Matrix, bias: Option<&[f32]>, rows: usize, first: usize, count: usize) {
    let mut row = 0;
    while row < rows {
        row += match rows - row {
            4.. => some_rows::<4>(out, x, w, bias, row, first, count),
            2.. => some_rows::<2>(out, x, w, bias, row, first, count),
            _ => some_rows::<1>(out, x, w, bias, row, first, count),
        };
    }
}

fn some_rows<const R: usize>(out: Shared, x: &[f32], w: Matrix, bias: Option<&[f32]>, row: usize, first: usize, count: usize) -> usize {
    let (k, n) = w.shape();
    let xs: [&[f32]; R] = std::array::from_fn(|r| &x[(row + r) * k..][..k]);
    let mut ys = vec![[0.0_f32; R]; count];
    panels::dots(w, first, xs, &mut ys);
    for r in 0..R {
        // SAFETY: these outputs belong to this task.
        let out = unsafe { out.slice((row + r) * n + first, count) };
        for (i, (out, y)) in out.iter_mut().zip(&ys).enumerate() {
            *out = y[r] + bias.map_or(0.0, |bias| bias[first + i]);
        }
    }
    R
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
