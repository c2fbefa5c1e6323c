//! The base with an adapter added in.

use candle_core::{DType, Tensor};

use super::Adapter;
use crate::Result;
use crate::nn::{LowRank, Weight};
use crate::ops::Layout;

/// `W + B A * scale` in f32, in W's own layout; `weight` itself where `path` carries no delta.
///
/// # Errors
/// Memory.
pub fn merged(path: &str, weight: &Weight, adapter: &Adapter) -> Result<Weight> {
    let Some(LowRank { a, b, scale, .. }) = adapter.deltas().layers.get(path) else { return Ok(weight.clone()) };
    let delta = (b.detach().matmul(&a.detach())? * *scale)?; // (out, in)
    let device = a.device();
    Ok(match weight.converted(DType::F32, device)? {
        Weight::Dense { tensor, layout: Layout::OutIn } => dense((tensor + delta)?, Layout::OutIn),
        Weight::Dense { tensor, layout: Layout::InOut } => dense((tensor + delta.t()?)?, Layout::InOut),
        packed @ Weight::Packed(_) => packed,
    })
}

fn dense(tensor: Tensor, layout: Layout) -> Weight {
    Weight::Dense { tensor, layout }
}
