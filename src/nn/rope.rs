//! Rotary position embedding (arXiv 2104.09864), half-rotated as in transformers' `rotate_half`.

use candle_core::{Device, Tensor};

use crate::{Result, ops};

/// Llama 3's rope scaling (`rope_type: "llama3"`): long wavelengths are stretched by `factor`, short ones kept, those between blended.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeScaling {
    pub factor: f64,
    pub low_freq_factor: f64,
    pub high_freq_factor: f64,
    pub original_context: f64,
}

/// The angles' frequencies: `theta^(-2i/dims)` for `i < dims/2`.
#[derive(Clone, Debug)]
pub struct Rope {
    frequencies: Vec<f64>,
}

impl Rope {
    /// `dims` of each head are rotated; the rest pass through.
    pub fn new(theta: f64, dims: usize, scaling: Option<&RopeScaling>) -> Self {
        let frequency = |i: usize| theta.powf(-2.0 * i as f64 / dims as f64);
        let frequencies = (0..dims / 2).map(frequency).map(|f| scaling.map_or(f, |s| s.scaled(f))).collect();
        Self { frequencies }
    }

    /// `(cos, sin)` for one row of positions a sequence: each `[B, T, dims / 2]`.
    ///
    /// # Errors
    /// Rows of unequal length.
    pub fn angles(&self, positions: &[Vec<usize>], device: &Device) -> Result<(Tensor, Tensor)> {
        let shape = (positions.len(), positions.first().map_or(0, Vec::len), self.frequencies.len());
        let angles = || positions.iter().flatten().flat_map(|p| self.frequencies.iter().map(move |f| *p as f64 * f));
        let cos: Vec<f32> = angles().map(|angle| angle.cos() as f32).collect();
        let sin: Vec<f32> = angles().map(|angle| angle.sin() as f32).collect();
        Ok((Tensor::from_vec(cos, shape, device)?, Tensor::from_vec(sin, shape, device)?))
    }

    /// Rotates `x: [B, H, T, D]`.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn rotate(x: &Tensor, (cos, sin): &(Tensor, Tensor)) -> Result<Tensor> {
        ops::rope(x, cos, sin)
    }
}

impl RopeScaling {
    /// transformers `modeling_rope_utils._compute_llama3_parameters`.
    fn scaled(&self, frequency: f64) -> f64 {
        let wavelength = std::f64::consts::TAU / frequency;
        let (long, short) = (self.original_context / self.low_freq_factor, self.original_context / self.high_freq_factor);
        if wavelength > long {
            frequency / self.factor
        } else if wavelength < short {
            frequency
        } else {
            let smooth = (self.original_context / wavelength - self.low_freq_factor) / (self.high_freq_factor - self.low_freq_factor);
            (1.0 - smooth) * frequency / self.factor + smooth * frequency
        }
    }
}
