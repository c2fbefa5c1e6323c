//! Measures of a model.

pub mod memorised;
pub mod perplexity;

pub use memorised::{GRAM, Share, shares};
pub use perplexity::{Perplexity, Windows};
