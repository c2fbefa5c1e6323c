//! Optimizers, clipping and schedules: parameters and gradients only. All state can be saved and restored exactly.

mod adafactor;
mod adamw;
mod clip;
mod gradients;
mod method;
mod scaler;
mod schedule;
mod sgd;
#[cfg(test)]
mod tests;

pub use adafactor::Adafactor;
pub use adamw::{AdamW, AdamWOptions};
pub use clip::{clip, norm, norms};
pub use gradients::{Gradients, Kept};
pub use method::{Method, Optimizer, Options};
pub use scaler::Scaler;
pub use schedule::{Schedule, Shape};
pub use sgd::{Sgd, SgdOptions};

use candle_core::Var;

/// Parameters by name, in a fixed order.
pub type Parameters = Vec<(String, Var)>;

/// Whether weight decay applies: transformers leaves out biases and the weights of norms.
pub fn decays(name: &str) -> bool {
    let mut parts = name.rsplit('.');
    let last = parts.next().unwrap_or_default();
    let owner = parts.next().unwrap_or_default();
    let norm = owner.contains("norm") || owner.starts_with("ln_") || owner == "ln";
    // `bias_ih_l0` of an LSTM is one too.
    !last.starts_with("bias") && !norm
}
