//! Dot products of consecutive weight rows with a few rows of x, widening the weights in registers.

use candle_core::quantized::GgmlDType;
use half::slice::HalfFloatSliceExt;

use super::lanes::{Lanes, vectorised_lanes};
use super::matrix::{Matrix, Values};
use super::{blocks, coded, unpack};

/// `ys[i][r] = w[first + i] . xs[r]` for w stored one output per row; each sum is the same whatever `R`.
pub fn dots<const R: usize>(w: Matrix, first: usize, xs: [&[f32]; R], ys: &mut [[f32; R]]) {
    let (k, _) = w.shape();
    let dense = first * k..(first + ys.len()) * k;
    match w.values {
        Values::F32(values) => dense_f32(&values[dense], xs, ys),
        Values::F16(values) => dense_f16(values[dense].reinterpret_cast(), xs, ys),
        Values::Bf16(values) => dense_bf16(values[dense].reinterpret_cast(), xs, ys),
        Values::Nf4(nf4) => coded::dots_nf4(nf4, first, xs, ys),
        Values::Int8(int8) => coded::dots_int8(int8, first, xs, ys),
        Values::Packed(bytes, format) => {
            let row = blocks::block(format).map_or(0, |(size, width)| k / size * width);
            let bytes = &bytes[first * row..(first + ys.len()) * row];
            match format {
                GgmlDType::Q4_0 => packed_q4_0(bytes, xs, ys),
                GgmlDType::Q4_1 => packed_q4_1(bytes, xs, ys),
                GgmlDType::Q5_0 => packed_q5_0(bytes, xs, ys),
                GgmlDType::Q5_1 => packed_q5_1(bytes, xs, ys),
                GgmlDType::Q4K => packed_q4_k(bytes, xs, ys),
                GgmlDType::Q5K => packed_q5_k(bytes, xs, ys),
                GgmlDType::Q6K => packed_q6_k(bytes, xs, ys),
                _ => packed_q8_0(bytes, xs, ys),
            }
        }
    }
}

/// Adds the products of 32 weights with values `32 i..` of each row.
#[inline(always)]
pub fn accumulate<V: Lanes, const R: usize>(lanes: &mut [[V; 2]; R], low: V, high: V, xs: &[&[f32]; R], i: usize) {
    for r in 0..R {
        let (chunks, _) = xs[r][32 * i..32 * i + 32].as_chunks();
        lanes[r][0] = low.fma(V::load(&chunks[0]), lanes[r][0]);
        lanes[r][1] = high.fma(V::load(&chunks[1]), lanes[r][1]);
    }
}

/// One panel for a dense format: `$wide` widens 16 values, `$single` one.
macro_rules! dense {
    ($vis:vis $name:ident, $type:ty, $wide:ident, $single:expr) => {
        vectorised_lanes! {
            $vis fn $name<V, const R: usize>(w: &[$type], xs: [&[f32]; R], ys: &mut [[f32; R]]) -> () {
                let k = xs[0].len();
                for (i, y) in ys.iter_mut().enumerate() {
                    let (chunks, rest) = w[i * k..(i + 1) * k].as_chunks();
                    let (pairs, odd) = chunks.as_chunks::<2>();
                    let mut lanes = [[V::splat(0.0); 2]; R];
                    for (at, [low, high]) in pairs.iter().enumerate() {
                        accumulate(&mut lanes, V::$wide(low), V::$wide(high), &xs, at);
                    }
                    for r in 0..R {
                        for odd in odd {
                            lanes[r][0] = V::$wide(odd).fma(V::load(&xs[r].as_chunks().0[2 * pairs.len()]), lanes[r][0]);
                        }
                        y[r] = lanes[r][0].add(lanes[r][1]).sum();
                        for (w, x) in rest.iter().zip(&xs[r][k - rest.len()..]) {
                            y[r] = $single(*w).mul_add(*x, y[r]);
                        }
                    }
                }
            }
        }
    };
}

dense!(pub dense_f32, f32, load, std::convert::identity::<f32>);
dense!(dense_f16, u16, f16, blocks::half_to_float);
dense!(dense_bf16, u16, bf16, bf16_to_float);

#[inline(always)]
fn bf16_to_float(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// One panel for a format of `$size` bytes a block; `$unpack` gives its runs.
macro_rules! packed {
    ($name:ident, $size:literal, $unpack:path) => {
        vectorised_lanes! {
            fn $name<V, const R: usize>(w: &[u8], xs: [&[f32]; R], ys: &mut [[f32; R]]) -> () {
                let (blocks, _) = w.as_chunks::<$size>();
                let per_row = blocks.len() / ys.len().max(1);
                for (y, row) in ys.iter_mut().zip(blocks.chunks_exact(per_row.max(1))) {
                    let mut lanes = [[V::splat(0.0); 2]; R];
                    let mut at = 0;
                    for block in row {
                        for (low, high) in $unpack(block) {
                            accumulate(&mut lanes, low, high, &xs, at);
                            at += 1;
                        }
                    }
                    for r in 0..R {
                        y[r] = lanes[r][0].add(lanes[r][1]).sum();
                    }
                }
            }
        }
    };
}

packed!(packed_q4_0, 18, unpack::q4_0);
packed!(packed_q4_1, 20, unpack::q4_1);
packed!(packed_q5_0, 22, unpack::q5_0);
packed!(packed_q5_1, 24, unpack::q5_1);
packed!(packed_q8_0, 34, unpack::q8_0);
packed!(packed_q4_k, 144, unpack::q4_k);
packed!(packed_q5_k, 176, unpack::q5_k);
packed!(packed_q6_k, 210, unpack::q6_k);
