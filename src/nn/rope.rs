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

    /// The scaling that divides the frequencies of [`Rope::new`] by `factors`, as `rope_freqs.weight` of a GGUF file has them.
    ///
    /// Between the bands `1/divisor` is a line over `1/wavelength`, so two frequencies give the band's edges; only the ratios of the
    /// three numbers matter, and `low_freq_factor` is 1 in what comes out. `None` when no such scaling gives these factors.
    pub fn of_factors(theta: f64, dims: usize, factors: &[f32]) -> Option<Self> {
        let factor = f64::from(factors.iter().copied().reduce(f32::max)?);
        let inverse = |i: usize| theta.powf(-2.0 * i as f64 / dims as f64) / std::f64::consts::TAU; // 1 / wavelength
        let smooth = |divisor: f32| (1.0 / f64::from(divisor) - 1.0 / factor) / (1.0 - 1.0 / factor);
        let blended = |divisor: f32| (1e-4..1.0 - 1e-4).contains(&smooth(divisor));
        let points: Vec<(f64, f64)> =
            factors.iter().enumerate().filter(|(_, d)| blended(**d)).map(|(i, d)| (inverse(i), smooth(*d))).collect();
        let of = |high: f64, context: f64| Self { factor, low_freq_factor: 1.0, high_freq_factor: high, original_context: context };
        // Llama 3's own numbers first: few frequencies between the bands do not fix them all.
        let mut candidates = vec![of(4.0, 8192.0)];
        if let ([(x, s), .., (y, t)], true) = (points.as_slice(), factor > 1.0) {
            let slope = (s - t) / (x - y);
            let high = 1.0 + 1.0 / (slope * x - s);
            let context = slope * (high - 1.0);
            candidates.extend([of((high * 1e3).round() / 1e3, context.round()), of(high, context)]);
        } else if let [(x, s)] = points.as_slice() {
            candidates.push(of(4.0, ((3.0 * s + 1.0) / x).round()));
        }
        let gives = |scaling: &Self| {
            let rope = Rope::new(theta, dims, Some(scaling));
            let same = |(i, f): (usize, &f64)| (inverse(i) * std::f64::consts::TAU / f / f64::from(factors[i]) - 1.0).abs() < 1e-4;
            rope.frequencies.len() == factors.len() && rope.frequencies.iter().enumerate().all(same)
        };
        candidates.into_iter().find(gives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(theta: f64, dims: usize, scaling: &RopeScaling) -> Vec<f32> {
        let (plain, scaled) = (Rope::new(theta, dims, None), Rope::new(theta, dims, Some(scaling)));
        plain.frequencies.iter().zip(&scaled.frequencies).map(|(a, b)| (a / b) as f32).collect()
    }

    #[test]
    fn a_scaling_is_found_again_in_its_factors() {
        // Llama 3.1 8B, Llama 3.2 1B, and others of the same form.
        for (theta, dims, factor, low, high, context) in [
            (500_000.0, 128, 8.0, 1.0, 4.0, 8192.0),
            (500_000.0, 64, 32.0, 1.0, 4.0, 8192.0),
            (10_000.0, 64, 4.0, 1.0, 8.0, 2048.0),
            (100.0, 16, 4.0, 0.4, 1.25, 10.0),
        ] {
            let scaling = RopeScaling { factor, low_freq_factor: low, high_freq_factor: high, original_context: context };
            let found = RopeScaling::of_factors(theta, dims, &factors(theta, dims, &scaling)).unwrap();
            let expected = RopeScaling { factor, low_freq_factor: 1.0, high_freq_factor: high / low, original_context: context / low };
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn other_factors_are_no_scaling_of_llama_3() {
        let yarn: Vec<f32> = (0..32).map(|i| 1.0 + i as f32 * 0.1).collect();
        assert_eq!(RopeScaling::of_factors(10_000.0, 64, &yarn), None);
        let scaling = RopeScaling { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 8192.0 };
        let mut damaged = factors(500_000.0, 128, &scaling);
        assert_eq!(RopeScaling::of_factors(500_000.0, 64, &damaged), None, "of another width");
        damaged[3] = 1.01;
        assert_eq!(RopeScaling::of_factors(500_000.0, 128, &damaged), None);
        assert_eq!(RopeScaling::of_factors(10_000.0, 64, &[]), None);
    }
}
