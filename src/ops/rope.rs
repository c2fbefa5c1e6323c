//! Rotary position embedding in halves (transformers' `rotate_half`), whole or partial. https://arxiv.org/abs/2104.09864

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, bail};

use super::simd::vectorised;
use super::{float, noted, plain, storage};

/// Rotates the first R dimensions of `x [B,H,T,D]` by tables `[T,R/2]` or `[B,T,R/2]`; the rest passes. Gradient to x.
///
/// # Errors
/// Shapes that do not fit.
pub fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor) -> crate::Result<Tensor> {
    check(x, cos, sin)?;
    if !x.device().is_cpu() {
        return Ok(plain::rope(x, cos, sin)?);
    }
    let table = |t: &Tensor| float(t)?.detach().contiguous()?.flatten_all()?.to_vec1::<f32>();
    let shared = cos.rank() == 2;
    let by_token = !x.is_contiguous() && x.transpose(1, 2)?.is_contiguous();
    let op = Rope { cos: table(cos)?.into(), sin: table(sin)?.into(), half: cos.dim(D::Minus1)?, shared, by_token };
    let wide = float(x)?;
    let y = if by_token {
        noted::transpose(&noted::op1(&noted::transpose(&wide, 1, 2)?, false, op)?, 1, 2)?
    } else {
        noted::op1(&wide.contiguous()?, false, op)?
    };
    Ok(y.to_dtype(x.dtype())?)
}

fn check(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<()> {
    let (b, _, t, d) = x.dims4()?;
    let half = cos.dim(D::Minus1)?;
    let fits = cos.dims() == [t, half] || cos.dims() == [b, t, half];
    if !fits || sin.dims() != cos.dims() || 2 * half > d {
        bail!("rope: x {:?}, cos {:?}, sin {:?}", x.dims(), cos.dims(), sin.dims());
    }
    Ok(())
}

#[derive(Clone)]
struct Rope {
    cos: std::sync::Arc<[f32]>,
    sin: std::sync::Arc<[f32]>,
    half: usize,
    /// One table for the whole batch.
    shared: bool,
    /// x is `[B,T,H,D]` rather than `[B,H,T,D]`.
    by_token: bool,
}

vectorised! {
    fn rotate(out: &mut [f32], x: &[f32], cos: &[f32], sin: &[f32], sign: f32) {
        let half = cos.len();
        let (first, second) = (&x[..half], &x[half..2 * half]);
        let (out_first, rest) = out.split_at_mut(half);
        let (out_second, rest) = rest.split_at_mut(half);
        for i in 0..half {
            let s = sin[i] * sign;
            out_first[i] = first[i] * cos[i] - second[i] * s;
            out_second[i] = second[i] * cos[i] + first[i] * s;
        }
        rest.copy_from_slice(&x[2 * half..]);
    }
}

impl Rope {
    fn turn(&self, x: &[f32], dims: &[usize], sign: f32) -> Vec<f32> {
        let (width, half) = (dims[3], self.half);
        let (heads, tokens) = if self.by_token { (dims[2], dims[1]) } else { (dims[1], dims[2]) };
        storage::made_rows(x.len(), width, |first, out| {
            for (i, (out, x)) in out.chunks_exact_mut(width).zip(x[first * width..].chunks_exact(width)).enumerate() {
                let row = first + i;
                let token = if self.by_token { row / heads % tokens } else { row % tokens };
                let batch = if self.shared { 0 } else { row / (heads * tokens) };
                let at = (batch * tokens + token) * half;
                rotate(out, x, &self.cos[at..at + half], &self.sin[at..at + half], sign);
            }
        })
    }
}

impl CustomOp1 for Rope {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = storage::floats(x, layout, "rope")?;
        Ok((CpuStorage::F32(self.turn(x, layout.dims(), 1.0)), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        storage::with_floats(grad, |g| storage::tensor(self.turn(g, x.dims(), -1.0), x.dims())).map(Some)
    }
}
