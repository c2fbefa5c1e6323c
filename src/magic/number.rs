//! Checked numbers for options: the message says what is allowed, clap adds the option's name and what was given.

fn parse(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "a number is needed".to_owned())?;
    if number.is_finite() { Ok(number) } else { Err("a finite number is needed".to_owned()) }
}

pub fn positive(text: &str) -> Result<f64, String> {
    parse(text).ok().filter(|n| *n > 0.0).ok_or_else(|| "a finite number above 0 is needed".to_owned())
}

pub fn not_negative(text: &str) -> Result<f64, String> {
    parse(text).ok().filter(|n| *n >= 0.0).ok_or_else(|| "a finite number of at least 0 is needed".to_owned())
}

/// `[0, 1)`: a dropout, a share held out.
pub fn fraction(text: &str) -> Result<f64, String> {
    parse(text).ok().filter(|n| (0.0..1.0).contains(n)).ok_or_else(|| "a number of at least 0 and below 1 is needed".to_owned())
}

/// `(0, 1]`: a probability mass.
pub fn mass(text: &str) -> Result<f64, String> {
    parse(text).ok().filter(|n| *n > 0.0 && *n <= 1.0).ok_or_else(|| "a number above 0 and at most 1 is needed".to_owned())
}

/// A whole number of at least 1.
pub fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n >= 1).ok_or_else(|| "a whole number of at least 1 is needed".to_owned())
}
