//! Cross-entropy against a vocabulary head, chunk by chunk of rows: all logits never exist at once.
//!
//! Where a gradient will be asked for, it is computed with the chunk's logits at hand and kept (hidden-sized, and head-sized for a
//! tracked head); the backward pass scales it. So each chunk's logits are computed once.

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, DType, Layout as Strides, Result, Shape, Tensor, bail};

use super::matrix::Matrix;
use super::product::{Product, View};
use super::softmax::softmax;
use super::{float, noted, packed, plain, storage};
use crate::quant::Packed;

/// Logits that exist at the same time: 64 MiB.
const LOGITS: usize = 16 << 20;

/// The output matrix `[V, C]`.
#[derive(Clone)]
pub enum HeadWeight {
    Dense(Tensor),
    Packed(Arc<Packed>),
}

/// The sum over rows of `-ln softmax(hidden @ head^T)[target]`: a scalar f32. Divide by the tokens of the whole accumulation window.
///
/// hidden `[N,C]`, targets `[N]`. Gradients to hidden and to a tracked dense head.
///
/// # Errors
/// Shapes that do not fit, a target outside the vocabulary.
pub fn cross_entropy(hidden: &Tensor, head: &HeadWeight, targets: &[u32]) -> crate::Result<Tensor> {
    smoothed_cross_entropy(hidden, head, targets, 0.0)
}

/// [`cross_entropy`] against targets that are right with `1 - smoothing` only, the rest spread over the whole vocabulary: transformers'
/// `LabelSmoother`, `(1 - s) * -ln p[target] + s * mean(-ln p)`. https://arxiv.org/abs/1512.00567
///
/// # Errors
/// As for [`cross_entropy`].
pub fn smoothed_cross_entropy(hidden: &Tensor, head: &HeadWeight, targets: &[u32], smoothing: f64) -> crate::Result<Tensor> {
    check(hidden, head, targets)?;
    let Some(head) = on_cpu(hidden, head)? else {
        return Ok(plain_losses(hidden, head, targets, smoothing)?.sum_all()?);
    };
    let hidden = float(hidden)?.contiguous()?;
    let smoothing = smoothing as f32;
    let op =
        |packed| CrossEntropy { targets: targets.into(), smoothing, packed, wanted: Wanted::of(&hidden, &head), kept: Mutex::default() };
    Ok(match &head {
        HeadWeight::Packed(w) => noted::op1(&hidden, false, op(Some(w.clone())))?,
        HeadWeight::Dense(w) => noted::op2([&hidden, w], [false; 2], op(None))?,
    })
}

/// The loss of each row, without gradient.
///
/// # Errors
/// As for [`cross_entropy`].
pub fn token_losses(hidden: &Tensor, head: &HeadWeight, targets: &[u32]) -> crate::Result<Vec<f32>> {
    check(hidden, head, targets)?;
    let Some(head) = on_cpu(hidden, head)? else {
        return Ok(plain_losses(&hidden.detach(), head, targets, 0.0)?.to_vec1()?);
    };
    let hidden = float(hidden)?.detach().contiguous()?;
    let losses = with_head(&head, |w| storage::with_floats(&hidden, |x| Ok(run(x, w, (targets, 0.0), Wanted::default(), |_| ()).0)))?;
    Ok(losses)
}

/// Rows whose logits exist at the same time: from the vocabulary alone.
pub fn chunk_rows(vocabulary: usize) -> usize {
    (LOGITS / vocabulary.max(1) / 64 * 64).clamp(64, 512)
}

pub(super) fn check(hidden: &Tensor, head: &HeadWeight, targets: &[u32]) -> Result<()> {
    let (n, c) = hidden.dims2()?;
    let (vocabulary, width) = match head {
        HeadWeight::Dense(w) => w.dims2()?,
        HeadWeight::Packed(w) => w.dims(),
    };
    let highest = targets.iter().max().map_or(0, |t| *t as usize + 1);
    if c != width || n != targets.len() || highest > vocabulary {
        bail!("cross-entropy: hidden [{n}, {c}], head [{vocabulary}, {width}], {} targets up to {highest}", targets.len());
    }
    Ok(())
}

