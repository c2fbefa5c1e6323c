//! Cross-entropy against a frozen head with a low-rank delta beside it: the delta goes into each chunk's logits, so that no second tensor of logits exists.
//!
//! As in [`super::cross_entropy`], gradients are computed with the chunk's logits at hand and kept for the backward pass.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, Layout as Strides, Result, Shape, Tensor, bail};

use super::cross_entropy::{check, chunk_losses, on_cpu, with_head};
use super::matrix::Matrix;
use super::product::{Product, View};
use super::{HeadWeight, chunk_rows, float, noted, plain, storage};

/// What an adapter makes of a head `W [V, C]` for hidden states `x [N, C]`: `x W^T + low b^T`; with a gain, `gain * (x W^T + low b^T)`.
///
/// With a gain and dropout, PEFT's DoRA: `x W^T + gain * (d W^T + low b^T) - d W^T` for the dropped states d.
pub struct HeadDelta {
    /// `[N, r]`: `scale * d A^T`.
    pub low: Tensor,
    /// `[V, r]`
    pub b: Tensor,
    /// `[V]`
    pub gain: Option<Tensor>,
    /// `[N, C]`, only beside a gain.
    pub dropped: Option<Tensor>,
}

/// The sum over rows of `-ln softmax(logits)[target]`, smoothed as in [`super::smoothed_cross_entropy`]. Gradients to hidden and to all of the delta; the
/// head itself is frozen.
///
/// # Errors
/// Shapes that do not fit, a target outside the vocabulary.
pub fn adapted_cross_entropy(
    hidden: &Tensor,
    head: &HeadWeight,
    delta: &HeadDelta,
    targets: &[u32],
    smoothing: f64,
) -> crate::Result<Tensor> {
    check(hidden, head, targets)?;
    let Some(head) = on_cpu(hidden, &frozen(head))? else {
        return Ok(plain::adapted_losses(hidden, &dense(hidden, head)?, delta, targets, smoothing)?.sum_all()?);
    };
    let [x, low, p] = operands(hidden, delta)?;
    let wanted = [&x, &low, &p].map(|operand| operand.track_op());
    let form = Form { gain: delta.gain.is_some(), dropped: delta.dropped.is_some() };
    let op = AdaptedEntropy { head, form, targets: targets.into(), smoothing: smoothing as f32, wanted, kept: Mutex::default() };
    Ok(noted::op3([&x, &low, &p], [false; 3], op)?)
}

/// The loss of each row, without gradient.
///
/// # Errors
/// As for [`adapted_cross_entropy`].
pub fn adapted_token_losses(hidden: &Tensor, head: &HeadWeight, delta: &HeadDelta, targets: &[u32]) -> crate::Result<Vec<f32>> {
    check(hidden, head, targets)?;
    let Some(head) = on_cpu(hidden, &frozen(head))? else {
        return Ok(plain::adapted_losses(&hidden.detach(), &dense(hidden, head)?, delta, targets, 0.0)?.to_vec1()?);
    };
    let [x, low, p] = operands(hidden, delta)?.map(|operand| operand.detach());
    let form = Form { gain: delta.gain.is_some(), dropped: delta.dropped.is_some() };
    let values = |x: &[f32], low: &[f32], p: &[f32]| with_head(&head, |w| Ok(run([x, low, p], w, form, (targets, 0.0), [false; 3]).0));
    Ok(storage::with_floats(&x, |x| storage::with_floats(&low, |low| storage::with_floats(&p, |p| values(x, low, p))))?)
}

fn frozen(head: &HeadWeight) -> HeadWeight {
    match head {
        HeadWeight::Dense(w) => HeadWeight::Dense(w.detach()),
        packed => packed.clone(),
    }
}

fn dense(hidden: &Tensor, head: &HeadWeight) -> Result<Tensor> {
    match frozen(head) {
        HeadWeight::Dense(w) => Ok(w),
        HeadWeight::Packed(w) => w.dequantize(hidden.device()),
    }
}

/// An op takes three tensors: dropped rows stand behind the others, the gain is a last column of b, and of zeros in `low`.
fn operands(hidden: &Tensor, HeadDelta { low, b, gain, dropped }: &HeadDelta) -> Result<[Tensor; 3]> {
    let x = match dropped {
        Some(dropped) => Tensor::cat(&[float(hidden)?, float(dropped)?], 0)?,
        None => float(hidden)?.contiguous()?,
    };
    let (low, b) = (float(low)?, float(b)?);
    let Some(gain) = gain else { return Ok([x, low.contiguous()?, b.contiguous()?]) };
    let zeros = Tensor::zeros((low.dim(0)?, 1), low.dtype(), low.device())?;
    Ok([x, Tensor::cat(&[&low, &zeros], 1)?, Tensor::cat(&[&b, &float(gain)?.unsqueeze(1)?], 1)?])
}

