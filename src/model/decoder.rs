//! The decoder: one page for every family.

use candle_core::{IndexOp, Tensor, Var};

use super::spec::{Activation, Mlp, Position};
use super::{Attention, Layer, Model, Projection};
use crate::nn::{Cache, Norm, Pass, Place, Rope, Soft};
use crate::{Error, Result, ops};

/// What goes in.
pub enum Input<'a> {
    /// `[B, T]`, u32
    Ids(&'a Tensor),
    /// `[B, T, hidden]`, f32
    Embeds(&'a Tensor),
}

/// Cosines and sines of the rows' positions.
pub type Angles = (Tensor, Tensor);

/// What all layers of one forward pass share.
#[derive(Clone, Debug)]
pub struct Way {
    angles: Option<Angles>,
    /// Virtual tokens before each layer's keys.
    prefix: Option<Soft>,
    /// Positions that the caches gain.
    advance: usize,
    /// Of a row, without virtual ones.
    tokens: usize,
}

impl Way {
    /// Makes virtual tokens that are computed a leaf of the graph; gives what they were, and the leaf.
    ///
    /// # Errors
    /// Memory.
    pub fn cut(&mut self) -> Result<Option<(Tensor, Var)>> {
        let Some(prefix) = self.prefix.as_mut().filter(|prefix| prefix.rows.track_op() && !prefix.rows.is_variable()) else {
            return Ok(None);
        };
        let leaf = Var::from_tensor(&prefix.rows.detach())?;
        Ok(Some((std::mem::replace(&mut prefix.rows, leaf.as_tensor().clone()), leaf)))
    }
}

/// A named activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// The residual stream before the layer, `[B, T, hidden]`.
    Residual,
    /// After rope: `[B, H, T, D]`.
    Query,
    /// `[B, H_kv, S, D]`
    Key,
    /// `[B, H_kv, S, D]`
    Value,
    /// Attention probabilities, `[B, H, T, S]`.
    Probabilities,
    /// What the attention adds, `[B, T, hidden]`.
    Attended,
    /// What the MLP adds, `[B, T, hidden]`.
    Mlp,
}

/// Receives the activations it asks for.
pub trait Tap {
    fn wants(&self, layer: usize, site: Site) -> bool;
    fn take(&mut self, layer: usize, site: Site, activation: &Tensor) -> Result<()>;

    /// What goes on in its place, of the same shape and type; `None`: the activation itself, not a bit changed.
    ///
    /// # Errors
    /// Those of [`Tap::take`].
    fn replace(&mut self, layer: usize, site: Site, activation: &Tensor) -> Result<Option<Tensor>> {
        self.take(layer, site, activation)?;
        Ok(None)
    }
}

/// Asks for nothing.
pub struct NoTap;

impl Tap for NoTap {
    fn wants(&self, _layer: usize, _site: Site) -> bool {
        false
    }

    fn take(&mut self, _layer: usize, _site: Site, _activation: &Tensor) -> Result<()> {
        Ok(())
    }
}

/// The activation, or what a tap put in its place.
fn tap(tap: &mut dyn Tap, layer: usize, site: Site, activation: Tensor) -> Result<Tensor> {
    let other = if tap.wants(layer, site) { tap.replace(layer, site, &activation)? } else { None };
    Ok(other.unwrap_or(activation))
}

impl Model {
    /// Hidden states `[B, T, hidden]` after the last norm.
    ///
    /// With `caches` (one a row) the rows go on where their caches end, and the caches grow by T. Without them positions start at 0.
    /// Shorter rows of a batch are padded on the right: causal attention keeps the padding from what comes before it.
    /// A soft prompt stands before the rows where they begin, on the first positions; what comes out is of the tokens only. Rows of a
    /// batch with a soft prompt begin together.
    ///
    /// # Errors
    /// `ContextFull` past the positions the model has.
    pub fn forward(&self, input: Input, mut caches: Option<&mut [Cache]>, pass: &Pass, taps: &mut dyn Tap) -> Result<Tensor> {
        let (mut x, way) = self.enter(input, caches.as_deref_mut(), pass)?;
        for i in 0..self.layers.len() {
            x = self.layer(i, x, &way, caches.as_deref_mut(), pass, taps)?;
        }
        for cache in caches.into_iter().flatten() {
            cache.advance(way.advance);
        }
        self.leave(tap(taps, self.layers.len(), Site::Residual, x)?, &way)
    }

