//! Gradients by parameter: summed over an accumulation window, clipped, then handed to an optimizer.

use std::sync::Mutex;

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, Var, bail};
use rayon::prelude::*;

use super::Parameters;
use crate::device::memory;

/// Values that one thread takes.
pub(super) const BLOCK: usize = 64 * 1024;

/// One optional gradient per parameter, in the parameters' order.
#[derive(Clone, Default)]
pub struct Gradients(pub Vec<Option<Tensor>>);

impl Gradients {
    /// Takes each parameter's gradient out of where `find` finds it.
    pub fn take(parameters: &Parameters, mut find: impl FnMut(&Tensor) -> Option<Tensor>) -> Self {
        Self(parameters.iter().map(|(_, var)| find(var)).collect())
    }

    /// Adds another micro-batch, parameter by parameter.
    ///
    /// # Errors
    /// Another number of parameters, other shapes.
    pub fn add(&mut self, other: Self) -> crate::Result<()> {
        if self.0.is_empty() {
            *self = other;
            return Ok(());
        }
        if self.0.len() != other.0.len() {
            let cause = format!("{} gradients and {}", self.0.len(), other.0.len());
            return Err(crate::Error::Internal { doing: "gradient accumulation".to_owned(), cause });
        }
        for (mine, other) in self.0.iter_mut().zip(other.0) {
            *mine = match (mine.take(), other) {
                (Some(a), Some(b)) => Some(sum(&a, &b)?),
                (a, b) => a.or(b),
            };
        }
        Ok(())
    }
}

/// What an optimizer keeps of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<'a> {
    /// `PARAMETER.KIND`
    pub name: String,
    pub shape: Vec<usize>,
    pub values: &'a [f32],
}

/// What an optimizer begins with. The pages are taken at once: a step that first reads them and then writes them pays for each twice.
pub(super) fn zeros(n: usize) -> Vec<f32> {
    let mut zeros = vec![0.0; n];
    memory::take_pages(&mut zeros);
    zeros
}

/// `a + b`, by all threads.
fn sum(a: &Tensor, b: &Tensor) -> crate::Result<Tensor> {
    if a.dims() != b.dims() {
        return Ok((a + b)?);
    }
    let values =
        with_values(a, |a| with_values(b, |b| Ok(a.par_iter().zip(b).with_min_len(BLOCK).map(|(a, b)| a + b).collect::<Vec<f32>>())))?;
    Ok(Tensor::from_vec(values, a.shape(), &Device::Cpu)?.to_device(a.device())?)
}

/// A parameter's values changed: `f(values, gradient)`, in place where they are contiguous f32 on the CPU.
pub(super) fn change(var: &Var, gradient: &Tensor, f: impl FnOnce(&mut [f32], &[f32])) -> Result<()> {
    if var.dims() != gradient.dims() {
        bail!("a gradient of shape {:?} for a parameter of shape {:?}", gradient.dims(), var.dims());
    }
    if var.device().is_cpu() && var.dtype() == DType::F32 && var.is_contiguous() {
        return with_values(gradient, |gradient| {
            var.inplace_op1(&InPlace(Mutex::new(Some(move |values: &mut [f32]| f(values, gradient)))))
        });
    }
    let mut values = with_values(var, |values| Ok(values.to_vec()))?;
    with_values(gradient, |gradient| {
        f(&mut values, gradient);
        Ok(())
    })?;
    var.set(&Tensor::from_vec(values, var.shape(), var.device())?.to_dtype(var.dtype())?)
}

/// The values of `NAME.KIND` in a saved state.
pub(super) fn restored(name: &str, kind: &str, dims: &[usize], find: &impl Fn(&str) -> Option<Tensor>) -> crate::Result<Vec<f32>> {
    let tensor = format!("{name}.{kind}");
    let Some(found) = find(&tensor) else {
        return Err(crate::Error::MissingTensor { path: "optimizer state".to_owned(), tensor });
    };
    if found.dims() != dims {
        return Err(crate::Error::WrongShape { tensor, given: format!("{:?}", found.dims()), expected: format!("{dims:?}") });
    }
    Ok(with_values(&found, |values| Ok(values.to_vec()))?)
}

/// Runs `f` on the values of a tensor as contiguous f32.
pub(super) fn with_values<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let tensor = tensor.to_dtype(DType::F32)?.to_device(&candle_core::Device::Cpu)?.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((from, to))) => f(&values[from..to]),
        _ => bail!("not f32 on the CPU"),
    }
}

struct InPlace<F>(Mutex<Option<F>>);

impl<F: FnOnce(&mut [f32])> candle_core::InplaceOp1 for InPlace<F> {
    fn name(&self) -> &'static str {
        "optimizer step"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &candle_core::Layout) -> Result<()> {
        let (CpuStorage::F32(values), Some((from, to))) = (storage, layout.contiguous_offsets()) else {
            bail!("parameters are contiguous f32");
        };
        if let Some(f) = self.0.lock().ok().and_then(|mut f| f.take()) {
            f(&mut values[from..to]);
        }
        Ok(())
    }
}