#[derive(Clone, Copy)]
struct Form {
    gain: bool,
    dropped: bool,
}

struct AdaptedEntropy {
    head: HeadWeight,
    form: Form,
    targets: Box<[u32]>,
    smoothing: f32,
    wanted: [bool; 3],
    /// Gradients of the sum to the three operands, kept from the forward pass.
    kept: Mutex<[Vec<f32>; 3]>,
}

/// The loss of each row, and the gradients that are wanted. w is `[V, C]` as stored; `low` and p are `k` wide.
fn run(
    [x, low, p]: [&[f32]; 3],
    w: Matrix,
    form: Form,
    (targets, smoothing): (&[u32], f32),
    wanted: [bool; 3],
) -> (Vec<f32>, [Vec<f32>; 3]) {
    let (vocabulary, width) = w.shape();
    let (n, k) = (targets.len(), p.len() / vocabulary.max(1));
    let mut losses = vec![0.0; n];
    let sizes = [x.len(), low.len(), p.len()];
    let mut gradients: [Vec<f32>; 3] = std::array::from_fn(|i| vec![0.0; if wanted[i] { sizes[i] } else { 0 }]);
    let size = chunk_rows(vocabulary);
    let (mut logits, mut inner) = (Vec::new(), Vec::new());
    let p_matrix = Matrix::dense(p, vocabulary, k);
    for (chunk, targets) in targets.chunks(size).enumerate() {
        let (from, count) = (chunk * size, targets.len());
        let of = |first: usize| first * width..(first + count) * width;
        let (rows, dropped_rows) = (of(from), of(n + from));
        let low_rows = &low[from * k..(from + count) * k];
        logits.resize(count * vocabulary, 0.0);
        Product::new(View::rows(&x[rows.clone()], width), w.t()).run(&mut logits, count);
        if form.gain {
            inner.resize(count * vocabulary, 0.0);
            if form.dropped {
                Product::new(View::rows(&x[dropped_rows.clone()], width), w.t()).run(&mut inner, count);
                over_both(&mut logits, &inner, |z, base| *z -= base);
            } else {
                inner.copy_from_slice(&logits);
                logits.fill(0.0);
            }
            Product { add: true, ..Product::new(View::rows(low_rows, k), p_matrix.t()) }.run(&mut inner, count);
            add_scaled(&mut logits, &inner, p, k);
        } else {
            Product { add: true, ..Product::new(View::rows(low_rows, k), p_matrix.t()) }.run(&mut logits, count);
        }
        chunk_losses(&mut logits, vocabulary, (targets, smoothing), &mut losses[from..from + count]);
        if wanted.iter().any(|wanted| *wanted) {
            let at = Chunk { from, count, k, rows, dropped_rows };
            at.gradients(&mut gradients, (&logits, &mut inner), (low_rows, p), w, form);
        }
    }
    (losses, gradients)
}

/// Where a chunk lies.
struct Chunk {
    from: usize,
    count: usize,
    k: usize,
    rows: std::ops::Range<usize>,
    dropped_rows: std::ops::Range<usize>,
}

impl Chunk {
    /// `g` is the gradient to the logits; `inner` what the gain multiplied, overwritten.
    fn gradients(
        &self,
        [dx, dlow, dp]: &mut [Vec<f32>; 3],
        (g, inner): (&[f32], &mut [f32]),
        (low, p): (&[f32], &[f32]),
        w: Matrix,
        form: Form,
    ) {
        let Self { from, count, k, rows, dropped_rows } = self;
        let (vocabulary, _) = w.shape();
        let p_matrix = Matrix::dense(p, vocabulary, *k);
        if form.gain {
            if !dp.is_empty() {
                add_gain(dp, g, inner, *k);
            }
            over_both(inner, g, |inner, g| *inner = g);
            scale(inner, p, *k);
        }
        let inside: &[f32] = if form.gain { inner } else { g };
        if !dlow.is_empty() {
            let out = &mut dlow[from * k..(from + count) * k];
            Product::new(View::rows(inside, vocabulary), p_matrix).run(out, *count);
            if form.gain {
                // The last column of `low` is not the adapter's.
                out.chunks_exact_mut(*k).for_each(|row| row[k - 1] = 0.0);
            }
        }
        if !dp.is_empty() {
            Product { add: true, ..Product::new(View::columns(inside, vocabulary), Matrix::dense(low, *count, *k)) }.run(dp, vocabulary);
        }
        if dx.is_empty() {
            return;
        }
        let outer = if form.dropped { g } else { inside };
        Product::new(View::rows(outer, vocabulary), w).run(&mut dx[rows.clone()], *count);
        if form.dropped {
            over_both(inner, g, |inside, g| *inside -= g);
            Product::new(View::rows(inner, vocabulary), w).run(&mut dx[dropped_rows.clone()], *count);
        }
    }
}