/// The head as the fused op can read it; `None` where the plain composition has to do.
pub(super) fn on_cpu(hidden: &Tensor, head: &HeadWeight) -> Result<Option<HeadWeight>> {
    if !hidden.device().is_cpu() {
        return Ok(None);
    }
    Ok(Some(match head {
        HeadWeight::Packed(w) if packed::readable(w) => head.clone(),
        HeadWeight::Packed(w) => HeadWeight::Dense(w.dequantize(hidden.device())?),
        HeadWeight::Dense(w) if w.track_op() => HeadWeight::Dense(float(w)?.contiguous()?),
        HeadWeight::Dense(w) if matches!(w.dtype(), DType::F16 | DType::BF16 | DType::F32) => HeadWeight::Dense(w.contiguous()?),
        HeadWeight::Dense(w) => HeadWeight::Dense(float(w)?.contiguous()?),
    }))
}

fn plain_losses(hidden: &Tensor, head: &HeadWeight, targets: &[u32], smoothing: f64) -> Result<Tensor> {
    let targets = Tensor::new(targets, hidden.device())?;
    let head = match head {
        HeadWeight::Dense(w) => w.clone(),
        HeadWeight::Packed(w) => w.dequantize(hidden.device())?,
    };
    let chunk = chunk_rows(head.dim(0)?);
    let losses = (0..targets.dim(0)?).step_by(chunk).map(|first| {
        let count = chunk.min(targets.dim(0)? - first);
        plain::token_losses(&hidden.narrow(0, first, count)?, &head, &targets.narrow(0, first, count)?, smoothing)
    });
    Tensor::cat(&losses.collect::<Result<Vec<_>>>()?, D::Minus1)
}

pub(super) fn with_head<R>(head: &HeadWeight, f: impl FnOnce(Matrix) -> Result<R>) -> Result<R> {
    match head {
        HeadWeight::Packed(w) => packed::with_matrix(w, f),
        HeadWeight::Dense(w) => super::linear::with_matrix(w, f),
    }
}

#[derive(Clone, Copy, Default)]
struct Wanted {
    hidden: bool,
    head: bool,
}

impl Wanted {
    fn of(hidden: &Tensor, head: &HeadWeight) -> Self {
        Self { hidden: hidden.track_op(), head: matches!(head, HeadWeight::Dense(w) if w.track_op()) }
    }
}

/// Gradients of the sum, kept from the forward pass.
#[derive(Default)]
struct Gradients {
    hidden: Vec<f32>,
    head: Vec<f32>,
}

struct CrossEntropy {
    targets: Box<[u32]>,
    smoothing: f32,
    packed: Option<Arc<Packed>>,
    wanted: Wanted,
    kept: Mutex<Gradients>,
}

/// The loss of each row; `keep` gets the gradients that were wanted. w is `[V, C]` as stored.
fn run<R>(x: &[f32], w: Matrix, (targets, smoothing): (&[u32], f32), wanted: Wanted, keep: impl FnOnce(Gradients) -> R) -> (Vec<f32>, R) {
    let (vocabulary, width) = w.shape();
    let mut losses = vec![0.0; targets.len()];
    let size = chunk_rows(vocabulary);
    // SAFETY: the products below write each chunk's logits and rows before they are read, and all of the head with the first chunk.
    let unwritten = |wanted: bool, len: usize| unsafe { storage::unwritten(if wanted { len } else { 0 }) };
    let mut gradients = Gradients {
        hidden: unwritten(wanted.hidden, x.len()),
        head: if targets.is_empty() { vec![0.0; vocabulary * width] } else { unwritten(wanted.head, vocabulary * width) },
    };
    let mut logits = unwritten(true, size.min(targets.len()) * vocabulary);
    for (chunk, targets) in targets.chunks(size).enumerate() {
        let rows = chunk * size..chunk * size + targets.len();
        let x = &x[rows.start * width..rows.end * width];
        let logits = &mut logits[..targets.len() * vocabulary];
        Product::new(View::rows(x, width), w.t()).run(logits, targets.len());
        chunk_losses(logits, vocabulary, (targets, smoothing), &mut losses[rows.clone()]);
        if wanted.hidden {
            let out = &mut gradients.hidden[rows.start * width..rows.end * width];
            Product::new(View::rows(logits, vocabulary), w).run(out, targets.len());
        }
        if wanted.head {
            let x = Matrix::dense(x, targets.len(), width);
            Product { add: chunk > 0, ..Product::new(View::columns(logits, vocabulary), x) }.run(&mut gradients.head, vocabulary);
        }
    }
    (losses, keep(gradients))
}

