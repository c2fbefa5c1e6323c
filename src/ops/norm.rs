//! Root-mean-square and layer normalisation over the last dimension, with gradients.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::reduce::{product_sum, squares, total};
use super::simd::vectorised;
use super::{float, noted, plain, storage};

/// `x / sqrt(mean(x^2) + eps) * w`, w `[C]`. https://arxiv.org/abs/1910.07467
///
/// # Errors
/// Shapes that do not fit.
pub fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> crate::Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(plain::rms_norm(x, w, eps)?);
    }
    let y = noted::op2([&float(x)?.contiguous()?, &float(w)?.contiguous()?], [true; 2], Norm { eps: eps as f32, centred: false })?;
    Ok(y.to_dtype(x.dtype())?)
}

/// `(x - mean) / sqrt(var + eps) * w + b`, w and b `[C]`. https://arxiv.org/abs/1607.06450
///
/// # Errors
/// Shapes that do not fit.
pub fn layer_norm(x: &Tensor, w: &Tensor, b: &Tensor, eps: f64) -> crate::Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(plain::layer_norm(x, w, b, eps)?);
    }
    let (w, b) = (float(w)?.contiguous()?, float(b)?.contiguous()?);
    let y = noted::op3([&float(x)?.contiguous()?, &w, &b], [true, true, false], Norm { eps: eps as f32, centred: true })?;
    Ok(y.to_dtype(x.dtype())?)
}

struct Norm {
    eps: f32,
    centred: bool,
}

vectorised! {
    fn write(out: &mut [f32], x: &[f32], w: &[f32], b: &[f32], mean: f32, scale: f32) {
        if b.is_empty() {
            for ((out, x), w) in out.iter_mut().zip(x).zip(w) {
                *out = x * scale * w;
            }
        } else {
            for (((out, x), w), b) in out.iter_mut().zip(x).zip(w).zip(b) {
                *out = ((x - mean) * scale).mul_add(*w, *b);
            }
        }
    }
}

vectorised! {
    /// `gw = g * w`, then `dx = scale * (gw - shift - xhat * slope)` with `xhat = (x - mean) * scale`.
    fn write_gradient(dx: &mut [f32], gw: &[f32], x: &[f32], mean: f32, scale: f32, shift: f32, slope: f32) {
        for ((dx, gw), x) in dx.iter_mut().zip(gw).zip(x) {
            *dx = scale * (gw - shift - (x - mean) * scale * slope);
        }
    }
}

vectorised! {
    fn multiply(out: &mut [f32], x: &[f32], y: &[f32]) {
        for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
            *out = x * y;
        }
    }
}

vectorised! {
    /// `dw += g * (x - mean) * scale`.
    fn add_weight_gradient(dw: &mut [f32], g: &[f32], x: &[f32], mean: f32, scale: f32) {
        for ((dw, g), x) in dw.iter_mut().zip(g).zip(x) {
            *dw = ((x - mean) * scale).mul_add(*g, *dw);
        }
    }
}

impl Norm {
    /// The mean that is taken off (0 for rms) and the factor.
    fn moments(&self, x: &[f32]) -> (f32, f32) {
        let n = x.len() as f32;
        let mean = if self.centred { total(x) / n } else { 0.0 };
        (mean, 1.0 / (squares(x, mean) / n + self.eps).sqrt())
    }

    fn forward(&self, x: &CpuStorage, layout: &Layout, w: &[f32], b: &[f32]) -> Result<(CpuStorage, Shape)> {
        let x = storage::floats(x, layout, "norm")?;
        let width = layout.dims().last().copied().unwrap_or(0);
        if w.len() != width || width == 0 || (self.centred && b.len() != width) {
            bail!("norm: x {:?}, w [{}], b [{}]", layout.dims(), w.len(), b.len());
        }
        let out = storage::made_rows(x.len(), width, |first, out| {
            for (out, x) in out.chunks_exact_mut(width).zip(x[first * width..].chunks_exact(width)) {
                let (mean, scale) = self.moments(x);
                write(out, x, w, b, mean, scale);
            }
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn input_gradient(&self, x: &[f32], w: &[f32], g: &[f32]) -> Vec<f32> {
        let width = w.len();
        storage::made_rows(x.len(), width, |first, dx| {
            let mut gw = vec![0.0; width];
            let from = first * width;
            for ((dx, x), g) in dx.chunks_exact_mut(width).zip(x[from..].chunks_exact(width)).zip(g[from..].chunks_exact(width)) {
                let (mean, scale) = self.moments(x);
                multiply(&mut gw, g, w);
                let sum = total(&gw);
                let shift = if self.centred { sum / width as f32 } else { 0.0 };
                let slope = (product_sum(&gw, x) - mean * sum) * scale / width as f32;
                write_gradient(dx, &gw, x, mean, scale, shift, slope);
            }
        })
    }

    fn weight_gradient(&self, x: &[f32], g: &[f32], width: usize) -> Vec<f32> {
        let mut moments = vec![0.0; x.len() / width * 2];
        storage::over_rows(&mut moments, 2, |first, moments| {
            for (pair, x) in moments.chunks_exact_mut(2).zip(x[first * width..].chunks_exact(width)) {
                (pair[0], pair[1]) = self.moments(x);
            }
        });
        let mut dw = vec![0.0; width];
        storage::over_blocks(&mut dw, 256, |first, dw| {
            for (pair, (g, x)) in moments.chunks_exact(2).zip(g.chunks_exact(width).zip(x.chunks_exact(width))) {
                add_weight_gradient(dw, &g[first..], &x[first..], pair[0], pair[1]);
            }
        });
        dw
    }

    fn backward(&self, x: &Tensor, w: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        storage::with_floats(x, |xs| {
            storage::with_floats(w, |ws| {
                storage::with_floats(grad, |g| {
                    let dx = x.track_op().then(|| storage::tensor(self.input_gradient(xs, ws, g), x.dims())).transpose()?;
                    let dw = w.track_op().then(|| storage::tensor(self.weight_gradient(xs, g, ws.len()), w.dims())).transpose()?;
                    Ok((dx, dw))
                })
            })
        })
    }
}

impl CustomOp2 for Norm {
    fn name(&self) -> &'static str {
        "rms norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, w: &CpuStorage, lw: &Layout) -> Result<(CpuStorage, Shape)> {
        self.forward(x, lx, storage::floats(w, lw, "rms norm")?, &[])
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.backward(x, w, grad)
    }
}

impl CustomOp3 for Norm {
    fn name(&self) -> &'static str {
        "layer norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward(x, lx, storage::floats(w, lw, "layer norm")?, storage::floats(b, lb, "layer norm")?)
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = self.backward(x, w, grad)?;
        let sums = || storage::with_floats(grad, |g| storage::tensor(super::linear::column_sums(g, b.elem_count()), b.dims()));
        Ok((dx, dw, b.track_op().then(sums).transpose()?))
    }
}
