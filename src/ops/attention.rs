//! Causal attention with grouped heads, one head and one block of queries at a time: the `[T,S]` scores live in scratch only.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::attention_backward::{self, Operand};
use super::dot::axpy;
use super::product::{View, small};
use super::reduce::product_sum;
use super::softmax::softmax;
use super::storage::{self, Shared};
use super::{float, noted, plain};

/// Queries of one block.
pub const QUERIES: usize = 64;
/// Up to this many queries are computed by dot products.
const FEW_QUERIES: usize = 2;

/// `q [B,H,T,D]`, `k, v [B,Hkv,S,D]` -> `[B,H,T,D]`: query i stands at position S-T+i and sees the keys up to itself; head h reads
/// key head `h / (H/Hkv)`. With a window it sees the last `window` of those keys only, its own among them (arXiv 2310.06825).
/// Operands may be transposed views. The result is a view of `[B,T,H,D]`, so swapping heads and
/// tokens back costs nothing. Gradients to q, k and v, by recomputing the probabilities.
///
/// # Errors
/// Shapes that do not fit, T > S, H not a multiple of Hkv.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64, window: Option<usize>) -> crate::Result<Tensor> {
    check(q, k, v)?;
    if !q.device().is_cpu() {
        return Ok(plain::attention(q, k, v, scale, window)?);
    }
    run(q, k, v, Attention { sight: Sight { scale: scale as f32, window }, documents: None })
}

/// [`attention`] over documents that lie end to end, of these lengths: none sees another. T = S, the sum of the lengths.
///
/// # Errors
/// As for [`attention`]; lengths that do not add up.
pub fn packed_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    scale: f64,
    window: Option<usize>,
    documents: &[usize],
) -> crate::Result<Tensor> {
    check(q, k, v)?;
    let (t, s, sum) = (q.dim(2)?, k.dim(2)?, documents.iter().sum::<usize>());
    if t != s || t != sum {
        let cause = format!("{t} queries and {s} keys of documents with {sum} tokens");
        return Err(crate::Error::Internal { doing: "attention".to_owned(), cause });
    }
    if !q.device().is_cpu() {
        return Ok(plain::packed_attention(q, k, v, scale, window, documents)?);
    }
    run(q, k, v, Attention { sight: Sight { scale: scale as f32, window }, documents: Some(documents.into()) })
}

fn run(q: &Tensor, k: &Tensor, v: &Tensor, op: Attention) -> crate::Result<Tensor> {
    let y = noted::op3([&rows(q)?, &rows(k)?, &rows(v)?], [true; 3], op)?;
    Ok(noted::transpose(&y, 1, 2)?.to_dtype(q.dtype())?)
}

/// The probabilities of [`attention`], `[B,H,T,S]`, for looking at. On the graph.
///
/// # Errors
/// As for [`attention`].
pub fn attention_probabilities(q: &Tensor, k: &Tensor, scale: f64, window: Option<usize>) -> crate::Result<Tensor> {
    check(q, k, k)?;
    Ok(plain::attention_probabilities(q, k, scale, window)?)
}

/// f32, each vector of D values in one piece.
fn rows(x: &Tensor) -> Result<Tensor> {
    let x = float(x)?;
    if x.stride()[3] == 1 { Ok(x) } else { x.contiguous() }
}

