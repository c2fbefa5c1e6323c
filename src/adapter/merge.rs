//! The base with an adapter added in.

use candle_core::{DType, Tensor};

use super::Adapter;
use super::targets::targets;
use crate::Result;
use crate::model::Model;
use crate::nn::{LowRank, Weight};
use crate::ops::Layout;

/// The model that takes what the adapter adds: where it changes one end of a model whose head is the embedding table, the head is one of its own,
/// so that the other end stays what it was. (PEFT adds to the shared numbers, and changes both.)
pub fn receiver(model: &Model, adapter: &Adapter) -> Model {
    let mut model = model.clone();
    if targets(&model).any(|target| target.is_end() && adapter.changes(target.path)) {
        model.untie();
    }
    model
}

impl Adapter {
    /// Whether it changes the weights of the layer at `path`.
    pub fn changes(&self, path: &str) -> bool {
        let deltas = self.deltas();
        deltas.layers.contains_key(path) || deltas.whole.contains_key(path)
    }

    /// Whether it changes weights at all: virtual tokens do not.
    pub fn changes_weights(&self) -> bool {
        !self.deltas().layers.is_empty() || !self.deltas().whole.is_empty()
    }
}

/// `W + B A * scale` in f32, in W's own layout, each output at DoRA's magnitude where it has one; the adapter's own table where it has a whole one;
/// `weight` itself where `path` carries neither.
///
/// # Errors
/// Memory.
pub fn merged(path: &str, weight: &Weight, adapter: &Adapter) -> Result<Weight> {
    if let Some(whole) = adapter.deltas().whole.get(path) {
        return Ok(Weight::Dense { tensor: finite(whole.detach(), path)?, layout: Layout::OutIn });
    }
    let Some(low) = adapter.deltas().layers.get(path) else { return Ok(weight.clone()) };
    let LowRank { a, b, scale, dora, table, .. } = low;
    let delta = (b.detach().matmul(&a.detach())? * *scale)?; // (out, in)
    let gain = match dora {
        Some(magnitude) => Some((magnitude.m.detach() / low.norms(weight)?)?), // (out)
        None => None,
    };
    let Weight::Dense { tensor, layout: stored } = weight.converted(DType::F32, a.device())? else { return Ok(weight.clone()) };
    // A table lies `[in, out]` for a layer from the vocabulary.
    let layout = if *table { Layout::InOut } else { stored };
    let sum = match layout {
        Layout::OutIn => (tensor + delta)?,
        Layout::InOut => (tensor + delta.t()?)?,
    };
    let tensor = match (gain, layout) {
        (None, _) => sum,
        (Some(gain), Layout::OutIn) => sum.broadcast_mul(&gain.unsqueeze(1)?)?,
        (Some(gain), Layout::InOut) => sum.broadcast_mul(&gain)?,
    };
    Ok(Weight::Dense { tensor: finite(tensor, path)?, layout: stored })
}

/// As PEFT's `safe_merge`: a broken adapter must not break the base.
fn finite(tensor: Tensor, path: &str) -> Result<Tensor> {
    let sum: f32 = tensor.abs()?.sum_all()?.to_scalar()?;
    if sum.is_finite() { Ok(tensor) } else { Err(crate::Error::NotFinite { what: format!("`{path}` with the adapter"), step: 0 }) }
}