fn over_both(out: &mut [f32], other: &[f32], f: impl Fn(&mut f32, f32) + Sync) {
    storage::over_blocks(out, storage::BLOCK, |first, out| {
        let other = &other[first..first + out.len()];
        out.iter_mut().zip(other).for_each(|(out, other)| f(out, *other));
    });
}

/// `out[n, v] += gain[v] * inner[n, v]`, the gain being the last of each k in p.
fn add_scaled(out: &mut [f32], inner: &[f32], p: &[f32], k: usize) {
    let vocabulary = p.len() / k;
    storage::over_rows(out, vocabulary, |first, rows| {
        let inner = &inner[first * vocabulary..first * vocabulary + rows.len()];
        for (out, inner) in rows.chunks_exact_mut(vocabulary).zip(inner.chunks_exact(vocabulary)) {
            out.iter_mut().zip(inner).zip(p.chunks_exact(k)).for_each(|((out, inner), p)| *out += p[k - 1] * inner);
        }
    });
}

/// `out[n, v] *= gain[v]`
fn scale(out: &mut [f32], p: &[f32], k: usize) {
    let vocabulary = p.len() / k;
    storage::over_rows(out, vocabulary, |_, rows| {
        for row in rows.chunks_exact_mut(vocabulary) {
            row.iter_mut().zip(p.chunks_exact(k)).for_each(|(out, p)| *out *= p[k - 1]);
        }
    });
}

/// `dgain[v] += sum over n of g[n, v] * inner[n, v]`, in the order of the rows.
fn add_gain(dp: &mut [f32], g: &[f32], inner: &[f32], k: usize) {
    let vocabulary = dp.len() / k;
    storage::over_blocks(dp, 256 * k, |first, dp| {
        let (first, count) = (first / k, dp.len() / k);
        for (g, inner) in g.chunks_exact(vocabulary).zip(inner.chunks_exact(vocabulary)) {
            let both = g[first..first + count].iter().zip(&inner[first..first + count]);
            dp.chunks_exact_mut(k).zip(both).for_each(|(dp, (g, inner))| dp[k - 1] += g * inner);
        }
    });
}

impl CustomOp3 for AdaptedEntropy {
    fn name(&self) -> &'static str {
        "adapted cross-entropy"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Strides,
        low: &CpuStorage,
        ll: &Strides,
        p: &CpuStorage,
        lp: &Strides,
    ) -> Result<(CpuStorage, Shape)> {
        let name = self.name();
        let ((rows, k), (_, inner)) = (ll.shape().dims2()?, lp.shape().dims2()?);
        if k != inner || rows != self.targets.len() {
            bail!("{name}: low {:?}, b {:?}, {} targets", ll.dims(), lp.dims(), self.targets.len());
        }
        let operands = [storage::floats(x, lx, name)?, storage::floats(low, ll, name)?, storage::floats(p, lp, name)?];
        let targets = (&*self.targets, self.smoothing);
        let (losses, gradients) = with_head(&self.head, |w| {
            if operands[2].len() != w.shape().0 * k {
                bail!("{name}: b {:?} beside a head of {:?}", lp.dims(), w.shape());
            }
            Ok(run(operands, w, self.form, targets, self.wanted))
        })?;
        match self.kept.lock() {
            Ok(mut kept) => *kept = gradients,
            Err(poisoned) => *poisoned.into_inner() = gradients,
        }
        let total: f64 = losses.iter().map(|loss| f64::from(*loss)).sum();
        Ok((CpuStorage::F32(vec![total as f32]), Shape::from(())))
    }

    fn bwd(
        &self,
        x: &Tensor,
        low: &Tensor,
        p: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let factor = grad.to_scalar::<f32>()?;
        let mut kept = self.kept.lock().map_err(|_| candle_core::Error::Msg("adapted cross-entropy: a thread died".to_owned()))?;
        // Taken, not copied: a second time there is nothing of these shapes, which is an error.
        let mut scaled = |i: usize, like: &Tensor| {
            let mut out = std::mem::take(&mut kept[i]);
            storage::over_blocks(&mut out, storage::BLOCK, |_, out| out.iter_mut().for_each(|x| *x *= factor));
            self.wanted[i].then(|| storage::tensor(out, like.dims())).transpose()
        };
        Ok((scaled(0, x)?, scaled(1, low)?, scaled(2, p)?))
    }
}
