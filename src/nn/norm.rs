//! Layer norm and RMS norm over the last dimension.

use candle_core::Tensor;

use crate::{Result, ops};

#[derive(Clone, Debug)]
pub struct Norm {
    /// Module path in the hub's naming.
    pub path: String,
    /// `[hidden]`, f32
    pub weight: Tensor,
    /// With a bias it is a layer norm, without an RMS norm (arXiv 1910.07467).
    pub bias: Option<Tensor>,
    pub eps: f64,
}

impl Norm {
    /// `x: [.., hidden]`, same shape out.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.bias {
            Some(bias) => ops::layer_norm(x, &self.weight, bias, self.eps),
            None => ops::rms_norm(x, &self.weight, self.eps),
        }
    }
}
