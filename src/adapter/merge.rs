//! The base with an adapter added in.

use candle_core::{DType, Tensor};

use super::Adapter;
use crate::Result;
use crate::nn::{LowRank, Weight, row_norms};
use crate::ops::Layout;

/// `W + B A * scale` in f32, in W's own layout, each row at DoRA's magnitude where it has one; `weight` itself where `path` carries no delta.
///
/// # Errors
/// Memory.
pub fn merged(path: &str, weight: &Weight, adapter: &Adapter) -> Result<Weight> {
    let Some(LowRank { a, b, scale, dora, .. }) = adapter.deltas().layers.get(path) else { return Ok(weight.clone()) };
    let delta = (b.detach().matmul(&a.detach())? * *scale)?; // (out, in)
    let gain = match dora {
        Some(magnitude) => Some((magnitude.m.detach() / row_norms(weight, a, b, *scale)?)?), // (out)
        None => None,
    };
    let Weight::Dense { tensor, layout } = weight.converted(DType::F32, a.device())? else { return Ok(weight.clone()) };
    let sum = match layout {
        Layout::OutIn => (tensor + delta)?,
        Layout::InOut => (tensor + delta.t()?)?,
    };
    let tensor = match (gain, layout) {
        (None, _) => sum,
        (Some(gain), Layout::OutIn) => sum.broadcast_mul(&gain.unsqueeze(1)?)?,
        (Some(gain), Layout::InOut) => sum.broadcast_mul(&gain)?,
    };
    Ok(Weight::Dense { tensor: finite(tensor, path)?, layout })
}

/// As PEFT's `safe_merge`: a broken adapter must not break the base.
fn finite(tensor: Tensor, path: &str) -> Result<Tensor> {
    let sum: f32 = tensor.abs()?.sum_all()?.to_scalar()?;
    if sum.is_finite() { Ok(tensor) } else { Err(crate::Error::NotFinite { what: format!("`{path}` with the adapter"), step: 0 }) }
}
