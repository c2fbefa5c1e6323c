//! Clipping by the global L2 norm, as torch's `clip_grad_norm_`.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::gradients::{BLOCK, Gradients, with_values};

/// The L2 norm of all gradients together, of the norms of each.
pub fn norm(norms: &[Option<f64>]) -> f64 {
    norms.iter().flatten().map(|norm| norm * norm).sum::<f64>().sqrt()
}

/// The L2 norm of each gradient; not finite where any of its numbers is not.
///
/// # Errors
/// Only what candle reports.
pub fn norms(gradients: &Gradients) -> crate::Result<Vec<Option<f64>>> {
    let norm = |gradient: &candle_core::Tensor| with_values(gradient, |values| Ok(squares_in_blocks(values).sqrt()));
    gradients.0.iter().map(|gradient| Ok(gradient.as_ref().map(norm).transpose()?)).collect()
}

/// Block by block, whichever thread takes which.
fn squares_in_blocks(values: &[f32]) -> f64 {
    if values.len() <= BLOCK {
        return squares(values);
    }
    values.par_chunks(BLOCK).map(squares).collect::<Vec<f64>>().iter().sum()
}

/// Eight lanes in a fixed order.
fn squares(values: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let chunks = values.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().map(|x| f64::from(*x).powi(2)).sum();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(*x) * f64::from(*x);
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// Scales all gradients, whose [`norm`] is given, by `min(1, max / (norm + 1e-6))`.
///
/// # Errors
/// Only what candle reports.
pub fn clip(gradients: &mut Gradients, norm: f64, max: f64) -> crate::Result<()> {
    let factor = max / (norm + 1e-6);
    if factor < 1.0 {
        for gradient in gradients.0.iter_mut().flatten() {
            *gradient = scaled(gradient, factor)?;
        }
    }
    Ok(())
}

/// `gradient * factor`, by all threads.
pub(super) fn scaled(gradient: &Tensor, factor: f64) -> crate::Result<Tensor> {
    let factor = factor as f32;
    let values = with_values(gradient, |values| Ok(values.par_iter().with_min_len(BLOCK).map(|x| x * factor).collect::<Vec<f32>>()))?;
    Ok(Tensor::from_vec(values, gradient.shape(), &Device::Cpu)?.to_device(gradient.device())?)
}
