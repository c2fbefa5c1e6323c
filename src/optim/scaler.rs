//! The scale of the loss in f16, as torch's `GradScaler`: gradients too small for a half become large enough, and too large ones show.

use candle_core::DType;

use super::Gradients;
use super::clip::scaled;

/// Where it begins.
const FIRST: f64 = 65536.0;
/// Steps without overflow after which it doubles.
const INTERVAL: usize = 2000;

#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scaler {
    /// A power of two, so it costs no digits.
    scale: f64,
    /// Steps since it last changed.
    good: usize,
    interval: usize,
}

impl Default for Scaler {
    fn default() -> Self {
        Self::with_interval(INTERVAL)
    }
}

impl Scaler {
    pub fn with_interval(interval: usize) -> Self {
        Self { scale: FIRST, good: 0, interval }
    }

    /// The one that computing in `half` needs: bf16 has the range of f32.
    pub fn of(half: Option<DType>) -> Option<Self> {
        (half == Some(DType::F16)).then(Self::default)
    }

    /// What the loss is multiplied by.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Steps without overflow since the scale last changed.
    pub fn good(&self) -> usize {
        self.good
    }

    /// After a step: an overflow halves the scale, enough steps without one double it.
    pub fn update(&mut self, overflow: bool) {
        if overflow {
            (self.scale, self.good) = (self.scale / 2.0, 0);
            return;
        }
        self.good += 1;
        if self.good == self.interval {
            (self.scale, self.good) = ((self.scale * 2.0).min(f64::from(f32::MAX)), 0);
        }
    }

    /// The gradients as they are without the scale.
    ///
    /// # Errors
    /// Only what candle reports.
    pub fn unscale(&self, gradients: &mut Gradients) -> crate::Result<()> {
        for gradient in gradients.0.iter_mut().flatten() {
            *gradient = scaled(gradient, 1.0 / self.scale)?;
        }
        Ok(())
    }
}
