//! Softmax of one row in place.

use super::reduce::{highest, total};
use super::simd::vectorised;
use super::vector::exp;

/// Turns scores into probabilities and gives back `ln sum(e^scores)`.
pub fn softmax(scores: &mut [f32]) -> f32 {
    let highest = highest(scores);
    exponentials(scores, highest);
    let total = total(scores);
    multiply(scores, 1.0 / total);
    highest + total.ln()
}

vectorised! {
    fn exponentials(scores: &mut [f32], highest: f32) {
        for x in scores {
            *x = exp(*x - highest);
        }
    }
}

vectorised! {
    /// `x *= factor`.
    pub fn multiply(x: &mut [f32], factor: f32) {
        for x in x {
            *x *= factor;
        }
    }
}
