//! Logits become a token, tokens become text, and something says when to stop.

pub mod options;
pub mod processors;
pub mod sample;
pub mod stop;

pub use options::Options;
pub use processors::{Processors, distribution};
pub use sample::{Sampler, argmax};
pub use stop::{Budget, StopStrings, StoppedBy};
