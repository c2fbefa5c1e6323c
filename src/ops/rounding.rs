//! Values rounded to half precision and kept as f32: where a device would hand a half to the next layer, in mixed precision.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};
use half::{bf16, f16};

use super::{float, noted, storage};

/// `x` as f32 with the values that `half` (f16 or bf16) can hold; too large ones become infinite. The gradient is rounded on its way back
/// just so, which is where f16 overflows.
///
/// # Errors
/// Only what candle reports.
pub fn rounded(x: &Tensor, half: DType) -> crate::Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(x.to_dtype(half)?.to_dtype(DType::F32)?);
    }
    Ok(noted::op1(&float(x)?.contiguous()?, false, Rounded { half })?)
}

struct Rounded {
    half: DType,
}

impl Rounded {
    fn apply(&self, x: &[f32]) -> Vec<f32> {
        storage::made(x.len(), |at, out| {
            let pairs = out.iter_mut().zip(&x[at..]);
            match self.half {
                DType::F16 => pairs.for_each(|(y, x)| *y = f16::from_f32(*x).to_f32()),
                DType::BF16 => pairs.for_each(|(y, x)| *y = bf16::from_f32(*x).to_f32()),
                _ => pairs.for_each(|(y, x)| *y = *x),
            }
        })
    }
}

impl CustomOp1 for Rounded {
    fn name(&self) -> &'static str {
        "rounding"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(self.apply(storage::floats(x, layout, "rounding")?)), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        storage::with_floats(&grad.contiguous()?, |g| storage::tensor(self.apply(g), x.dims())).map(Some)
    }
}
