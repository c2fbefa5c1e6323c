//! Checked numbers for options: the message says what is allowed, clap adds the option's name and what was given.

use crate::words::Phrase;
use crate::words::ui;

fn real(text: &str, allowed: impl Fn(f64) -> bool, wording: Phrase) -> Result<f64, String> {
    text.parse().ok().filter(|n: &f64| n.is_finite() && allowed(*n)).ok_or_else(|| wording.to_string())
}

pub fn positive(text: &str) -> Result<f64, String> {
    real(text, |n| n > 0.0, ui::ABOVE_0)
}

pub fn not_negative(text: &str) -> Result<f64, String> {
    real(text, |n| n >= 0.0, ui::AT_LEAST_0)
}

/// `[0, 1)`: a dropout, a share held out.
pub fn fraction(text: &str) -> Result<f64, String> {
    real(text, |n| (0.0..1.0).contains(&n), ui::BELOW_1)
}

/// `(0, 1]`: a probability mass.
pub fn mass(text: &str) -> Result<f64, String> {
    real(text, |n| n > 0.0 && n <= 1.0, ui::UP_TO_1)
}

/// A whole number of at least 1.
pub fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n >= 1).ok_or_else(|| ui::COUNT_FROM_1.to_string())
}

/// A whole number of at least 0.
pub fn whole(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| ui::COUNT_FROM_0.to_string())
}

/// Any seed.
pub fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| ui::COUNT_FROM_0.to_string())
}
