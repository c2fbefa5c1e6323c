//! The options of every magic that picks tokens, under the names of transformers' `generate`.

use super::number;
use crate::generate::Options;

#[derive(clap::Args, Clone, Debug, Default)]
pub struct Sampling {
    /// Divides the logits: below 1 sharper, above 1 flatter; turns sampling on
    #[arg(long, value_name = "T", value_parser = number::not_negative)]
    temperature: Option<f64>,
    /// Keep the K likeliest tokens; 0 keeps all
    #[arg(long, value_name = "K", value_parser = number::whole)]
    top_k: Option<usize>,
    /// Keep the likeliest tokens that together reach this probability
    #[arg(long, value_name = "P", value_parser = number::mass)]
    top_p: Option<f64>,
    /// Drop tokens below this share of the likeliest one's probability
    #[arg(long, value_name = "P", value_parser = number::fraction)]
    min_p: Option<f64>,
    /// Above 1 makes tokens that have been used less likely
    #[arg(long, value_name = "X", value_parser = number::positive)]
    repetition_penalty: Option<f64>,
    /// No sequence of so many tokens comes twice
    #[arg(long, value_name = "N", value_parser = number::whole)]
    no_repeat_ngram_size: Option<usize>,
    /// Draw tokens at random; without it the likeliest is taken
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    do_sample: Option<bool>,
}

impl Sampling {
    pub fn options(&self) -> Options {
        Options {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            no_repeat_ngram_size: self.no_repeat_ngram_size,
            do_sample: self.do_sample,
            ..Options::default()
        }
    }
}

/// How long to go on, and what ends it.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Length {
    /// New tokens at most
    #[arg(long, value_name = "N", value_parser = number::count)]
    max_new_tokens: Option<usize>,
    /// Prompt and new tokens together at most
    #[arg(long, value_name = "N", value_parser = number::count)]
    max_length: Option<usize>,
    /// Seed of this generation
    #[arg(long, value_name = "N", value_parser = number::seed)]
    seed: Option<u64>,
    /// Stop before this text; several by commas
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    stop: Vec<String>,
}

impl Length {
    pub fn options(&self, sampling: &Sampling) -> Options {
        Options {
            max_new_tokens: self.max_new_tokens,
            max_length: self.max_length,
            seed: self.seed,
            stop: self.stop.clone(),
            ..sampling.options()
        }
    }
}
