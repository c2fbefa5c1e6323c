//! The layers a decoder is made of. One [`Linear`] for every kind of weight, with an optional low-rank delta.

mod cache;
mod delta;
mod linear;
mod norm;
mod rope;

pub use cache::Cache;
pub use delta::{Deltas, LowRank, Pass};
pub use linear::{Linear, Weight};
pub use norm::Norm;
pub use rope::{Rope, RopeScaling};
