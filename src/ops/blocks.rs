//! Reading weights narrower than f32: half floats and ggml's Q4_0, Q4_1, Q8_0 blocks of 32.
//!
//! Block layouts: ggml-quants.c. Q4_0 `d, 16 bytes`: d*(q-8); Q4_1 `d, m, 16 bytes`: d*q+m; Q8_0 `d, 32 bytes`: d*q.
//! The low nibbles are elements 0..16, the high ones 16..32.

use candle_core::quantized::GgmlDType;
use half::{bf16, f16};

use super::simd::vectorised;

/// Elements of one block.
pub const SIZE: usize = 32;

/// Bytes of one block, for the formats that have a kernel here.
pub fn bytes_per_block(format: GgmlDType) -> Option<usize> {
    match format {
        GgmlDType::Q4_0 => Some(18),
        GgmlDType::Q4_1 => Some(20),
        GgmlDType::Q8_0 => Some(34),
        _ => None,
    }
}

vectorised! {
    pub fn widen_bf16(from: &[bf16], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = f32::from_bits(u32::from(from.to_bits()) << 16);
        }
    }
}

vectorised! {
    pub fn widen_f16(from: &[f16], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = half_to_float(from.to_bits());
        }
    }
}

/// Exact for normal, subnormal and infinite values, without branches (so that it vectorises).
#[inline(always)]
pub fn half_to_float(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let value = f32::from_bits(magnitude) * f32::from_bits(0x7780_0000);
    let special = if magnitude >= 0x0f80_0000 { 0x7f80_0000 } else { 0 };
    f32::from_bits(value.to_bits() | special | sign)
}

/// Elements `start..start + out.len()` of a row-major packed matrix; both ends at multiples of 32.
pub fn dequantise(bytes: &[u8], format: GgmlDType, start: usize, out: &mut [f32]) {
    let Some(size) = bytes_per_block(format) else { return };
    let first = start / SIZE * size;
    let bytes = &bytes[first..first + out.len() / SIZE * size];
    match format {
        GgmlDType::Q4_0 => dequantise_q4_0(bytes, out),
        GgmlDType::Q4_1 => dequantise_q4_1(bytes, out),
        _ => dequantise_q8_0(bytes, out),
    }
}

#[inline(always)]
pub fn scale(block: &[u8], at: usize) -> f32 {
    half_to_float(u16::from_le_bytes([block[at], block[at + 1]]))
}

vectorised! {
    fn dequantise_q4_0(bytes: &[u8], out: &mut [f32]) {
        for (block, out) in bytes.chunks_exact(18).zip(out.chunks_exact_mut(SIZE)) {
            let d = scale(block, 0);
            for i in 0..16 {
                out[i] = (f32::from(block[2 + i] & 15) - 8.0) * d;
                out[i + 16] = (f32::from(block[2 + i] >> 4) - 8.0) * d;
            }
        }
    }
}

vectorised! {
    fn dequantise_q4_1(bytes: &[u8], out: &mut [f32]) {
        for (block, out) in bytes.chunks_exact(20).zip(out.chunks_exact_mut(SIZE)) {
            let (d, m) = (scale(block, 0), scale(block, 2));
            for i in 0..16 {
                out[i] = f32::from(block[4 + i] & 15) * d + m;
                out[i + 16] = f32::from(block[4 + i] >> 4) * d + m;
            }
        }
    }
}

vectorised! {
    fn dequantise_q8_0(bytes: &[u8], out: &mut [f32]) {
        for (block, out) in bytes.chunks_exact(34).zip(out.chunks_exact_mut(SIZE)) {
            let d = scale(block, 0);
            for i in 0..SIZE {
                out[i] = f32::from(block[2 + i] as i8) * d;
            }
        }
    }
}
