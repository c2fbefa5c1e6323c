//! Checked numbers for options: the message says what is allowed, clap adds the option's name and what was given.

use crate::train::Recompute;
use crate::words::ui;
use crate::words::{Phrase, memory};

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

/// Bytes with a unit: `800MB`, `1.5GB`, `2GiB`; a bare number is bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: &[(&str, f64)] =
        &[("kib", 1024.0), ("mib", 1048576.0), ("gib", 1073741824.0), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("tb", 1e12), ("b", 1.0)];
    let text = text.trim().to_ascii_lowercase();
    let unit = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
    let (number, size) = unit.unwrap_or((&text, 1.0));
    let bytes = real(number.trim(), |n| n > 0.0, memory::BYTES_WANTED)? * size;
    if bytes >= 1.0 && bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(memory::BYTES_WANTED.to_string()) }
}

/// `auto`, `off`, `layer`, or how many layers at a time; `true` and `false` are transformers' words for `layer` and `off`.
pub fn recompute(text: &str) -> Result<Recompute, String> {
    match text {
        "auto" => Ok(Recompute::Auto),
        "off" | "false" => Ok(Recompute::Off),
        "layer" | "true" => Ok(Recompute::Every(1)),
        _ => count(text).map(Recompute::Every).map_err(|_| memory::RECOMPUTE_WANTED.to_string()),
    }
}

/// Any seed.
pub fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| ui::COUNT_FROM_0.to_string())
}
