//! Adapters: what is trained beside a frozen base.

mod file;
mod lora;
mod merge;

use candle_core::Var;

pub use file::write_tensors;
pub use lora::{Lora, module_names};
pub use merge::merged;

use crate::nn::Deltas;

/// An attached adapter: how it was made, and what it trains.
#[derive(Debug)]
pub struct Adapter {
    pub method: Method,
    /// Name of the model it was made for.
    pub base: String,
    deltas: Deltas,
    vars: Vec<(String, Var)>,
}

/// How an adapter is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    Lora(Lora),
}

impl Adapter {
    pub fn deltas(&self) -> &Deltas {
        &self.deltas
    }

    /// What is trained, by name: `PATH.lora_A.weight`, `PATH.lora_B.weight`.
    pub fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// Trainable numbers.
    pub fn parameters(&self) -> usize {
        self.vars.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// A few words for a person: `lora r=16 c_attn`.
    pub fn title(&self) -> String {
        match &self.method {
            Method::Lora(lora) => lora.title(),
        }
    }

    /// The title and all else that a run depends on: a checkpoint goes on with the same only.
    pub fn identity(&self) -> String {
        match &self.method {
            Method::Lora(lora) => lora.identity(),
        }
    }
}
