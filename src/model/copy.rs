//! Tensors out of a mapped file into memory of their own, by all threads.
//!
//! Nothing stays mapped once a model is loaded: a file that another program shortens would end the process, and one that it rewrites would change the
//! model under the person's hands.

use std::mem::MaybeUninit;

use candle_core::safetensors::Load;
use candle_core::{Device, Result, Tensor};
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::device::memory;
use crate::ops::{widen_bf16, widen_f16};

/// The tensor on the CPU; `wide` turns halves into f32 on the way.
///
/// # Errors
/// A type that tensors cannot have.
pub fn tensor(view: &TensorView, wide: bool) -> Result<Tensor> {
    let bytes = view.data();
    let copied = match view.dtype() {
        // SAFETY: any bytes are f32s, and there are four for each.
        Dtype::F32 if cfg!(target_endian = "little") => filled(bytes.len() / 4, |first, part: &mut [MaybeUninit<f32>]| unsafe {
            let from = bytes[4 * first..4 * (first + part.len())].as_ptr();
            std::ptr::copy_nonoverlapping(from, part.as_mut_ptr().cast::<u8>(), 4 * part.len());
        }),
        Dtype::F16 if wide => match halves::<f16>(bytes) {
            Some(from) => widened(from, widen_f16),
            None => return view.load(&Device::Cpu),
        },
        Dtype::BF16 if wide => match halves::<bf16>(bytes) {
            Some(from) => widened(from, widen_bf16),
            None => return view.load(&Device::Cpu),
        },
        _ => return view.load(&Device::Cpu),
    };
    Tensor::from_vec(copied, view.shape(), &Device::Cpu)
}

/// The bytes as halves; `None` where a file put them at an odd place.
fn halves<T>(bytes: &[u8]) -> Option<&[T]> {
    // SAFETY: `T` is f16 or bf16, of which any two bytes are one.
    let (before, halves, after) = unsafe { bytes.align_to::<T>() };
    (cfg!(target_endian = "little") && before.is_empty() && after.is_empty()).then_some(halves)
}

fn widened<T: Sync>(from: &[T], widen: fn(&[T], &mut [f32])) -> Vec<f32> {
    filled(from.len(), |first, part| {
        part.fill(MaybeUninit::new(0.0));
        // SAFETY: just filled.
        widen(&from[first..first + part.len()], unsafe { part.assume_init_mut() });
    })
}

/// A new vector whose parts `fill` writes, in parallel; it gets the index of its part's first number and must write all of it.
fn filled(count: usize, fill: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync) -> Vec<f32> {
    const PART: usize = 512 << 10;
    let mut values: Vec<f32> = Vec::with_capacity(count);
    let spare = &mut values.spare_capacity_mut()[..count];
    spare.par_chunks_mut(PART).enumerate().for_each(|(i, part)| {
        memory::take_pages(part);
        fill(i * PART, part);
    });
    // SAFETY: `fill` has written every part.
    unsafe { values.set_len(count) };
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than two parts.
    #[test]
    fn what_is_copied_is_what_candle_reads() {
        let numbers: Vec<f32> = (0..1_300_003).map(|i| (i as f32).sin()).collect();
        let halves: Vec<u8> = numbers.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
        let tops: Vec<u8> = numbers.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect();
        let full: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        for (dtype, bytes) in [(Dtype::F32, full), (Dtype::F16, halves), (Dtype::BF16, tops)] {
            // A file may put its data at an odd place.
            for shift in [0, 1] {
                let placed = [vec![0; shift], bytes.clone()].concat();
                let view = TensorView::new(dtype, vec![1_300_003], &placed[shift..]).unwrap();
                let theirs = view.load(&Device::Cpu).unwrap();
                let values = |t: &Tensor| t.to_dtype(candle_core::DType::F32).unwrap().to_vec1::<f32>().unwrap();
                assert_eq!(values(&tensor(&view, true).unwrap()), values(&theirs), "{dtype:?} {shift}");
                assert_eq!(tensor(&view, false).unwrap().dtype(), theirs.dtype());
            }
        }
    }
}
