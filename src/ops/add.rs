//! The sum of two tensors, by all threads.

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor, bail};

use super::{noted, storage};

/// `a + b`, of one shape; gradients to both.
///
/// # Errors
/// Shapes that differ.
pub fn add(a: &Tensor, b: &Tensor) -> crate::Result<Tensor> {
    Ok(if ours(a, b) { noted::op2([&a.contiguous()?, &b.contiguous()?], [false; 2], Add)? } else { (a + b)? })
}

/// The same outside of any graph.
pub fn sum(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if ours(a, b) { a.contiguous()?.apply_op2_no_bwd(&b.contiguous()?, &Add) } else { a.detach() + b.detach() }
}

fn ours(a: &Tensor, b: &Tensor) -> bool {
    let usual = |x: &Tensor| x.device().is_cpu() && x.dtype() == DType::F32;
    usual(a) && usual(b) && a.dims() == b.dims()
}

struct Add;

impl CustomOp2 for Add {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn cpu_fwd(&self, a: &CpuStorage, la: &Layout, b: &CpuStorage, lb: &Layout) -> Result<(CpuStorage, Shape)> {
        let (a, b) = (storage::floats(a, la, "sum")?, storage::floats(b, lb, "sum")?);
        if la.dims() != lb.dims() {
            bail!("sum: {:?} and {:?}", la.dims(), lb.dims());
        }
        let out = storage::made(a.len(), |from, out| {
            for ((out, a), b) in out.iter_mut().zip(&a[from..]).zip(&b[from..]) {
                *out = a + b;
            }
        });
        Ok((CpuStorage::F32(out), la.shape().clone()))
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((a.track_op().then(|| grad.clone()), b.track_op().then(|| grad.clone())))
    }
}
