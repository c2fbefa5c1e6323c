//! Borrowed views of candle's CPU storage, and the fixed blocks in which work is shared out to threads.

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};
use rayon::prelude::*;

/// Elements of one block of elementwise work. Blocks depend on sizes alone, never on the number of threads.
pub const BLOCK: usize = 16 * 1024;

/// The values of a contiguous f32 operand.
pub fn floats<'a>(storage: &'a CpuStorage, layout: &Layout, op: &str) -> Result<&'a [f32]> {
    let CpuStorage::F32(values) = storage else { bail!("{op} computes in f32, not {:?}", storage) };
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&values[from..to]),
        None => bail!("{op} needs a contiguous operand"),
    }
}

/// Runs `f` on the values of a contiguous f32 tensor on the CPU.
pub fn with_floats<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => f(floats(cpu, layout, "this operation")?),
        _ => bail!("the tensor is not on the CPU"),
    }
}

/// A new f32 tensor on the CPU.
pub fn tensor(values: Vec<f32>, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(values, shape, &candle_core::Device::Cpu)
}

/// `out[i] = f(i, block)` over blocks of whole rows, in parallel; `f` gets the index of its first row.
pub fn over_rows(out: &mut [f32], width: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    if out.is_empty() || width == 0 {
        return;
    }
    let rows = (BLOCK / width).max(1);
    if out.len() <= rows * width {
        return f(0, out);
    }
    out.par_chunks_mut(rows * width).enumerate().for_each(|(i, block)| f(i * rows, block));
}

/// The same over blocks of `block` elements; `f` gets the index of its first element.
pub fn over_blocks(out: &mut [f32], block: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    if out.len() <= block {
        return f(0, out);
    }
    out.par_chunks_mut(block).enumerate().for_each(|(i, out)| f(i * block, out));
}

/// Numbers not written yet.
///
/// # Safety
/// All of them are written before one is read.
pub unsafe fn unwritten(len: usize) -> Vec<f32> {
    // SAFETY: the caller's promise.
    unsafe { Box::new_uninit_slice(len).assume_init() }.into_vec()
}

/// What [`over_rows`] makes of `len` numbers; `f` writes all of its block.
pub fn made_rows(len: usize, width: usize, f: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    // SAFETY: `over_rows` gives every element to `f`, which writes it.
    let mut out = unsafe { unwritten(if width == 0 { 0 } else { len }) };
    over_rows(&mut out, width, f);
    out
}

/// What [`over_blocks`] makes of `len` numbers; `f` writes all of its block.
pub fn made(len: usize, f: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    // SAFETY: `over_blocks` gives every element to `f`, which writes it.
    let mut out = unsafe { unwritten(len) };
    over_blocks(&mut out, BLOCK, f);
    out
}

/// An output that several threads fill at places that do not overlap.
#[derive(Clone, Copy)]
pub struct Shared(*mut f32, usize);

// SAFETY: whoever calls `at` promises disjoint places; the pointer itself may travel.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub fn new(out: &mut [f32]) -> Self {
        Self(out.as_mut_ptr(), out.len())
    }

    /// A pointer to element `offset`, which must be inside.
    pub fn at(self, offset: usize) -> *mut f32 {
        debug_assert!(offset <= self.1);
        self.0.wrapping_add(offset)
    }

    /// # Safety
    /// No other thread may touch `offset..offset + len` while the slice lives, and the range must be inside.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn slice<'a>(self, offset: usize, len: usize) -> &'a mut [f32] {
        debug_assert!(offset + len <= self.1);
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(offset), len) }
    }
}