    /// The beginning of [`Model::forward`]: what goes into the first layer, `[B, T, hidden]`, virtual tokens included.
    ///
    /// # Errors
    /// `ContextFull`.
    pub fn enter(&self, input: Input, mut caches: Option<&mut [Cache]>, pass: &Pass) -> Result<(Tensor, Way)> {
        let mut x = match input {
            Input::Ids(ids) => self.embed.embed(ids)?, // (B, T, C)
            Input::Embeds(embeds) => embeds.clone(),
        };
        let (batch, tokens, _) = x.dims3()?;
        let begins = caches.as_ref().is_none_or(|caches| caches.iter().all(|cache| cache.held() == 0));
        let soft = pass.prompt().filter(|_| begins).map(|encoder| ops::aside(|| encoder.soft(pass.dropout))).transpose()?;
        if let Some(soft) = &soft {
            x = soft.before(&x)?; // (B, n + T, C)
            caches.iter_mut().flat_map(|caches| caches.iter_mut()).try_for_each(|cache| cache.stand_behind(soft))?;
        }
        let length = x.dim(1)?;
        let prefix = soft.filter(|soft| soft.place != Place::Input);
        let before = prefix.as_ref().map_or(Ok(0), Soft::virtual_tokens)?;
        let starts: Vec<usize> = match &caches {
            Some(caches) => caches.iter().map(|cache| cache.held() + before).collect(),
            None => vec![before; batch],
        };
        let positions: Vec<Vec<usize>> = match pass.documents {
            Some(documents) => vec![documents.iter().flat_map(|length| 0..*length).collect()],
            None => starts.iter().map(|start| (*start..start + length).collect()).collect(),
        };
        let end = positions.iter().flatten().max().map_or(0, |last| last + 1);
        if end > self.spec.context {
            return Err(Error::ContextFull { tokens: end, context: self.spec.context });
        }
        if let (Position::Learned, Some(table)) = (&self.spec.position, &self.positions) {
            let ids: Vec<u32> = positions.iter().flatten().map(|p| *p as u32).collect();
            let ids = Tensor::from_vec(ids, (batch, length), x.device())?;
            x = ops::add(&x, &ops::embedding(table, &ids)?)?;
        }
        let angles = self.rope.as_ref().map(|rope| rope.angles(&positions, x.device())).transpose()?;
        Ok((x, Way { angles, prefix, advance: before + length, tokens }))
    }

    /// Layer `i` of [`Model::forward`]: `x: [B, T, hidden]`, same shape out.
    ///
    /// # Errors
    /// `NoLayer`; shapes that do not fit.
    pub fn layer(&self, i: usize, x: Tensor, way: &Way, caches: Option<&mut [Cache]>, pass: &Pass, taps: &mut dyn Tap) -> Result<Tensor> {
        let layer = self.layers.get(i).ok_or(Error::NoLayer { layer: i, layers: self.layers.len() })?;
        let x = tap(taps, i, Site::Residual, x)?;
        let attended = self.attend(i, layer, &layer.norm1.forward(&x)?, way.angles.as_ref(), caches, (pass, way.prefix.as_ref()), taps)?;
        let attended = tap(taps, i, Site::Attended, attended)?;
        let before = if self.spec.parallel { x } else { ops::add(&x, &attended)? };
        let added = tap(taps, i, Site::Mlp, self.mlp(layer, &layer.norm2.forward(&before)?, pass)?)?;
        let before = if self.spec.parallel { ops::add(&before, &attended)? } else { before };
        ops::add(&before, &added)
    }

