//! ggml's blocks as f32 lanes, a step at a time: each function gives runs of 32 values, the first sixteen and the last.
//!
//! Layouts: ggml-quants.c (dequantize_row_*). Every product of a scale and a code is exact in f32, so an fma gives the reference's bits.

use super::blocks::half_to_float;
use super::lanes::Lanes;
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
pub fn q4_0<V: Lanes>(block: &[u8; 18], _: usize) -> [(V, V); 1] {
    let d = half::<V>(block, 0);
    let shift = d.mul(V::splat(-8.0));
    let (low, high) = V::nibbles(bytes(block, 2));
    [(low.fma(d, shift), high.fma(d, shift))]
}

/// `d, m, 16 bytes`: d q + m.
#[inline(always)]
pub fn q4_1<V: Lanes>(block: &[u8; 20], _: usize) -> [(V, V); 1] {
    let (d, m) = (half::<V>(block, 0), half::<V>(block, 2));
    let (low, high) = V::nibbles(bytes(block, 4));
    [(low.fma(d, m), high.fma(d, m))]
}

/// Nibbles from `at` with their fifth bits, bit i of `top` for value i.
#[inline(always)]
fn five_bits<V: Lanes>(block: &[u8], top: usize, at: usize) -> (V, V) {
    let top = u32::from_le_bytes([block[top], block[top + 1], block[top + 2], block[top + 3]]);
    let low = std::array::from_fn(|i| block[at + i] & 15 | ((top >> i & 1) << 4) as u8);
    let high = std::array::from_fn(|i| block[at + i] >> 4 | ((top >> (i + 16) & 1) << 4) as u8);
    (V::signed(&low), V::signed(&high))
}

/// `d, 32 bits, 16 bytes`: d (q - 16).
#[inline(always)]
pub fn q5_0<V: Lanes>(block: &[u8; 22], _: usize) -> [(V, V); 1] {
    let d = half::<V>(block, 0);
    let shift = d.mul(V::splat(-16.0));
    let (low, high) = five_bits::<V>(block, 2, 6);
    [(low.fma(d, shift), high.fma(d, shift))]
}

/// `d, m, 32 bits, 16 bytes`: d q + m.
#[inline(always)]
pub fn q5_1<V: Lanes>(block: &[u8; 24], _: usize) -> [(V, V); 1] {
    let (d, m) = (half::<V>(block, 0), half::<V>(block, 2));
    let (low, high) = five_bits::<V>(block, 4, 8);
    [(low.fma(d, m), high.fma(d, m))]
}

/// `d, 32 bytes`: d q.
#[inline(always)]
pub fn q8_0<V: Lanes>(block: &[u8; 34], _: usize) -> [(V, V); 1] {
    let d = half::<V>(block, 0);
    [(V::signed(bytes(block, 2)).mul(d), V::signed(bytes(block, 18)).mul(d))]
}

/// Scale and minimum of run `run` of eight: six bits each, in the 12 bytes from 4 on.
#[inline(always)]
fn scale_and_minimum<V: Lanes>(block: &[u8], run: usize) -> (V, V) {
    let (d, dmin) = (number(block, 0), number(block, 2));
    let s = |i: usize| block[4 + i];
    let (scale, minimum) =
        if run < 4 { (s(run) & 63, s(run + 4) & 63) } else { (s(run + 4) & 15 | s(run - 4) >> 6 << 4, s(run + 4) >> 4 | s(run) >> 6 << 4) };
    (V::splat(d * f32::from(scale)), V::splat(-dmin * f32::from(minimum)))
}

/// `d, dmin, 12 bytes of scales, 128 bytes`: d sc q - dmin m; a step is 64 values, low nibbles first.
#[inline(always)]
pub fn q4_k<V: Lanes>(block: &[u8; 144], step: usize) -> [(V, V); 2] {
    let at = 16 + 32 * step;
    let (first, last) = (V::nibbles(bytes(block, at)), V::nibbles(bytes(block, at + 16)));
    let ((d0, m0), (d1, m1)) = (scale_and_minimum::<V>(block, 2 * step), scale_and_minimum::<V>(block, 2 * step + 1));
    [(first.0.fma(d0, m0), last.0.fma(d0, m0)), (first.1.fma(d1, m1), last.1.fma(d1, m1))]
}

/// As q4_k with 32 bytes of fifth bits before the nibbles: bit `run` of byte i for value i of a run.
#[inline(always)]
pub fn q5_k<V: Lanes>(block: &[u8; 176], step: usize) -> [(V, V); 2] {
    let low =
        |i: usize| V::signed(&std::array::from_fn(|l| block[48 + 32 * step + i + l] & 15 | (block[16 + i + l] >> (2 * step) & 1) << 4));
    let high =
        |i: usize| V::signed(&std::array::from_fn(|l| block[48 + 32 * step + i + l] >> 4 | (block[16 + i + l] >> (2 * step + 1) & 1) << 4));
    let ((d0, m0), (d1, m1)) = (scale_and_minimum::<V>(block, 2 * step), scale_and_minimum::<V>(block, 2 * step + 1));
    [(low(0).fma(d0, m0), low(16).fma(d0, m0)), (high(0).fma(d1, m1), high(16).fma(d1, m1))]
}

/// `128 bytes of nibbles, 64 of two bits more, 16 signed scales, d`: d sc (q - 32), a scale for 16 values; a step is 128.
#[inline(always)]
pub fn q6_k<V: Lanes>(block: &[u8; 210], step: usize) -> [(V, V); 4] {
    let d = number(block, 208);
    std::array::from_fn(|run| {
        let sixteen = |half: usize| {
            let scale = f32::from(block[192 + 8 * step + 2 * run + half] as i8);
            let (nibbles, top) = (64 * step + 32 * (run % 2) + 16 * half, 128 + 32 * step + 16 * half);
            let code = |l: usize| {
                let low = if run < 2 { block[nibbles + l] & 15 } else { block[nibbles + l] >> 4 };
                (low | (block[top + l] >> (2 * run) & 3) << 4).wrapping_sub(32)
            };
            V::signed(&std::array::from_fn(code)).mul(V::splat(d * scale))
        };
        (sixteen(0), sixteen(1))
    })
}
