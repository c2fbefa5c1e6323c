//! The plain candle composition of every op: what runs on other devices, and the oracle of the tests.

use candle_core::{D, DType, Result, Tensor};

use super::{HeadDelta, Layout, chunk_rows};

pub fn linear(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, layout: Layout) -> Result<Tensor> {
    let w = w.to_dtype(x.dtype())?;
    let w = if layout == Layout::OutIn { w.t()? } else { w };
    let (inner, out) = w.dims2()?;
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = out;
    }
    let y = x.reshape(((), inner))?.matmul(&w)?;
    let y = match bias {
        Some(bias) => y.broadcast_add(&bias.to_dtype(x.dtype())?)?,
        None => y,
    };
    y.reshape(shape)
}

pub fn low_rank(x: &Tensor, a: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
    linear(&linear(x, a, None, Layout::OutIn)?, b, None, Layout::OutIn)? * scale
}

pub fn scale_columns(x: &Tensor, gain: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let y = x.broadcast_mul(&gain.to_dtype(x.dtype())?)?;
    bias.map_or(Ok(y.clone()), |bias| y.broadcast_add(&bias.to_dtype(x.dtype())?))
}

pub fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
    let wide = x.to_dtype(DType::F32)?;
    let scale = (wide.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?.recip()?;
    wide.broadcast_mul(&scale)?.broadcast_mul(&w.to_dtype(DType::F32)?)?.to_dtype(x.dtype())
}

pub fn layer_norm(x: &Tensor, w: &Tensor, b: &Tensor, eps: f64) -> Result<Tensor> {
    let wide = x.to_dtype(DType::F32)?;
    let centred = wide.broadcast_sub(&wide.mean_keepdim(D::Minus1)?)?;
    let scale = (centred.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?.recip()?;
    let y = centred.broadcast_mul(&scale)?.broadcast_mul(&w.to_dtype(DType::F32)?)?;
    y.broadcast_add(&b.to_dtype(DType::F32)?)?.to_dtype(x.dtype())
}

/// `x [B,H,T,D]`, tables `[T,R/2]` or `[B,T,R/2]`: the first R dimensions are rotated.
pub fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let half = cos.dim(D::Minus1)?;
    let table = |t: &Tensor| -> Result<Tensor> {
        let t = if t.rank() == 2 { t.unsqueeze(0)? } else { t.clone() };
        t.unsqueeze(1)?.to_dtype(x.dtype())
    };
    let (cos, sin) = (table(cos)?, table(sin)?);
    let (first, second) = (x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?);
    let turned_first = (first.broadcast_mul(&cos)? - second.broadcast_mul(&sin)?)?;
    let turned_second = (second.broadcast_mul(&cos)? + first.broadcast_mul(&sin)?)?;
    let rest = x.dim(D::Minus1)? - 2 * half;
    if rest == 0 {
        return Tensor::cat(&[turned_first, turned_second], D::Minus1);
    }
    Tensor::cat(&[turned_first, turned_second, x.narrow(D::Minus1, 2 * half, rest)?], D::Minus1)
}

/// `[B,H,T,S]`: softmax of the scaled scores of query i (at position S-T+i) over the keys up to its own position.
pub fn attention_probabilities(q: &Tensor, k: &Tensor, scale: f64, window: Option<usize>) -> Result<Tensor> {
    let (t, s) = (q.dim(2)?, k.dim(2)?);
    let k = repeat_heads(k, q.dim(1)?)?;
    let scores = (q.contiguous()?.matmul(&k.t()?.contiguous()?)? * scale)?.to_dtype(DType::F32)?;
    let visible = |i: usize, j: usize| j + t <= s + i && window.is_none_or(|window| s + i < j + t + window);
    let mask: Vec<f32> = (0..t * s).map(|n| if visible(n / s, n % s) { 0.0 } else { f32::NEG_INFINITY }).collect();
    let mask = Tensor::from_vec(mask, (t, s), q.device())?;
    candle_nn::ops::softmax(&scores.broadcast_add(&mask)?, D::Minus1)?.to_dtype(q.dtype())
}

pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64, window: Option<usize>) -> Result<Tensor> {
    mixed(&attention_probabilities(q, k, scale, window)?, v)
}

/// Values mixed by probabilities: `[B,H,T,S]`, `[B,Hkv,S,D]` -> `[B,H,T,D]`.
pub fn mixed(probabilities: &Tensor, v: &Tensor) -> Result<Tensor> {
    probabilities.matmul(&repeat_heads(v, probabilities.dim(1)?)?.contiguous()?)
}

/// [`attention`] document by document.
pub fn packed_attention(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64, window: Option<usize>, documents: &[usize]) -> Result<Tensor> {
    let mut start = 0;
    let document = |length: &usize| {
        let part = |x: &Tensor| x.narrow(2, start, *length);
        let mixed = attention(&part(q)?, &part(k)?, &part(v)?, scale, window);
        start += length;
        mixed
    };
    Tensor::cat(&documents.iter().map(document).collect::<Result<Vec<_>>>()?, 2)
}

/// `[B,Hkv,S,D] -> [B,H,S,D]`, each head repeated `H/Hkv` times in place.
fn repeat_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (b, kv_heads, s, d) = x.dims4()?;
    let times = heads / kv_heads;
    if times == 1 {
        return Ok(x.clone());
    }
    x.unsqueeze(2)?.expand((b, kv_heads, times, s, d))?.contiguous()?.reshape((b, heads, s, d))
}

pub fn gelu_new(x: &Tensor) -> Result<Tensor> {
    let inner = ((x + ((x.sqr()? * x)? * 0.044_715)?)? * (2.0 / std::f64::consts::PI).sqrt())?;
    (x * 0.5)? * (inner.tanh()? + 1.0)?
}

pub fn gelu_erf(x: &Tensor) -> Result<Tensor> {
    (x * 0.5)? * ((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)?
}

pub fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.silu()? * up
}

/// The losses of each row, `[N]`: against the target, and by a share of `smoothing` against all of the vocabulary.
pub fn token_losses(hidden: &Tensor, head: &Tensor, targets: &Tensor, smoothing: f64) -> Result<Tensor> {
    losses_of(&linear(hidden, head, None, Layout::OutIn)?, targets, smoothing)
}

fn losses_of(logits: &Tensor, targets: &Tensor, smoothing: f64) -> Result<Tensor> {
    let log_p = candle_nn::ops::log_softmax(&logits.to_dtype(DType::F32)?, D::Minus1)?;
    let losses = log_p.gather(&targets.unsqueeze(1)?, 1)?.squeeze(1)?.neg()?;
    if smoothing == 0.0 {
        return Ok(losses);
    }
    (losses * (1.0 - smoothing))? - (log_p.mean(D::Minus1)? * smoothing)?
}

/// The same with a delta beside the head.
pub fn adapted_losses(hidden: &Tensor, head: &Tensor, delta: &HeadDelta, targets: &[u32], smoothing: f64) -> Result<Tensor> {
    let targets = Tensor::new(targets, hidden.device())?;
    let (n, chunk) = (targets.dim(0)?, chunk_rows(head.dim(0)?));
    let losses = (0..n).step_by(chunk).map(|first| {
        let part = |t: &Tensor| t.narrow(0, first, chunk.min(n - first));
        let base = linear(&part(hidden)?, head, None, Layout::OutIn)?;
        let low = linear(&part(&delta.low)?, &delta.b, None, Layout::OutIn)?;
        let logits = match (&delta.gain, &delta.dropped) {
            (None, _) => (base + low)?,
            (Some(gain), None) => (base + low)?.broadcast_mul(gain)?,
            (Some(gain), Some(dropped)) => {
                let inner = linear(&part(dropped)?, head, None, Layout::OutIn)?;
                ((base + (&inner + low)?.broadcast_mul(gain)?)? - inner)?
            }
        };
        losses_of(&logits, &part(&targets)?, smoothing)
    });
    Tensor::cat(&losses.collect::<Result<Vec<_>>>()?, D::Minus1)
}
