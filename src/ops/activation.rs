//! The elementwise halves of the feed-forward layer: GELU (both kinds) and SwiGLU, parallel, with gradients.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::simd::vectorised;
use super::vector::{exp, normal_cdf, sigmoid};
use super::{float, noted, plain, storage};

/// `sqrt(2 / pi)`.
const GELU_SCALE: f32 = 0.797_884_6;
const GELU_CUBE: f32 = 0.044_715;

/// transformers' `gelu_new`: `x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))`.
///
/// # Errors
/// Only what candle reports.
pub fn gelu_new(x: &Tensor) -> crate::Result<Tensor> {
    gelu(x, Gelu::Tanh)
}

/// `x * Phi(x)`, Phi the standard normal distribution function.
///
/// # Errors
/// Only what candle reports.
pub fn gelu_erf(x: &Tensor) -> crate::Result<Tensor> {
    gelu(x, Gelu::Erf)
}

/// `silu(gate) * up`, two tensors of one shape. https://arxiv.org/abs/2002.05202
///
/// # Errors
/// Shapes that differ.
pub fn swiglu(gate: &Tensor, up: &Tensor) -> crate::Result<Tensor> {
    if !gate.device().is_cpu() {
        return Ok(plain::swiglu(gate, up)?);
    }
    let y = noted::op2([&float(gate)?.contiguous()?, &float(up)?.contiguous()?], [true; 2], Swiglu)?;
    Ok(y.to_dtype(gate.dtype())?)
}

#[derive(Clone, Copy)]
enum Gelu {
    Tanh,
    Erf,
}

fn gelu(x: &Tensor, kind: Gelu) -> crate::Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(match kind {
            Gelu::Tanh => plain::gelu_new(x)?,
            Gelu::Erf => plain::gelu_erf(x)?,
        });
    }
    Ok(noted::op1(&float(x)?.contiguous()?, true, kind)?.to_dtype(x.dtype())?)
}

vectorised! {
    /// `1 + tanh(u) = 2 sigmoid(2u)`, without the cancellation.
    fn gelu_tanh_forward(out: &mut [f32], x: &[f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            let u = GELU_SCALE * (GELU_CUBE * x * x).mul_add(x, x);
            *out = x * sigmoid(2.0 * u);
        }
    }
}

vectorised! {
    fn gelu_tanh_backward(out: &mut [f32], x: &[f32], g: &[f32]) {
        for ((out, &x), g) in out.iter_mut().zip(x).zip(g) {
            let u = GELU_SCALE * (GELU_CUBE * x * x).mul_add(x, x);
            let s = sigmoid(2.0 * u);
            let slope = GELU_SCALE * (3.0 * GELU_CUBE * x).mul_add(x, 1.0);
            *out = g * (2.0 * x * slope * s).mul_add(1.0 - s, s);
        }
    }
}

vectorised! {
    fn gelu_erf_forward(out: &mut [f32], x: &[f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * normal_cdf(x);
        }
    }
}

vectorised! {
    fn gelu_erf_backward(out: &mut [f32], x: &[f32], g: &[f32]) {
        const DENSITY: f32 = 0.398_942_3;
        for ((out, &x), g) in out.iter_mut().zip(x).zip(g) {
            *out = g * (x * DENSITY).mul_add(exp(-0.5 * x * x), normal_cdf(x));
        }
    }
}

vectorised! {
    fn swiglu_forward(out: &mut [f32], gate: &[f32], up: &[f32]) {
        for ((out, &gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate * sigmoid(gate) * up;
        }
    }
}

vectorised! {
    fn swiglu_gate_gradient(out: &mut [f32], gate: &[f32], up: &[f32], g: &[f32]) {
        for (((out, &gate), up), g) in out.iter_mut().zip(gate).zip(up).zip(g) {
            let s = sigmoid(gate);
            *out = g * up * s * gate.mul_add(1.0 - s, 1.0);
        }
    }
}

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = storage::floats(x, layout, "gelu")?;
        let out = storage::made(x.len(), |at, out| match self {
            Self::Tanh => gelu_tanh_forward(out, &x[at..]),
            Self::Erf => gelu_erf_forward(out, &x[at..]),
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        storage::with_floats(x, |xs| {
            storage::with_floats(grad, |g| {
                let out = storage::made(xs.len(), |at, out| match self {
                    Self::Tanh => gelu_tanh_backward(out, &xs[at..], &g[at..]),
                    Self::Erf => gelu_erf_backward(out, &xs[at..], &g[at..]),
                });
                storage::tensor(out, x.dims()).map(Some)
            })
        })
    }
}

struct Swiglu;

impl CustomOp2 for Swiglu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, gate: &CpuStorage, lg: &Layout, up: &CpuStorage, lu: &Layout) -> Result<(CpuStorage, Shape)> {
        if lg.dims() != lu.dims() {
            bail!("swiglu: gate {:?}, up {:?}", lg.dims(), lu.dims());
        }
        let (gate, up) = (storage::floats(gate, lg, "swiglu")?, storage::floats(up, lu, "swiglu")?);
        let out = storage::made(gate.len(), |at, out| swiglu_forward(out, &gate[at..], &up[at..]));
        Ok((CpuStorage::F32(out), lg.shape().clone()))
    }

    fn bwd(&self, gate: &Tensor, up: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        storage::with_floats(gate, |gates| {
            storage::with_floats(up, |ups| {
                storage::with_floats(grad, |g| {
                    let run = |f: &(dyn Fn(usize, &mut [f32]) + Sync)| storage::tensor(storage::made(g.len(), f), gate.dims());
                    let dgate = || run(&|at, out| swiglu_gate_gradient(out, &gates[at..], &ups[at..], &g[at..]));
                    let dup = || run(&|at, out| swiglu_forward(out, &gates[at..], &g[at..]));
                    Ok((gate.track_op().then(dgate).transpose()?, up.track_op().then(dup).transpose()?))
                })
            })
        })
    }
}
