//! Adapters that learn virtual tokens: P-Tuning (arXiv 2103.10385), prompt tuning (arXiv 2104.08691), prefix tuning (arXiv 2101.00190).

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};

use super::{Adapter, Method};
use crate::model::{Model, Spec};
use crate::nn::{Deltas, Encoder, Net, Part, Place, TABLE, Widths};
use crate::random::Random;
use crate::words::prompts;
use crate::{Error, Result};

/// How virtual tokens are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    pub kind: Kind,
    /// Virtual tokens, at least 1.
    pub tokens: usize,
    /// What stands between the table and the prompt while it is trained.
    pub net: Net,
    /// Width inside the network.
    pub hidden: usize,
    pub start: Start,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Embeddings out of a small network.
    PTuning,
    /// Embeddings themselves.
    Prompt,
    /// Keys and values of every layer.
    Prefix,
}

/// What the table holds before the first step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// N(0, 1), as PyTorch's embeddings begin.
    Random,
    /// Embeddings of tokens drawn from the vocabulary.
    Vocabulary,
    /// Embeddings of a text, repeated until there are enough.
    Text(String),
}

impl Kind {
    /// As `%ptune method=` and titles have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PTuning => "p-tuning",
            Self::Prompt => "prompt",
            Self::Prefix => "prefix",
        }
    }

    pub fn place(self, spec: &Spec) -> Place {
        match self {
            Self::PTuning | Self::Prompt => Place::Input,
            Self::Prefix => Place::Layers { heads: spec.kv_heads, dim: spec.head_dim },
        }
    }

    /// PEFT's `token_dim`: of an embedding, or of the keys of one layer. Also the width inside a network where none is asked for.
    pub fn width(self, spec: &Spec) -> usize {
        match self {
            Self::PTuning | Self::Prompt => spec.hidden,
            Self::Prefix => spec.kv_width(),
        }
    }

    /// Numbers of one virtual token.
    pub fn output(self, spec: &Spec) -> usize {
        match self {
            Self::PTuning | Self::Prompt => spec.hidden,
            Self::Prefix => 2 * spec.layers * spec.kv_width(),
        }
    }
}

impl Prompt {
    /// `p-tuning n=20 lstm`
    pub fn title(&self) -> String {
        let net = match self.net {
            Net::Bare => "",
            Net::Mlp => " mlp",
            Net::Lstm { .. } => " lstm",
            Net::Projection => " projection",
        };
        format!("{} n={}{net}", self.kind.name(), self.tokens)
    }

    /// Title and all that a run depends on.
    pub fn identity(&self) -> String {
        format!("{} hidden={} {:?} {:?}", self.title(), self.hidden, self.net, self.start)
    }

    /// A network moves its prompts with all of its weights; bare prompts need larger steps.
    pub fn rate(&self) -> f64 {
        match (self.net, self.kind) {
            (Net::Bare, Kind::Prefix) => 1e-2,
            (Net::Bare, _) => 3e-2,
            _ => 1e-3,
        }
    }

    fn widths(&self, spec: &Spec) -> Widths {
        Widths { tokens: self.tokens, input: self.kind.width(spec), hidden: self.hidden, output: self.kind.output(spec) }
    }

    /// There must be room for a token behind the virtual ones.
    fn check(&self, spec: &Spec) -> Result<()> {
        if self.tokens < spec.context {
            return Ok(());
        }
        let allowed = prompts::ROOM.with(&[("context", &spec.context)]);
        Err(Error::BadValue { option: "n".into(), given: self.tokens.to_string(), allowed })
    }
}

/// The token ids that a text begins with, or those drawn: the rows of the embedding that the table starts from.
fn rows(ids: &[u32], tokens: usize, model: &Model) -> Result<Tensor> {
    let ids: Vec<u32> = ids.iter().copied().cycle().take(tokens).collect();
    let ids = Tensor::new(ids, &model.device)?.unsqueeze(0)?;
    Ok(model.embed.embed(&ids)?.squeeze(0)?.detach())
}

