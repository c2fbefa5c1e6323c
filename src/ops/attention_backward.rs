//! The gradients of attention: per key head, each query head of its group and each block of queries in order.
//!
//! `dV += P^T dO`, `dP = dO V^T`, `dS = P (dP - rowsum(dP P))`, `dQ = scale dS K`, `dK += scale dS^T Q`.

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};
use rayon::prelude::*;

use super::attention::{Attention, Document, QUERIES, block_probabilities, from_row};
use super::product::{View, small};
use super::reduce::product_sum;
use super::simd::vectorised;
use super::storage::{self, Shared};

/// A `[B,H,T,D]` operand with any strides but 1 for the last.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    values: &'a [f32],
    pub dims: [usize; 4],
    strides: [usize; 4],
}

impl<'a> Operand<'a> {
    pub fn new(storage: &'a CpuStorage, layout: &Layout) -> Result<Self> {
        let CpuStorage::F32(values) = storage else { bail!("attention computes in f32") };
        let (b, h, t, d) = layout.shape().dims4()?;
        let &[sb, sh, st, sd] = layout.stride() else { bail!("attention: {:?}", layout.dims()) };
        if sd != 1 && d > 1 {
            bail!("attention needs each vector in one piece");
        }
        Ok(Self { values: &values[layout.start_offset()..], dims: [b, h, t, d], strides: [sb, sh, st, 1] })
    }

    /// `[T, D]` of one head.
    pub fn head(&self, batch: usize, head: usize) -> View<'a> {
        let values = &self.values[batch * self.strides[0] + head * self.strides[1]..];
        View { values, row_stride: self.strides[2], column_stride: 1 }
    }
}

/// Gradients to q, k, v, each where it is tracked.
pub fn gradients(
    op: &Attention,
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    grad: &Tensor,
) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
    // The result is [B,T,H,D]; read its gradient as [B,H,T,D].
    let grad = grad.contiguous()?.transpose(1, 2)?;
    let ((sq, lq), (sk, lk)) = (q.storage_and_layout(), k.storage_and_layout());
    let ((sv, lv), (sg, lg)) = (v.storage_and_layout(), grad.storage_and_layout());
    let (Storage::Cpu(sq), Storage::Cpu(sk), Storage::Cpu(sv), Storage::Cpu(sg)) = (&*sq, &*sk, &*sv, &*sg) else {
        bail!("attention: operands on different devices");
    };
    let backward = Backward { op, q: Operand::new(sq, lq)?, k: Operand::new(sk, lk)?, v: Operand::new(sv, lv)?, g: Operand::new(sg, lg)? };
    let (dq, dk, dv) = backward.run();
    let make = |x: &Tensor, values: Vec<f32>| x.track_op().then(|| storage::tensor(values, x.dims())).transpose();
    Ok((make(q, dq)?, make(k, dk)?, make(v, dv)?))
}

struct Backward<'a> {
    op: &'a Attention,
    q: Operand<'a>,
    k: Operand<'a>,
    v: Operand<'a>,
    g: Operand<'a>,
}

#[derive(Default)]
struct Scratch {
    p: Vec<f32>,
    dp: Vec<f32>,
}

impl Backward<'_> {
    fn run(&self) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let ([b, h, t, d], [_, hkv, s, _]) = (self.q.dims, self.k.dims);
        // SAFETY: the tasks below write every query of every head.
        let mut dq = unsafe { storage::unwritten(b * h * t * d) };
        let (mut dk, mut dv) = (vec![0.0; b * hkv * s * d], vec![0.0; b * hkv * s * d]);
        let (out_q, group) = (Shared::new(&mut dq), h / hkv);
        let documents = self.op.documents(t, s);
        dk.par_chunks_mut(s * d).zip(dv.par_chunks_mut(s * d)).enumerate().for_each_init(Scratch::default, |scratch, (i, (dk, dv))| {
            let (batch, kv_head) = (i / hkv, i % hkv);
            for head in kv_head * group..(kv_head + 1) * group {
                // SAFETY: each head of each batch is visited once, by this task.
                let dq = unsafe { out_q.slice((batch * h + head) * t * d, t * d) };
                for document in &documents {
                    let (first, keys) = (document.start * d, (document.start + document.before + document.length) * d);
                    let dq = &mut dq[first..first + document.length * d];
                    self.head((batch, head, kv_head), *document, scratch, dq, &mut dk[first..keys], &mut dv[first..keys]);
                }
            }
        });
        (dq, dk, dv)
    }

    fn head(
        &self,
        (batch, head, kv_head): (usize, usize, usize),
        Document { start, length: t, before }: Document,
        scratch: &mut Scratch,
        dq: &mut [f32],
        dk: &mut [f32],
        dv: &mut [f32],
    ) {
        let d = self.q.dims[3];
        let [q, g] = [self.q.head(batch, head), self.g.head(batch, head)].map(|x| from_row(x, start));
        let [k, v] = [self.k.head(batch, kv_head), self.v.head(batch, kv_head)].map(|x| from_row(x, start));
        for first in (0..t).step_by(QUERIES) {
            let count = QUERIES.min(t - first);
            let seen = block_probabilities(&mut scratch.p, q, k, (first, count, d), before, self.op.sight);
            let (p, dp) = (&mut scratch.p, &mut scratch.dp);
            let (q, g) = (from_row(q, first), from_row(g, first));
            small(dv, d, (seen, d, count), View::columns(p, seen), g, 1.0, true);
            dp.resize(count * seen, 0.0);
            small(dp, seen, (count, seen, d), g, View { row_stride: 1, column_stride: v.row_stride, ..v }, 1.0, false);
            for (p, dp) in p.chunks_exact(seen).zip(dp.chunks_exact_mut(seen)) {
                softmax_gradient(dp, p);
            }
            small(&mut dq[first * d..], d, (count, d, seen), View::rows(dp, seen), k, self.op.sight.scale, false);
            small(dk, d, (seen, d, count), View::columns(dp, seen), q, self.op.sight.scale, true);
        }
    }
}

/// `dp = p * (dp - sum(dp * p))`.
fn softmax_gradient(dp: &mut [f32], p: &[f32]) {
    scale_difference(dp, p, product_sum(p, dp));
}

vectorised! {
    fn scale_difference(dp: &mut [f32], p: &[f32], total: f32) {
        for (d, p) in dp.iter_mut().zip(p) {
            *d = p * (*d - total);
        }
    }
}
