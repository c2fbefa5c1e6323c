//! Adapters: what is trained beside a frozen base.

mod file;
mod lora;
mod lora_file;
mod merge;
mod prompt;
mod prompt_file;
mod spectrum;
mod targets;
mod whole;

use candle_core::Var;

pub use file::write_tensors;
pub use lora::{Lora, Matrices};
pub use merge::{merged, receiver};
pub use prompt::{Kind, Prompt, Start};
pub use spectrum::{Spectrum, spectrum};
pub use targets::{Names, Pattern, Target, Targets, module_names, target_names, targets};

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
    Prompt(Prompt),
}

impl Adapter {
    pub fn deltas(&self) -> &Deltas {
        &self.deltas
    }

    /// What is trained, by name: `PATH.lora_A.weight`, `PATH.lora_B.weight`, `PATH.lora_embedding_A`, a whole `PATH.weight`, or `prompt_encoder.embedding.weight` and so on.
    pub fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// Trainable numbers.
    pub fn parameters(&self) -> usize {
        self.vars.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// The learning rate where none is asked for: PEFT's examples use these.
    pub fn rate(&self) -> f64 {
        match &self.method {
            Method::Lora(_) => 2e-4,
            Method::Prompt(prompt) => prompt.rate(),
        }
    }

    /// A few words for a person: `lora r=16 c_attn`.
    pub fn title(&self) -> String {
        match &self.method {
            Method::Lora(lora) => lora.title(),
            Method::Prompt(prompt) => prompt.title(),
        }
    }

    /// The title and all else that a run depends on: a checkpoint goes on with the same only.
    pub fn identity(&self) -> String {
        match &self.method {
            Method::Lora(lora) => lora.identity(),
            // The same recipe may train its network or, from a file, the prompts themselves.
            Method::Prompt(prompt) => format!("{}{}", prompt.identity(), if self.lost_encoder() { " bare" } else { "" }),
        }
    }
}
