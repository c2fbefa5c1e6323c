//! The layers a decoder is made of. One [`Linear`] for every kind of weight, with an optional low-rank delta.

mod cache;
mod delta;
mod dora;
mod encoder;
mod linear;
mod norm;
mod rope;
mod soft;

pub use cache::Cache;
pub use delta::{Deltas, LowRank, Pass};
pub use dora::{Magnitude, row_norms, table_norms};
pub use encoder::{Encoder, Net, Part, TABLE, Widths};
pub use linear::{Linear, Weight};
pub use norm::Norm;
pub use rope::{Rope, RopeScaling};
pub use soft::{Place, Soft};
