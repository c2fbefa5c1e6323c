//! ggml's blocks as f32 lanes: each function gives runs of 32 values, the first sixteen and the last.
//!
//! Layouts: ggml-quants.c (dequantize_row_*). Every product of a scale and a code is exact in f32, so an fma gives the reference's bits.

use super::blocks::half_to_float;
use super::lanes::{Codes, Lanes};
use super::simd::LANES;

/// 16 bytes from `at`.
#[inline(always)]
fn bytes(block: &[u8], at: usize) -> &[u8; LANES] {
    &block[at..at + LANES].as_chunks().0[0]
}

#[inline(always)]
fn half<V: Lanes>(block: &[u8], at: usize) -> V {
    V::half([block[at], block[at + 1]])
}

#[inline(always)]
fn number(block: &[u8], at: usize) -> f32 {
    half_to_float(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// `d, 16 bytes`: d (q - 8); the low nibbles come first.
#[inline(always)]
pub fn q4_0<V: Lanes>(block: &[u8; 18]) -> [(V, V); 1] {
    let d = half::<V>(block, 0);
    let shift = d.mul(V::splat(-8.0));
    let (low, high) = V::nibbles(bytes(block, 2));
    [(low.fma(d, shift), high.fma(d, shift))]
}

/// `d, m, 16 bytes`: d q + m.
#[inline(always)]
pub fn q4_1<V: Lanes>(block: &[u8; 20]) -> [(V, V); 1] {
    let (d, m) = (half::<V>(block, 0), half::<V>(block, 2));
    let (low, high) = V::nibbles(bytes(block, 4));
    [(low.fma(d, m), high.fma(d, m))]
}

/// Nibbles from `at` with their fifth bits, bit i of the four bytes from `top` for value i.
#[inline(always)]
fn five_bits<V: Lanes>(block: &[u8], top: usize, at: usize) -> (V, V) {
    let nibbles = V::Codes::load(bytes(block, at));
    let tops = |at: usize| V::Codes::where_set(u16::from_le_bytes([block[at], block[at + 1]]), 16);
    (V::of(nibbles.and(15).or(tops(top))), V::of(nibbles.right(4).or(tops(top + 2))))
}

/// `d, 32 bits, 16 bytes`: d (q - 16).
#[inline(always)]
pub fn q5_0<V: Lanes>(block: &[u8; 22]) -> [(V, V); 1] {
    let d = half::<V>(block, 0);
    let shift = d.mul(V::splat(-16.0));
    let (low, high) = five_bits::<V>(block, 2, 6);
    [(low.fma(d, shift), high.fma(d, shift))]
}

/// `d, m, 32 bits, 16 bytes`: d q + m.
#[inline(always)]
pub fn q5_1<V: Lanes>(block: &[u8; 24]) -> [(V, V); 1] {
    let (d, m) = (half::<V>(block, 0), half::<V>(block, 2));
    let (low, high) = five_bits::<V>(block, 4, 8);
    [(low.fma(d, m), high.fma(d, m))]
}

/// `d, 32 bytes`: d q.
#[inline(always)]
pub fn q8_0<V: Lanes>(block: &[u8; 34]) -> [(V, V); 1] {
    let d = half::<V>(block, 0);
    [(V::signed(bytes(block, 2)).mul(d), V::signed(bytes(block, 18)).mul(d))]
}

/// Scales (then minima, negative) of the eight runs, for q4_k and q5_k: six bits each, in the 12 bytes from 4 on.
#[inline(always)]
fn scales_and_minima<V: Lanes>(block: &[u8]) -> [f32; LANES] {
    let four = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    let (a, b, c) = (four(4), four(8), four(12));
    let (low, top) = (0x0f0f_0f0f, 0x0303_0303);
    let parts = [a & 0x3f3f_3f3f, c & low | (a >> 6 & top) << 4, b & 0x3f3f_3f3f, c >> 4 & low | (b >> 6 & top) << 4];
    let mut bytes = [0; LANES];
    for (bytes, part) in bytes.chunks_exact_mut(4).zip(parts) {
        bytes.copy_from_slice(&part.to_le_bytes());
    }
    let (d, dmin) = (number(block, 0), -number(block, 2));
    let mut values = V::signed(&bytes).store();
    for value in &mut values[..8] {
        *value *= d;
    }
    for value in &mut values[8..] {
        *value *= dmin;
    }
    values
}

/// `d, dmin, 12 bytes of scales, 128 bytes`: d sc q - dmin m; 32 bytes hold 64 values, the low nibbles first.
#[inline(always)]
pub fn q4_k<V: Lanes>(block: &[u8; 144]) -> [(V, V); 8] {
    let scales = scales_and_minima::<V>(block);
    let mut runs = [(V::splat(0.0), V::splat(0.0)); 8];
    for pair in 0..4 {
        let (first, last) = (V::nibbles(bytes(block, 16 + 32 * pair)), V::nibbles(bytes(block, 32 + 32 * pair)));
        let (d, m) = (V::splat(scales[2 * pair]), V::splat(scales[8 + 2 * pair]));
        runs[2 * pair] = (first.0.fma(d, m), last.0.fma(d, m));
        let (d, m) = (V::splat(scales[2 * pair + 1]), V::splat(scales[9 + 2 * pair]));
        runs[2 * pair + 1] = (first.1.fma(d, m), last.1.fma(d, m));
    }
    runs
}

/// As q4_k with 32 bytes of fifth bits before the nibbles: bit `run` of byte i for value i of a run.
#[inline(always)]
pub fn q5_k<V: Lanes>(block: &[u8; 176]) -> [(V, V); 8] {
    let scales = scales_and_minima::<V>(block);
    let tops = (V::Codes::load(bytes(block, 16)), V::Codes::load(bytes(block, 32)));
    let mut runs = [(V::splat(0.0), V::splat(0.0)); 8];
    for pair in 0..4 {
        let nibbles = (V::Codes::load(bytes(block, 48 + 32 * pair)), V::Codes::load(bytes(block, 64 + 32 * pair)));
        let tops = (tops.0.right(2 * pair), tops.1.right(2 * pair));
        let (d, m) = (V::splat(scales[2 * pair]), V::splat(scales[8 + 2 * pair]));
        let low = (nibbles.0.and(15).or(tops.0.and(1).left(4)), nibbles.1.and(15).or(tops.1.and(1).left(4)));
        runs[2 * pair] = (V::of(low.0).fma(d, m), V::of(low.1).fma(d, m));
        let (d, m) = (V::splat(scales[2 * pair + 1]), V::splat(scales[9 + 2 * pair]));
        let high = (nibbles.0.right(4).or(tops.0.and(2).left(3)), nibbles.1.right(4).or(tops.1.and(2).left(3)));
        runs[2 * pair + 1] = (V::of(high.0).fma(d, m), V::of(high.1).fma(d, m));
    }
    runs
}

/// `128 bytes of nibbles, 64 of two bits more, 16 signed scales, d`: d sc (q - 32), a scale for 16 values.
#[inline(always)]
pub fn q6_k<V: Lanes>(block: &[u8; 210]) -> [(V, V); 8] {
    let scales = V::signed(bytes(block, 192)).mul(half::<V>(block, 208)).store();
    let mut runs = [(V::splat(0.0), V::splat(0.0)); 8];
    for part in 0..2 {
        runs[4 * part] = six_bits::<V, 0>(block, part, &scales);
        runs[4 * part + 1] = six_bits::<V, 1>(block, part, &scales);
        runs[4 * part + 2] = six_bits::<V, 2>(block, part, &scales);
        runs[4 * part + 3] = six_bits::<V, 3>(block, part, &scales);
    }
    runs
}

/// Run `RUN` of the four in a half of a q6_k block.
#[inline(always)]
fn six_bits<V: Lanes, const RUN: usize>(block: &[u8], part: usize, scales: &[f32; LANES]) -> (V, V) {
    let (nibbles, tops, scale) = (64 * part + 32 * (RUN % 2), 128 + 32 * part, 8 * part + 2 * RUN);
    let first = sixteen::<V, RUN>(block, nibbles, tops);
    let last = sixteen::<V, RUN>(block, nibbles + 16, tops + 16);
    (first.mul(V::splat(scales[scale])), last.mul(V::splat(scales[scale + 1])))
}

#[inline(always)]
fn sixteen<V: Lanes, const RUN: usize>(block: &[u8], nibbles: usize, tops: usize) -> V {
    let (nibbles, tops) = (V::Codes::load(bytes(block, nibbles)), V::Codes::load(bytes(block, tops)));
    let low = if RUN < 2 { nibbles.and(15) } else { nibbles.right(4) };
    V::of(low.or(tops.right(2 * RUN).and(3).left(4)).minus(32))
}
