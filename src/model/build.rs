//! Puts a decoder together from named tensors; also a fresh one from a seed.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde_json::Value;

use super::config::Config;
use super::families::{self, Family};
use super::names::{Names, at};
use super::source::{Raw, Seed, Source, Start};
use super::spec::{Mlp, NormKind, Position, Spec};
use super::{Attention, Layer, Model, Projection};
use crate::nn::{Linear, Norm, Rope, Weight};
use crate::ops::Layout;
use crate::random::Random;
use crate::{Error, Result};

/// How the weights of a fresh model are drawn: matrices normal with mean 0, norms 1, biases 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Draw {
    /// Standard deviation of the matrices.
    pub std: f64,
    /// The same of those that write into the residual stream.
    pub residual: f64,
    /// Row of the embedding that starts as zeros.
    pub zero: Option<usize>,
}

impl Draw {
    /// As transformers draws a family's (`PreTrainedModel._init_weights` and `GPT2PreTrainedModel._init_weights`, 5.23): `initializer_range`, 0.02 without
    /// it or where it is 0. `scaled` takes GPT-2's rule for the residual stream on any family.
    ///
    /// # Errors
    /// `BadConfig`
    fn of(config: &Config, family: &Family, spec: &Spec, scaled: bool) -> Result<Self> {
        let range = if config.json["initializer_range"] == 0.0 { STD } else { config.positive_or("initializer_range", STD)? };
        let residual = if scaled || family.residual_scaled { range / (2.0 * spec.layers as f64).sqrt() } else { range };
        let padding = config.json["pad_token_id"].as_u64().filter(|_| family.zero_padding);
        Ok(Self { std: range, residual, zero: padding.map(|id| id as usize) })
    }
}

/// A model with fresh weights, drawn as transformers draws its family's.
///
/// # Errors
/// `BadConfig`, `UnknownFamily`.
pub fn random(name: &str, config: Value, random: &Random, device: &Device) -> Result<Model> {
    drawn(name, config, false, random, device)
}

/// The same; with `scaled`, GPT-2's rule for what writes into the residual stream, on any family.
///
/// # Errors
/// As [`random`].
pub fn drawn(name: &str, config: Value, scaled: bool, random: &Random, device: &Device) -> Result<Model> {
    let origin = Path::new("config");
    let reader = Config { path: origin, json: &config };
    let family = families::find(reader.text_or("model_type", ""))?;
    let spec = family.spec(&reader)?;
    let source = Seed(random.fork("weights"));
    Builder {
        source: &source,
        origin,
        family,
        stored: &family.names,
        layout: family.layout,
        spec: &spec,
        draw: Draw::of(&reader, family, &spec, scaled)?,
        dtype: None,
        narrow: false,
        device,
    }
    .build(name, config)
}

pub struct Builder<'a> {
    pub source: &'a dyn Source,
    /// The file that errors name.
    pub origin: &'a Path,
    pub family: &'static Family,
    /// Names in the file; paths in the model are always the hub's.
    pub stored: &'a Names,
    /// How the file stores the matrices inside blocks.
    pub layout: Layout,
    pub spec: &'a Spec,
    /// For a seed; a file has its weights.
    pub draw: Draw,
    pub dtype: Option<DType>,
    /// Matrices without a wanted dtype keep the half floats of the file.
    pub narrow: bool,
    pub device: &'a Device,
}

/// A module's name in the model and in the file.
type Place = fn(&Names) -> &'static str;

/// The library's standard, by the comment in `PreTrainedModel._init_weights`.
const STD: f64 = 0.02;

