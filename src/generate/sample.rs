//! One token from processed logits: the likeliest, or a draw.

use super::processors::distribution;
use crate::random::Random;
use crate::{Error, Result};

/// How tokens are chosen; owns its generator, so the same seed draws the same tokens.
#[derive(Clone, Debug)]
pub enum Sampler {
    Greedy,
    Draw(Random),
}

impl Sampler {
    /// `logits`: [vocabulary]; `step`: new tokens so far, named in the error.
    ///
    /// # Errors
    /// `NotFinite` if a logit is NaN or plus infinity, or all are cut.
    pub fn pick(&mut self, logits: &[f32], step: usize) -> Result<u32> {
        let broken = || Error::NotFinite { what: "logits".to_owned(), step };
        if logits.iter().any(|logit| logit.is_nan() || *logit == f32::INFINITY) {
            return Err(broken());
        }
        match self {
            Self::Greedy => argmax(logits),
            Self::Draw(random) => draw(logits, random),
        }
        .ok_or_else(broken)
    }
}

/// The likeliest token, the lowest id of equals; `None` if there is nothing above minus infinity.
pub fn argmax(logits: &[f32]) -> Option<u32> {
    let mut best: Option<(usize, f32)> = None;
    for (id, &logit) in logits.iter().enumerate() {
        if logit > best.map_or(f32::NEG_INFINITY, |(_, top)| top) {
            best = Some((id, logit));
        }
    }
    best.map(|(id, _)| id as u32)
}

/// A draw by the softmax of the logits; sums in f64, in order of the ids.
pub fn draw(logits: &[f32], random: &mut Random) -> Option<u32> {
    let probabilities = distribution(logits);
    let total: f64 = probabilities.iter().map(|&p| f64::from(p)).sum();
    let target = random.uniform() * total;
    let mut sum = 0.0;
    let mut last = None;
    for (id, &probability) in probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        sum += f64::from(probability);
        last = Some(id as u32);
        if sum > target {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_of_equals() {
        assert_eq!(argmax(&[f32::NEG_INFINITY, 1.0, 3.0, 3.0]), Some(2));
        assert_eq!(argmax(&[f32::NEG_INFINITY; 2]), None);
        assert!(matches!(Sampler::Greedy.pick(&[0.0, f32::NAN], 4), Err(Error::NotFinite { step: 4, .. })));
        assert!(Sampler::Draw(Random::seeded(1)).pick(&[f32::NEG_INFINITY; 3], 0).is_err());
    }

    #[test]
    fn draws_follow_the_distribution() {
        let logits = [0.1_f32.ln(), f32::NEG_INFINITY, 0.6_f32.ln(), 0.3_f32.ln()];
        let mut random = Random::seeded(5);
        let mut counts = [0.0_f64; 4];
        for _ in 0..20_000 {
            counts[draw(&logits, &mut random).unwrap() as usize] += 1.0 / 20_000.0;
        }
        // Three standard deviations of the share of 20,000 draws are below 0.011.
        for (count, expected) in counts.iter().zip([0.1, 0.0, 0.6, 0.3]) {
            assert!((count - expected).abs() < 0.011, "{counts:?}");
        }
        let twice = |seed| (0..50).map(|_| 0).scan(Random::seeded(seed), |r, _| draw(&logits, r)).collect::<Vec<_>>();
        assert_eq!(twice(9), twice(9));
        assert_ne!(twice(9), twice(10));
    }
}
