//! Logits become a token, tokens become text, and something says when to stop.

pub mod options;
pub mod processors;
pub mod sample;
pub mod stop;
pub mod stream;

pub use options::Options;
pub use processors::{Processors, distribution};
pub use sample::{Sampler, argmax};
pub use stop::{Budget, StopStrings, StoppedBy};
pub use stream::{Generation, next_logits};
