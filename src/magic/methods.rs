//! The methods that `%compare` knows by name.

use crate::adapter::{Kind, Prompt, Start};
use crate::model::Spec;
use crate::nn::Net;

/// The methods, and the learning rate of each unless one is given.
pub const METHODS: &[(&str, f64)] = &[
    ("lora", 2e-4),
    ("rslora", 2e-4),
    ("dora", 2e-4),
    ("p-tuning", 1e-3),
    ("p-tuning-lstm", 1e-3),
    ("prompt", 3e-2),
    ("prefix", 1e-2),
    ("full", 5e-5),
];

/// A method by name with the rate that it is given, or its own.
pub fn parsed(method: &str) -> Option<(&'static str, Given)> {
    let (name, given) = method.split_once(':').map_or((method, None), |(name, rate)| (name, Some(rate)));
    let name = if name == "ptune" { "p-tuning" } else { name };
    let (name, rate) = METHODS.iter().find(|(known, _)| *known == name)?;
    match given {
        Some(given) => given.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0).map(|rate| (*name, Given::Alone(rate))),
        None => Some((*name, Given::Default(*rate))),
    }
}

/// A learning rate.
#[derive(Clone, Copy)]
pub enum Given {
    /// Of this method, whatever the others have.
    Alone(f64),
    /// Where the line names none.
    Default(f64),
}

impl Given {
    pub fn value(self) -> f64 {
        match self {
            Self::Alone(rate) | Self::Default(rate) => rate,
        }
    }
}

/// The adapter of virtual tokens that a method's name means.
pub fn prompt(method: &str, tokens: usize, spec: &Spec) -> Option<Prompt> {
    let (kind, net) = match method {
        "p-tuning" => (Kind::PTuning, Net::Mlp),
        "p-tuning-lstm" => (Kind::PTuning, Net::Lstm { layers: 2, dropout: 0.0 }),
        "prompt" => (Kind::Prompt, Net::Bare),
        "prefix" => (Kind::Prefix, Net::Bare),
        _ => return None,
    };
    // Tokens are a better start than noise for vectors that are learned themselves.
    let start = if kind == Kind::Prompt { Start::Vocabulary } else { Start::Random };
    Some(Prompt { kind, tokens, net, hidden: kind.width(spec), start })
}
