//! What a person may ask of a generation, under the names and with the defaults of transformers' `generate`.

use crate::{Error, Result};

/// New tokens when neither `max_new_tokens` nor `max_length` is given.
pub const DEFAULT_NEW_TOKENS: usize = 128;
/// `top_k` when sampling and none is given: transformers' default.
pub const DEFAULT_TOP_K: usize = 50;

/// Fields left `None` take the default beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// [`DEFAULT_NEW_TOKENS`]; goes before `max_length`.
    pub max_new_tokens: Option<usize>,
    /// Prompt and new tokens together.
    pub max_length: Option<usize>,
    /// 0: eos is banned until so many new tokens stand.
    pub min_new_tokens: Option<usize>,
    /// 1. With 0 and no `do_sample` the likeliest token is taken.
    pub temperature: Option<f64>,
    /// [`DEFAULT_TOP_K`]; 0 keeps all.
    pub top_k: Option<usize>,
    /// 1
    pub top_p: Option<f64>,
    /// 0
    pub min_p: Option<f64>,
    /// 1
    pub repetition_penalty: Option<f64>,
    /// 0: n-grams may repeat.
    pub no_repeat_ngram_size: Option<usize>,
    /// See [`Options::samples`].
    pub do_sample: Option<bool>,
    /// The session's generator goes on without it.
    pub seed: Option<u64>,
    /// Generation ends before any of these texts; it is not part of the result.
    pub stop: Vec<String>,
}

impl Options {
    /// Whether tokens are drawn at random. What `do_sample` says; without it, a `temperature` (not 0), `top_k`, `top_p` or
    /// `min_p` turns sampling on, where transformers would warn and ignore them. Otherwise greedy.
    pub fn samples(&self) -> bool {
        let asked = self.temperature.is_some() || self.top_k.is_some() || self.top_p.is_some() || self.min_p.is_some();
        self.do_sample.unwrap_or(asked && self.temperature != Some(0.0))
    }

    /// # Errors
    /// `BadValue` with the range for anything not finite or out of range.
    pub fn validate(&self) -> Result<()> {
        let within = |name: &str, value: Option<f64>, allowed: &str, good: &dyn Fn(f64) -> bool| match value {
            Some(value) if !value.is_finite() || !good(value) => bad(name, value, allowed),
            _ => Ok(()),
        };
        if self.temperature == Some(0.0) && self.do_sample == Some(true) {
            return bad("temperature", 0, "temperature > 0 when do_sample=true");
        }
        within("temperature", self.temperature, "temperature >= 0", &|t| t >= 0.0)?;
        within("top_p", self.top_p, "0 < top_p <= 1", &|p| p > 0.0 && p <= 1.0)?;
        within("min_p", self.min_p, "0 <= min_p <= 1", &|p| (0.0..=1.0).contains(&p))?;
        within("repetition_penalty", self.repetition_penalty, "repetition_penalty > 0", &|p| p > 0.0)?;
        for (name, value) in [("max_new_tokens", self.max_new_tokens), ("max_length", self.max_length)] {
            if value == Some(0) {
                return bad(name, 0, &format!("{name} >= 1"));
            }
        }
        if self.stop.iter().any(String::is_empty) {
            return bad("stop", "", "a text that is not empty");
        }
        Ok(())
    }
}

fn bad(option: &str, given: impl ToString, allowed: &str) -> Result<()> {
    Err(Error::BadValue { option: option.to_owned(), given: given.to_string(), allowed: allowed.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sampling_option_turns_sampling_on() {
        let greedy = Options { repetition_penalty: Some(1.2), ..Options::default() };
        assert!(!greedy.samples());
        let warm = Options { temperature: Some(0.7), ..Options::default() };
        assert!(warm.samples());
        assert!(!Options { do_sample: Some(false), ..warm.clone() }.samples());
        assert!(!Options { temperature: Some(0.0), top_k: Some(5), ..warm }.samples());
        assert!(Options { top_k: Some(0), ..greedy }.samples());
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let none = Options::default;
        assert_eq!(none().validate(), Ok(()));
        assert_eq!(Options { top_p: Some(1.0), min_p: Some(0.0), temperature: Some(0.0), top_k: Some(0), ..none() }.validate(), Ok(()));
        for (name, options) in [
            ("temperature", Options { temperature: Some(f64::NAN), ..none() }),
            ("temperature", Options { temperature: Some(-1.0), ..none() }),
            ("temperature", Options { temperature: Some(0.0), do_sample: Some(true), ..none() }),
            ("top_p", Options { top_p: Some(0.0), ..none() }),
            ("top_p", Options { top_p: Some(1.1), ..none() }),
            ("min_p", Options { min_p: Some(f64::INFINITY), ..none() }),
            ("repetition_penalty", Options { repetition_penalty: Some(0.0), ..none() }),
            ("max_new_tokens", Options { max_new_tokens: Some(0), ..none() }),
            ("max_length", Options { max_length: Some(0), ..none() }),
            ("stop", Options { stop: vec![String::new()], ..none() }),
        ] {
            assert!(matches!(options.validate(), Err(Error::BadValue { option, .. }) if option == name), "{options:?}");
        }
    }
}