impl Adapter {
    /// Fresh virtual tokens. `text` are the ids of a [`Start::Text`], not more than there are virtual tokens.
    ///
    /// # Errors
    /// `BadValue` for more virtual tokens than the context holds; `LongPrompt`, `EmptyText`.
    pub fn prompt(prompt: Prompt, text: &[u32], model: &Model, random: &Random) -> Result<Self> {
        prompt.check(&model.spec)?;
        let mut tensors = BTreeMap::new();
        for Part { name, shape, bound } in prompt.net.parts(prompt.widths(&model.spec)) {
            let (n, mut random) = (shape.iter().product(), random.fork(&name));
            let values = match bound {
                Some(bound) => random.uniforms(n, -bound, bound),
                None => random.normals(n, 1.0),
            };
            tensors.insert(name, Tensor::from_vec(values, shape, &model.device)?);
        }
        let start = match &prompt.start {
            Start::Random => None,
            Start::Vocabulary => {
                let mut random = random.fork("vocabulary");
                let ids: Vec<u32> = (0..prompt.tokens).map(|_| random.below(model.spec.vocabulary) as u32).collect();
                Some(rows(&ids, prompt.tokens, model)?)
            }
            Start::Text(_) if text.is_empty() => return Err(Error::EmptyText {}),
            Start::Text(_) if text.len() > prompt.tokens => return Err(Error::LongPrompt { tokens: text.len(), n: prompt.tokens }),
            Start::Text(_) => Some(rows(text, prompt.tokens, model)?),
        };
        tensors.extend(start.map(|table| (TABLE.to_owned(), table)));
        Self::of_parts(prompt, model, tensors)
    }

    /// Virtual tokens from the tensors of their encoder, by PEFT's names behind `prompt_encoder.`.
    ///
    /// # Errors
    /// `MissingTensor`, `WrongShape`, `BadValue`.
    pub fn of_parts(prompt: Prompt, model: &Model, mut tensors: BTreeMap<String, Tensor>) -> Result<Self> {
        prompt.check(&model.spec)?;
        let net = prompt.net;
        let mut parts = BTreeMap::new();
        let mut vars = Vec::new();
        for Part { name, shape, .. } in net.parts(prompt.widths(&model.spec)) {
            let missing = || Error::MissingTensor { path: "prompt_encoder".to_owned(), tensor: name.clone() };
            let tensor = tensors.remove(&name).ok_or_else(missing)?.to_dtype(DType::F32)?.to_device(&model.device)?;
            check_shape(&name, &tensor, &shape)?;
            // A single step of an LSTM begins and ends without a state: these weights multiply zeros and learn nothing.
            if prompt.tokens == 1 && name.contains("weight_hh") {
                parts.insert(name, tensor);
                continue;
            }
            let var = Var::from_tensor(&tensor.contiguous()?)?;
            parts.insert(name.clone(), var.as_tensor().clone());
            vars.push((format!("{ENCODER}{name}"), var));
        }
        let encoder = Encoder::new(parts, net, prompt.kind.place(&model.spec))?;
        let deltas = Deltas { prompt: Some(encoder), ..Deltas::default() };
        Ok(Self { method: Method::Prompt(prompt), base: model.name.clone(), deltas, vars })
    }

    /// Virtual tokens as a file has them, `[n, width]`: without the network that made them, so they are learned themselves from here on.
    ///
    /// # Errors
    /// `WrongShape`, `BadValue`.
    pub fn of_rows(prompt: Prompt, model: &Model, rows: Tensor) -> Result<Self> {
        check_shape("prompt_embeddings", &rows, &[prompt.tokens, prompt.kind.output(&model.spec)])?;
        let bare = Prompt { net: Net::Bare, ..prompt.clone() };
        let adapter = Self::of_parts(bare, model, BTreeMap::from([(TABLE.to_owned(), rows)]))?;
        Ok(Self { method: Method::Prompt(prompt), ..adapter })
    }

    /// Whether a network makes the virtual tokens, or made them once.
    pub fn has_network(&self) -> bool {
        matches!(&self.method, Method::Prompt(prompt) if prompt.net != Net::Bare)
    }

    /// Whether the network that the recipe names is gone: the adapter came from a file.
    pub fn lost_encoder(&self) -> bool {
        match (&self.method, &self.deltas.prompt) {
            (Method::Prompt(prompt), Some(encoder)) => prompt.net != encoder.net,
            _ => false,
        }
    }

    /// The prompt as PEFT's file has it, `[n, width]`, on the CPU.
    ///
    /// # Errors
    /// `Internal` for an adapter without virtual tokens.
    pub(super) fn prompt_rows(&self) -> Result<Tensor> {
        let none = || Error::Internal { doing: "saving".into(), cause: "no virtual tokens".into() };
        let encoder = self.deltas.prompt.as_ref().ok_or_else(none)?;
        Ok(encoder.detached().soft(None)?.rows.contiguous()?.to_device(&Device::Cpu)?)
    }
}

/// What PEFT puts before the names of an encoder's tensors.
const ENCODER: &str = "prompt_encoder.";

fn check_shape(name: &str, tensor: &Tensor, expected: &[usize]) -> Result<()> {
    if tensor.dims() == expected {
        return Ok(());
    }
    Err(Error::WrongShape { tensor: name.to_owned(), given: format!("{:?}", tensor.dims()), expected: format!("{expected:?}") })
}