    /// The end of [`Model::forward`]: hidden states of the tokens, of what the last layer gave.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn leave(&self, x: Tensor, way: &Way) -> Result<Tensor> {
        let length = x.dim(1)?;
        self.norm.forward(&if length == way.tokens { x } else { x.narrow(1, length - way.tokens, way.tokens)?.contiguous()? })
    }

    /// `hidden: [.., hidden] -> logits [.., vocabulary]`: only for the rows that are needed.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        match &self.head {
            Some(head) => head.weight.apply(hidden, None),
            None => self.embed.apply(hidden, None),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn attend(
        &self,
        i: usize,
        layer: &Layer,
        x: &Tensor,
        angles: Option<&Angles>,
        caches: Option<&mut [Cache]>,
        (pass, prefix): (&Pass, Option<&Soft>),
        taps: &mut dyn Tap,
    ) -> Result<Tensor> {
        let (batch, length, _) = x.dims3()?;
        let attention = &layer.attention;
        let [mut q, mut k, mut v] = self.project(attention, x, pass)?;
        if let (Some(q_norm), Some(k_norm)) = (&attention.q_norm, &attention.k_norm) {
            // Head by head, whichever way they lie.
            let by_token = |norm: &Norm, x: &Tensor| ops::transpose(&norm.forward(&ops::transpose(x, 1, 2)?)?, 1, 2).map_err(Error::from);
            (q, k) = (by_token(q_norm, &q)?, by_token(k_norm, &k)?);
        }
        if let Some(angles) = angles {
            (q, k) = (Rope::rotate(&q, angles)?, Rope::rotate(&k, angles)?);
        }
        if let Some(prefix) = prefix {
            (k, v) = prefix.before_layer(i, &k, &v)?; // (B, H_kv, n + T, D)
        }
        let sight = Sight { scale: 1.0 / (self.spec.head_dim as f64).sqrt(), window: self.spec.window, documents: pass.documents };
        let mut mixed = Vec::with_capacity(batch);
        match caches {
            None => mixed.push(attention_of(i, [&q, &k, &v], sight, taps)?),
            Some(caches) => {
                for (b, cache) in caches.iter_mut().enumerate() {
                    let (keys, values) = cache.append(i, &k.i(b..b + 1)?, &v.i(b..b + 1)?)?;
                    mixed.push(attention_of(i, [&q.i(b..b + 1)?, &keys, &values], sight, taps)?);
                }
            }
        }
        let mixed = if mixed.len() == 1 { mixed.remove(0) } else { Tensor::cat(&mixed, 0)? }; // (B, H, T, D)
        let joined = ops::reshape(&ops::transpose(&mixed, 1, 2)?, (batch, length, self.spec.q_width()))?;
        attention.out.forward(&joined, pass)
    }

    /// `x: [B, T, hidden]` -> q `[B, H, T, D]`, k and v `[B, H_kv, T, D]`.
    fn project(&self, attention: &Attention, x: &Tensor, pass: &Pass) -> Result<[Tensor; 3]> {
        let (batch, length, _) = x.dims3()?;
        let heads = |t: Tensor, n: usize| Ok::<_, Error>(ops::transpose(&ops::reshape(&t, (batch, length, n, self.spec.head_dim))?, 1, 2)?);
        let (h, h_kv) = (self.spec.heads, self.spec.kv_heads);
        match &attention.projection {
            Projection::Split { q, k, v } => {
                Ok([heads(q.forward(x, pass)?, h)?, heads(k.forward(x, pass)?, h_kv)?, heads(v.forward(x, pass)?, h_kv)?])
            }
            Projection::Fused(qkv) => {
                let qkv = qkv.forward(x, pass)?;
                if self.spec.qkv_by_head {
                    let d = self.spec.head_dim;
                    let [q, k, v] = ops::split(&ops::reshape(&qkv, (batch, length, h, 3 * d))?, [d; 3])?; // (B, T, H, D)
                    return Ok([ops::transpose(&q, 1, 2)?, ops::transpose(&k, 1, 2)?, ops::transpose(&v, 1, 2)?]);
                }
                let (q, kv) = (self.spec.q_width(), self.spec.kv_width());
                let [q, k, v] = ops::split(&qkv, [q, kv, kv])?;
                Ok([heads(q, h)?, heads(k, h_kv)?, heads(v, h_kv)?])
            }
        }
    }

    fn mlp(&self, layer: &Layer, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let up = layer.up.forward(x, pass)?;
        let inner = match (self.spec.mlp, &layer.gate) {
            (Mlp::Gated, Some(gate)) => ops::swiglu(&gate.forward(x, pass)?, &up)?,
            (Mlp::Plain(Activation::Gelu), _) => ops::gelu_erf(&up)?,
            _ => ops::gelu_new(&up)?,
        };
        layer.down.forward(&inner, pass)
    }
}

/// q, k, v after rope and cache -> `[B, H, T, D]`; a tapped layer computes its probabilities plainly, and mixes the values by others plainly.
fn attention_of(i: usize, [q, k, v]: [&Tensor; 3], Sight { scale, window, documents }: Sight, taps: &mut dyn Tap) -> Result<Tensor> {
    let q = tap(taps, i, Site::Query, q.clone())?;
    let k = tap(taps, i, Site::Key, k.clone())?;
    let v = tap(taps, i, Site::Value, v.clone())?;
    if taps.wants(i, Site::Probabilities)
        && let Some(others) = taps.replace(i, Site::Probabilities, &ops::attention_probabilities(&q, &k, scale, window)?)?
    {
        return Ok(ops::plain::mixed(&others, &v)?);
    }
    match documents {
        Some(documents) => ops::packed_attention(&q, &k, &v, scale, window, documents),
        None => ops::attention(&q, &k, &v, scale, window),
    }
}

/// How far queries see.
#[derive(Clone, Copy)]
struct Sight<'a> {
    scale: f64,
    window: Option<usize>,
    documents: Option<&'a [usize]>,
}
