//! Lantern's engine: one session that holds a language model.
//!
//! The modules are ranked (ARCHITECTURE.md): each uses lower ranks only, and `tests/layers.rs` holds them to it.

pub mod device;
pub mod error;
pub mod random;
pub mod stop;
pub mod words;

pub mod hub;
pub mod optim;
pub mod plot;
pub mod quant;
pub mod store;
pub mod tokenizer;

pub mod data;
pub mod ops;

pub mod nn;

pub mod model;

pub mod adapter;
pub mod generate;
pub mod train;

pub mod eval;

pub mod session;

pub mod rust;

pub mod magic;

pub mod cell;

pub use error::{Error, Result};
