//! Measures of a model.

pub mod perplexity;

pub use perplexity::{Perplexity, Windows};