fn check(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<()> {
    let ((b, h, t, d), (kb, hkv, s, kd)) = (q.dims4()?, k.dims4()?);
    if k.dims() != v.dims() || b != kb || d != kd || t > s || hkv == 0 || h % hkv != 0 {
        bail!("attention: q {:?}, k {:?}, v {:?}", q.dims(), k.dims(), v.dims());
    }
    Ok(())
}

#[derive(Clone, Copy)]
pub struct Sight {
    pub scale: f32,
    /// Keys that a query sees, itself included.
    pub window: Option<usize>,
}

pub struct Attention {
    pub sight: Sight,
    /// Lengths of documents that do not see each other; `None`: all is one.
    pub documents: Option<Arc<[usize]>>,
}

/// Queries that see the same keys, as far as causality lets them: `length` of them from row `start` on, behind `before` keys.
#[derive(Clone, Copy)]
pub struct Document {
    pub start: usize,
    pub length: usize,
    pub before: usize,
}

impl Attention {
    /// The documents of T queries over S keys.
    pub fn documents(&self, t: usize, s: usize) -> Vec<Document> {
        let Some(lengths) = &self.documents else { return vec![Document { start: 0, length: t, before: s - t }] };
        let mut start = 0;
        let place = |length: &usize| {
            start += length;
            Document { start: start - length, length: *length, before: 0 }
        };
        lengths.iter().map(place).collect()
    }
}

/// The rows from `first` on.
pub fn from_row(view: View<'_>, first: usize) -> View<'_> {
    View { values: &view.values[first * view.row_stride..], ..view }
}

/// The probabilities of queries `first..first + count` of one head, `[count, seen]`, where `seen` keys are visible to the last.
pub fn block_probabilities(
    scores: &mut Vec<f32>,
    q: View,
    k: View,
    (first, count, d): (usize, usize, usize),
    before: usize,
    Sight { scale, window }: Sight,
) -> usize {
    let seen = before + first + count;
    scores.resize(count * seen, 0.0);
    let q = View { values: &q.values[first * q.row_stride..], ..q };
    small(scores, seen, (count, seen, d), q, View { row_stride: k.column_stride, column_stride: k.row_stride, ..k }, scale, false);
    for (i, row) in scores.chunks_exact_mut(seen).enumerate() {
        let (seen, after) = row.split_at_mut(before + first + i + 1);
        let (past, visible) = seen.split_at_mut(first_key(seen.len(), window));
        softmax(visible);
        past.fill(0.0);
        after.fill(0.0);
    }
    seen
}

/// The first key in sight of a query that stands at the end of `seen` keys.
fn first_key(seen: usize, window: Option<usize>) -> usize {
    window.map_or(0, |window| seen.saturating_sub(window))
}

impl Attention {
    fn forward(&self, q: Operand, k: Operand, v: Operand) -> (CpuStorage, Shape) {
        let [b, h, t, d] = q.dims;
        let (s, group) = (k.dims[2], h / k.dims[1]);
        // SAFETY: the units below write every vector of every head.
        let mut out = unsafe { storage::unwritten(b * t * h * d) };
        let shared = Shared::new(&mut out);
        let blocks: Vec<(Document, usize)> = self
            .documents(t, s)
            .into_iter()
            .flat_map(|all| (0..all.length).step_by(all.per_block()).map(move |first| (all, first)))
            .collect();
        let unit = |scores: &mut Vec<f32>, unit: usize| {
            let (head, (Document { start, length, before }, first)) = (unit / blocks.len(), blocks[unit % blocks.len()]);
            let (batch, head) = (head / h, head % h);
            let [q, k, v] = [q.head(batch, head), k.head(batch, head / group), v.head(batch, head / group)].map(|x| from_row(x, start));
            let count = QUERIES.min(length - first);
            let from = ((batch * t + start + first) * h + head) * d;
            // SAFETY: rows of one head start h*d apart; this unit writes only the d values of its own head in its own rows.
            let place = move |row: usize| unsafe { shared.slice(from + row * h * d, d) };
            if length <= FEW_QUERIES {
                few(scores, q, k, v, (count, d), before, self.sight, place);
            } else {
                let seen = block_probabilities(scores, q, k, (first, count, d), before, self.sight);
                let mut result = vec![0.0; count * d];
                small(&mut result, d, (count, d, seen), View::rows(scores, seen), v, 1.0, false);
                result.chunks_exact(d).enumerate().for_each(|(i, row)| place(i).copy_from_slice(row));
            }
        };
        if b * h * t * s * d <= 32 * 1024 {
            (0..b * h * blocks.len()).for_each(|i| unit(&mut Vec::new(), i));
        } else {
            (0..b * h * blocks.len()).into_par_iter().for_each_init(Vec::new, unit);
        }
        (CpuStorage::F32(out), Shape::from(vec![b, t, h, d]))
    }
}

impl Document {
    fn per_block(&self) -> usize {
        if self.length <= FEW_QUERIES { self.length.max(1) } else { QUERIES }
    }
}

/// A few queries of one head, key by key.
#[allow(clippy::too_many_arguments)]
fn few<'a>(
    scores: &mut Vec<f32>,
    q: View,
    k: View,
    v: View,
    (count, d): (usize, usize),
    before: usize,
    Sight { scale, window }: Sight,
    place: impl Fn(usize) -> &'a mut [f32],
) {
    for i in 0..count {
        let seen = before + i + 1;
        let from = first_key(seen, window);
        let query = &q.values[i * q.row_stride..][..d];
        scores.clear();
        scores.extend((from..seen).map(|j| product_sum(query, &k.values[j * k.row_stride..][..d]) * scale));
        softmax(scores);
        let out = place(i);
        out.fill(0.0);
        for (j, p) in scores.iter().enumerate() {
            axpy(out, &v.values[(from + j) * v.row_stride..][..d], *p);
        }
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        lq: &Layout,
        k: &CpuStorage,
        lk: &Layout,
        v: &CpuStorage,
        lv: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok(self.forward(Operand::new(q, lq)?, Operand::new(k, lk)?, Operand::new(v, lv)?))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        attention_backward::gradients(self, q, k, v, grad)
    }
}
