//! Softmax of one row in place.

use super::simd::{LANES, sum, vectorised};
use super::vector::exp;

vectorised! {
    /// Turns scores into probabilities and gives back `ln sum(e^scores)`.
    pub fn softmax(scores: &mut [f32]) -> f32 {
        let mut highest = [f32::NEG_INFINITY; LANES];
        let chunks = scores.chunks_exact(LANES);
        let rest = chunks.remainder().iter().fold(f32::NEG_INFINITY, |m, x| if *x > m { *x } else { m });
        for chunk in chunks {
            for l in 0..LANES {
                highest[l] = if chunk[l] > highest[l] { chunk[l] } else { highest[l] };
            }
        }
        let highest = highest.iter().fold(rest, |m, x| if *x > m { *x } else { m });
        let mut lanes = [0.0_f32; LANES];
        let mut chunks = scores.chunks_exact_mut(LANES);
        for chunk in &mut chunks {
            for l in 0..LANES {
                let e = exp(chunk[l] - highest);
                chunk[l] = e;
                lanes[l] += e;
            }
        }
        let mut total = sum(lanes);
        for x in chunks.into_remainder() {
            *x = exp(*x - highest);
            total += *x;
        }
        let factor = 1.0 / total;
        for x in scores.iter_mut() {
            *x *= factor;
        }
        highest + total.ln()
    }
}