/// Row losses; the logits become `softmax - onehot`, or `softmax - (1 - s) onehot - s / V`.
pub(super) fn chunk_losses(logits: &mut [f32], vocabulary: usize, (targets, smoothing): (&[u32], f32), losses: &mut [f32]) {
    use rayon::prelude::*;
    logits.par_chunks_mut(vocabulary).zip(losses.par_iter_mut()).zip(targets).for_each(|((row, loss), target)| {
        let target = *target as usize;
        let logit = row[target];
        if smoothing == 0.0 {
            *loss = softmax(row) - logit;
            row[target] -= 1.0;
            return;
        }
        let mean = (row.iter().map(|x| f64::from(*x)).sum::<f64>() / vocabulary as f64) as f32;
        *loss = softmax(row) - (1.0 - smoothing) * logit - smoothing * mean;
        let everywhere = smoothing / vocabulary as f32;
        row.iter_mut().for_each(|p| *p -= everywhere);
        row[target] -= 1.0 - smoothing;
    });
}

impl CrossEntropy {
    fn forward(&self, x: &CpuStorage, layout: &Strides, w: Matrix) -> Result<(CpuStorage, Shape)> {
        let x = storage::floats(x, layout, "cross-entropy")?;
        let (losses, gradients) = run(x, w, (&self.targets, self.smoothing), self.wanted, |gradients| gradients);
        match self.kept.lock() {
            Ok(mut kept) => *kept = gradients,
            Err(poisoned) => *poisoned.into_inner() = gradients,
        }
        let total: f64 = losses.iter().map(|loss| f64::from(*loss)).sum();
        Ok((CpuStorage::F32(vec![total as f32]), Shape::from(())))
    }

    fn backward(&self, x: &Tensor, head: Option<&Tensor>, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let factor = grad.to_scalar::<f32>()?;
        let mut kept = self.kept.lock().map_err(|_| candle_core::Error::Msg("cross-entropy: a thread died".to_owned()))?;
        // Taken, not copied: a second time there is nothing of these shapes, which is an error.
        let scaled = |values: &mut Vec<f32>, shape: &[usize]| {
            let mut out = std::mem::take(values);
            storage::over_blocks(&mut out, storage::BLOCK, |_, out| out.iter_mut().for_each(|x| *x *= factor));
            storage::tensor(out, shape)
        };
        let dx = self.wanted.hidden.then(|| scaled(&mut kept.hidden, x.dims())).transpose()?;
        let dw = head.filter(|_| self.wanted.head).map(|head| scaled(&mut kept.head, head.dims())).transpose()?;
        Ok((dx, dw))
    }
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Strides) -> Result<(CpuStorage, Shape)> {
        let Some(w) = &self.packed else { bail!("cross-entropy: no head") };
        packed::with_matrix(w, |w| self.forward(x, layout, w))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.backward(x, None, grad)?.0)
    }
}

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Strides, w: &CpuStorage, lw: &Strides) -> Result<(CpuStorage, Shape)> {
        self.forward(x, lx, super::linear::matrix(w, lw)?)
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.backward(x, Some(w), grad)
    }
}