impl Builder<'_> {
    /// # Errors
    /// A missing tensor, a shape that contradicts the config.
    pub fn build(&self, name: &str, config: Value) -> Result<Model> {
        let spec = self.spec;
        let hidden = spec.hidden;
        let start = Start::Normal { std: self.draw.std };
        let table = |place: Place, rows: usize, start: Start| self.matrix(place, 0, (hidden, rows), Layout::OutIn, start);
        let positions = match spec.position {
            Position::Learned => match table(|n| n.positions, spec.context, start)?.converted(DType::F32, self.device)? {
                Weight::Dense { tensor, .. } => Some(tensor),
                Weight::Packed(_) => None,
            },
            Position::Rope { .. } => None,
        };
        let rope = match &spec.position {
            Position::Rope { theta, dims, scaling } => Some(Rope::new(*theta, *dims, scaling.as_ref())),
            Position::Learned => None,
        };
        let head = match spec.tied {
            true => None,
            false => {
                Some(Linear { path: self.family.names.head.to_owned(), weight: table(|n| n.head, spec.vocabulary, start)?, bias: None })
            }
        };
        Ok(Model {
            name: name.to_owned(),
            family: self.family,
            spec: spec.clone(),
            config,
            device: self.device.clone(),
            embed: table(|n| n.embed, spec.vocabulary, Start::Table { std: self.draw.std, zero: self.draw.zero })?,
            positions,
            rope,
            layers: (0..spec.layers).map(|i| self.layer(i)).collect::<Result<_>>()?,
            norm: self.norm(|n| n.norm, 0, hidden)?,
            head,
        })
    }

    fn layer(&self, i: usize) -> Result<Layer> {
        let spec = self.spec;
        let (hidden, inner) = (spec.hidden, spec.inner);
        let Draw { std, residual, .. } = self.draw;
        let gate = match spec.mlp {
            Mlp::Gated => Some(self.linear(|n| n.gate, i, (hidden, inner), spec.mlp_bias, std)?),
            Mlp::Plain(_) => None,
        };
        Ok(Layer {
            norm1: self.norm(|n| n.norm1, i, hidden)?,
            attention: self.attention(i)?,
            norm2: self.norm(|n| n.norm2, i, hidden)?,
            gate,
            up: self.linear(|n| n.up, i, (hidden, inner), spec.mlp_bias, std)?,
            down: self.linear(|n| n.down, i, (inner, hidden), spec.mlp_bias, residual)?,
        })
    }

    fn attention(&self, i: usize) -> Result<Attention> {
        let spec = self.spec;
        let (hidden, q, kv) = (spec.hidden, spec.q_width(), spec.kv_width());
        let Draw { std, residual, .. } = self.draw;
        let projection = if self.family.names.qkv.is_empty() {
            Projection::Split {
                q: self.linear(|n| n.q, i, (hidden, q), spec.qkv_bias, std)?,
                k: self.linear(|n| n.k, i, (hidden, kv), spec.qkv_bias, std)?,
                v: self.linear(|n| n.v, i, (hidden, kv), spec.qkv_bias, std)?,
            }
        } else {
            Projection::Fused(self.linear(|n| n.qkv, i, (hidden, q + 2 * kv), spec.qkv_bias, std)?)
        };
        let head_norm = |place: Place| if spec.qk_norm { self.norm(place, i, spec.head_dim).map(Some) } else { Ok(None) };
        let out = self.linear(|n| n.out, i, (q, hidden), spec.out_bias, residual)?;
        Ok(Attention { projection, q_norm: head_norm(|n| n.q_norm)?, k_norm: head_norm(|n| n.k_norm)?, out })
    }

    fn linear(&self, place: Place, i: usize, dims: (usize, usize), bias: bool, std: f64) -> Result<Linear> {
        let path = at(place(&self.family.names), i);
        let weight = self.matrix(place, i, dims, self.layout, Start::Normal { std })?;
        let bias = if bias { Some(self.vector(place, i, "bias", dims.1, 0.0)?) } else { None };
        Ok(Linear { path, weight, bias })
    }

    fn norm(&self, place: Place, i: usize, width: usize) -> Result<Norm> {
        let bias = match self.spec.norm {
            NormKind::Layer => Some(self.vector(place, i, "bias", width, 0.0)?),
            NormKind::Rms => None,
        };
        let weight = self.vector(place, i, "weight", width, 1.0)?;
        Ok(Norm { path: at(place(&self.family.names), i), weight, bias, eps: self.spec.eps })
    }

    /// A matrix of `(in, out)`, in `layout`, converted to the wanted dtype.
    fn matrix(&self, place: Place, i: usize, (inn, out): (usize, usize), layout: Layout, start: Start) -> Result<Weight> {
        let name = format!("{}.weight", at(place(self.stored), i));
        let shape = match layout {
            Layout::OutIn => [out, inn],
            Layout::InOut => [inn, out],
        };
        match self.take(&name, &shape, start)? {
            Raw::Dense(tensor) => {
                let kept = if self.narrow { tensor.dtype() } else { DType::F32 };
                let tensor = tensor.to_dtype(self.dtype.unwrap_or(kept))?.to_device(self.device)?;
                Ok(Weight::Dense { tensor, layout })
            }
            Raw::Packed(packed) => match self.dtype {
                None => Ok(packed.into()),
                Some(dtype) => Ok(Weight::Dense { tensor: packed.dequantize(self.device)?.to_dtype(dtype)?, layout: Layout::OutIn }),
            },
        }
    }

    fn vector(&self, place: Place, i: usize, kind: &str, width: usize, start: f64) -> Result<Tensor> {
        let name = format!("{}.{kind}", at(place(self.stored), i));
        let tensor = match self.take(&name, &[width], Start::Constant(start))? {
            Raw::Dense(tensor) => tensor,
            Raw::Packed(packed) => packed.dequantize(&Device::Cpu)?,
        };
        Ok(tensor.to_dtype(DType::F32)?.to_device(self.device)?)
    }

    fn take(&self, name: &str, shape: &[usize], start: Start) -> Result<Raw> {
        let missing = || Error::MissingTensor { path: self.origin.display().to_string(), tensor: name.to_owned() };
        let raw = self.source.take(name, shape, start)?.ok_or_else(missing)?;
        // What is packed is `[out, in]` whatever the family's layout.
        let (given, turned) = match &raw {
            Raw::Dense(tensor) => (tensor.dims().to_vec(), false),
            Raw::Packed(packed) => (packed.shape(), self.layout == Layout::InOut),
        };
        if given != shape && !(turned && given.iter().rev().eq(shape)) {
            return Err(Error::WrongShape { tensor: name.to_owned(), given: format!("{given:?}"), expected: format!("{shape:?}") });
        }
        Ok(raw)
    }
}
