//! Reading weights narrower than f32: half floats and ggml's blocks of 32 or 256.

use candle_core::quantized::GgmlDType;
use half::{bf16, f16};

use super::lanes::vectorised_lanes;
use super::simd::{LANES, vectorised};
use super::unpack;

/// Values and bytes of one block, for the formats that have a kernel here.
pub fn block(format: GgmlDType) -> Option<(usize, usize)> {
    match format {
        GgmlDType::Q4_0 => Some((32, 18)),
        GgmlDType::Q4_1 => Some((32, 20)),
        GgmlDType::Q5_0 => Some((32, 22)),
        GgmlDType::Q5_1 => Some((32, 24)),
        GgmlDType::Q8_0 => Some((32, 34)),
        GgmlDType::Q4K => Some((256, 144)),
        GgmlDType::Q5K => Some((256, 176)),
        GgmlDType::Q6K => Some((256, 210)),
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

/// Values `start..start + out.len()` of a packed matrix, counted in its order.
pub fn dequantise(bytes: &[u8], format: GgmlDType, start: usize, out: &mut [f32]) {
    let Some((size, width)) = block(format) else { return };
    let whole = |first: usize, blocks: usize| &bytes[first * width..(first + blocks) * width];
    let (mut at, mut out) = (start, out);
    while !out.is_empty() {
        let inside = at % size;
        let (now, rest) = if inside == 0 && out.len() >= size {
            let (now, rest) = out.split_at_mut(out.len() / size * size);
            widen(whole(at / size, now.len() / size), format, now);
            (now.len(), rest)
        } else {
            // A tile may begin or end inside a block.
            let mut values = [0.0; LARGEST];
            widen(whole(at / size, 1), format, &mut values[..size]);
            let count = (size - inside).min(out.len());
            let (now, rest) = out.split_at_mut(count);
            now.copy_from_slice(&values[inside..inside + count]);
            (count, rest)
        };
        (at, out) = (at + now, rest);
    }
}

/// Values of the largest block.
const LARGEST: usize = 256;

/// Whole blocks.
fn widen(bytes: &[u8], format: GgmlDType, out: &mut [f32]) {
    match format {
        GgmlDType::Q4_0 => widen_q4_0(bytes, out),
        GgmlDType::Q4_1 => widen_q4_1(bytes, out),
        GgmlDType::Q5_0 => widen_q5_0(bytes, out),
        GgmlDType::Q5_1 => widen_q5_1(bytes, out),
        GgmlDType::Q4K => widen_q4_k(bytes, out),
        GgmlDType::Q5K => widen_q5_k(bytes, out),
        GgmlDType::Q6K => widen_q6_k(bytes, out),
        _ => widen_q8_0(bytes, out),
    }
}

/// One format of `$size` bytes a block; `$unpack` gives its runs.
macro_rules! widen {
    ($name:ident, $size:literal, $unpack:path) => {
        vectorised_lanes! {
            fn $name<V>(from: &[u8], to: &mut [f32]) -> () {
                let (blocks, _) = from.as_chunks::<$size>();
                let mut to = to.as_chunks_mut::<LANES>().0.chunks_exact_mut(2);
                for block in blocks {
                    for (low, high) in $unpack(block) {
                        if let Some([first, last]) = to.next() {
                            (*first, *last) = (V::store(low), V::store(high));
                        }
                    }
                }
            }
        }
    };
}

widen!(widen_q4_0, 18, unpack::q4_0);
widen!(widen_q4_1, 20, unpack::q4_1);
widen!(widen_q5_0, 22, unpack::q5_0);
widen!(widen_q5_1, 24, unpack::q5_1);
widen!(widen_q8_0, 34, unpack::q8_0);
widen!(widen_q4_k, 144, unpack::q4_k);
widen!(widen_q5_k, 176, unpack::q5_k);
widen!(widen_q6_k, 210, unpack::q6_k);
