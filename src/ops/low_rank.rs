//! The low-rank delta of a linear layer: `((x @ a^T) @ b^T) * scale`. https://arxiv.org/abs/2106.09685

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::matrix::Matrix;
use super::product::{Product, View};
use super::{float, noted, plain, storage};

/// `y[.., out] = ((x[.., in] @ a^T) @ b^T) * scale`, a `[r, in]`, b `[out, r]`; gradients to all three.
///
/// # Errors
/// Shapes that do not fit.
pub fn low_rank(x: &Tensor, a: &Tensor, b: &Tensor, scale: f64) -> crate::Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(plain::low_rank(x, a, b, scale)?);
    }
    let (x32, a, b) = (float(x)?.contiguous()?, float(a)?.contiguous()?, float(b)?.contiguous()?);
    Ok(noted::op3([&x32, &a, &b], [true; 3], LowRank { scale: scale as f32 })?.to_dtype(x.dtype())?)
}

struct LowRank {
    scale: f32,
}

/// `x @ w^T` or `x @ w` for small matrices.
fn times(x: &[f32], width: usize, w: Matrix, scale: f32) -> Vec<f32> {
    let rows = x.len() / width.max(1);
    if w.transposed && rows <= super::dot::FEW_ROWS {
        let mut out = vec![0.0; rows * w.shape().1];
        super::dot::few_rows(&mut out, x, w, None, rows);
        out.iter_mut().for_each(|y| *y *= scale);
        return out;
    }
    Product { scale, ..Product::new(View::rows(x, width), w) }.made(rows)
}

/// `x^T @ g` for `x [rows, m]`, `g [rows, n]`.
fn outer(x: &[f32], m: usize, g: &[f32], n: usize, scale: f32) -> Vec<f32> {
    let rows = x.len() / m.max(1);
    Product { scale, ..Product::new(View::columns(x, m), Matrix::dense(g, rows, n)) }.made(m)
}

impl CustomOp3 for LowRank {
    fn name(&self) -> &'static str {
        "low rank"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((r, inner), (out, rank)) = (la.shape().dims2()?, lb.shape().dims2()?);
        let mut shape = lx.dims().to_vec();
        match shape.last_mut() {
            Some(last) if *last == inner && r == rank => *last = out,
            _ => bail!("low rank: x {:?}, a {:?}, b {:?}", lx.dims(), la.dims(), lb.dims()),
        }
        let (x, a, b) = (storage::floats(x, lx, "low rank")?, storage::floats(a, la, "low rank")?, storage::floats(b, lb, "low rank")?);
        let h = times(x, inner, Matrix::dense(a, r, inner).t(), 1.0);
        Ok((CpuStorage::F32(times(&h, r, Matrix::dense(b, out, r).t(), self.scale)), Shape::from(shape)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let ((r, inner), (out, _)) = (a.dims2()?, b.dims2()?);
        let (need_x, need_a, need_b) = (x.track_op(), a.track_op(), b.track_op());
        let (shape_x, shape_a, shape_b) = (x.dims(), a.dims(), b.dims());
        let (x, a, b, g) = (x.contiguous()?, a.contiguous()?, b.contiguous()?, grad.contiguous()?);
        storage::with_floats(&x, |x| {
            storage::with_floats(&a, |a| {
                storage::with_floats(&b, |b| {
                    storage::with_floats(&g, |g| {
                        let gh = times(g, out, Matrix::dense(b, out, r), self.scale);
                        let dx = || storage::tensor(times(&gh, r, Matrix::dense(a, r, inner), 1.0), shape_x);
                        let da = || storage::tensor(outer(&gh, r, x, inner, 1.0), shape_a);
                        let db = || {
                            let h = times(x, inner, Matrix::dense(a, r, inner).t(), 1.0);
                            storage::tensor(outer(g, out, &h, r, self.scale), shape_b)
                        };
                        Ok((need_x.then(dx).transpose()?, need_a.then(da).transpose()?, need_b.then(db).transpose()?))
                    })
                })
            })
        })
    }
}
