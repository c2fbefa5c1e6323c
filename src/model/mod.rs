//! Decoder-only language models. A family is a row of [`families::FAMILIES`]; the decoder reads the row's [`Spec`].

pub mod bitsandbytes;
mod build;
mod config;
mod copy;
mod decoder;
mod ends;
pub mod families;
mod forecast;
mod fresh;
mod frozen;
mod gguf;
mod load;
mod names;
mod sites;
mod sizes;
mod source;
mod spec;
mod weights;

pub use bitsandbytes::Piece;
pub use build::{drawn, random};
pub use decoder::{Input, NoTap, Site, Tap, Way};
pub use forecast::{Footprint, Forecast, fits, forecast, segments, spare};
pub use fresh::{Blueprint, Given};
pub use frozen::Frozen;
pub use load::{Request, load};
pub use spec::{Activation, Mlp, NormKind, Position, Spec};
pub use weights::{Attention, Layer, Model, Projection, Slot};
