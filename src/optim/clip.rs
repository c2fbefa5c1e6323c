//! Clipping by the global L2 norm, as torch's `clip_grad_norm_`.

use super::gradients::{Gradients, with_values};

/// The L2 norm of all gradients together, summed in f64 in the parameters' order.
///
/// # Errors
/// Only what candle reports.
pub fn norm(gradients: &Gradients) -> crate::Result<f64> {
    let mut total = 0.0_f64;
    for gradient in gradients.0.iter().flatten() {
        total += with_values(gradient, |values| Ok(squares(values)))?;
    }
    Ok(total.sqrt())
}

/// The L2 norm of each gradient; not finite where any of its numbers is not.
///
/// # Errors
/// Only what candle reports.
pub fn norms(gradients: &Gradients) -> crate::Result<Vec<Option<f64>>> {
    let norm = |gradient: &candle_core::Tensor| with_values(gradient, |values| Ok(squares(values).sqrt()));
    gradients.0.iter().map(|gradient| Ok(gradient.as_ref().map(norm).transpose()?)).collect()
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

/// Scales all gradients by `min(1, max / (norm + 1e-6))` and gives the norm before.
///
/// # Errors
/// Only what candle reports.
pub fn clip(gradients: &mut Gradients, max: f64) -> crate::Result<f64> {
    let norm = norm(gradients)?;
    let factor = (max / (norm + 1e-6)).min(1.0);
    if factor < 1.0 {
        for gradient in gradients.0.iter_mut().flatten() {
            *gradient = gradient.affine(factor, 0.0)?;
        }
    }
    Ok(norm)
}
