//! Which optimizer, and the one that a run holds.

use candle_core::Tensor;

use super::{Adafactor, AdamW, AdamWOptions, Gradients, Kept, Parameters, Sgd, SgdOptions};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    #[default]
    AdamW,
    Sgd,
    Adafactor,
}

/// What an optimizer is made with; each takes what it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    pub method: Method,
    pub adamw: AdamWOptions,
    /// Of SGD.
    pub momentum: f64,
    pub weight_decay: f64,
}

pub enum Optimizer {
    AdamW(AdamW),
    Sgd(Sgd),
    Adafactor(Adafactor),
}

/// The same call on whichever it is.
macro_rules! whichever {
    ($self:expr, $optimizer:ident => $call:expr) => {
        match $self {
            Optimizer::AdamW($optimizer) => $call,
            Optimizer::Sgd($optimizer) => $call,
            Optimizer::Adafactor($optimizer) => $call,
        }
    };
}

impl Method {
    /// By the name that a person writes; AdamW for others.
    pub fn named(name: &str) -> Self {
        match name {
            "sgd" => Self::Sgd,
            "adafactor" => Self::Adafactor,
            _ => Self::AdamW,
        }
    }

    /// Bytes that it keeps for each parameter; the row and column means of Adafactor are not worth counting.
    pub fn bytes_per_parameter(self, momentum: f64) -> u64 {
        match self {
            Self::AdamW => 8,
            Self::Sgd if momentum > 0.0 => 4,
            Self::Sgd | Self::Adafactor => 0,
        }
    }
}

impl Optimizer {
    pub fn new(parameters: Parameters, options: Options) -> Self {
        let Options { method, adamw, momentum, weight_decay } = options;
        match method {
            Method::AdamW => Self::AdamW(AdamW::new(parameters, AdamWOptions { weight_decay, ..adamw })),
            Method::Sgd => Self::Sgd(Sgd::new(parameters, SgdOptions { momentum, weight_decay })),
            Method::Adafactor => Self::Adafactor(Adafactor::new(parameters, weight_decay)),
        }
    }

    /// Steps taken.
    pub fn steps(&self) -> usize {
        whichever!(self, optimizer => optimizer.steps())
    }

    /// One step at learning rate `lr`; parameters without gradient stay as they are.
    ///
    /// # Errors
    /// A gradient of another shape.
    pub fn step(&mut self, gradients: &Gradients, lr: f64) -> crate::Result<()> {
        whichever!(self, optimizer => optimizer.step(gradients, lr))
    }

    /// What [`Optimizer::restore`] needs, under names that begin with the parameters'.
    pub fn state(&self) -> Vec<Kept<'_>> {
        whichever!(self, optimizer => optimizer.state())
    }

    /// Goes on from what [`Optimizer::state`] gave.
    ///
    /// # Errors
    /// `MissingTensor`, `WrongShape`.
    pub fn restore(&mut self, steps: usize, find: impl Fn(&str) -> Option<Tensor>) -> crate::Result<()> {
        whichever!(self, optimizer => optimizer.restore(steps, find))
    }
}
