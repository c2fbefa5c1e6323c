//! LoRA (arXiv 2106.09685) with PEFT's names, matching and initial values.

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};

use super::{Adapter, Method};
use crate::model::Model;
use crate::nn::{Deltas, Linear, LowRank};
use crate::random::Random;
use crate::{Error, Result};

/// How a LoRA adapter is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// Rank, at least 1.
    pub r: usize,
    /// The delta is scaled by `alpha / r`.
    pub alpha: f64,
    /// Module names (`c_attn`), path endings, or `all-linear`.
    pub targets: Vec<String>,
    /// Share of the input dropped while training, in `[0, 1)`.
    pub dropout: f64,
}

const ALL: &str = "all-linear";

impl Adapter {
    /// A fresh adapter: A uniform in ±1/sqrt(in), B zero, so that it changes nothing yet.
    ///
    /// # Errors
    /// `NoTarget` with the model's own names; `BadValue`.
    pub fn new(lora: Lora, model: &Model, random: &Random) -> Result<Self> {
        let start = |linear: &Linear| {
            let (inn, out) = linear.weight.dims();
            let bound = 1.0 / (inn as f64).sqrt();
            let a = random.fork(&linear.path).uniforms(lora.r * inn, -bound, bound);
            (Tensor::from_vec(a, (lora.r, inn), &model.device), Tensor::zeros((out, lora.r), candle_core::DType::F32, &model.device))
        };
        let mut tensors = BTreeMap::new();
        for linear in matches(&lora.targets, model)? {
            let (a, b) = start(linear);
            tensors.insert(linear.path.clone(), (a?, b?));
        }
        Self::from_tensors(lora, model, tensors)
    }

    /// An adapter with given matrices, by module path: A `[r, in]`, B `[out, r]`.
    ///
    /// # Errors
    /// `WrongShape`, `BadAdapter` for a path the model does not have.
    pub fn from_tensors(lora: Lora, model: &Model, tensors: BTreeMap<String, (Tensor, Tensor)>) -> Result<Self> {
        let scale = lora.alpha / lora.r as f64;
        let mut deltas = Deltas::default();
        let mut vars = Vec::new();
        for (path, (a, b)) in tensors {
            let unknown = || Error::BadAdapter { path: path.clone(), cause: format!("`{}` has no such layer", model.name) };
            let linear = model.linears().find(|linear| linear.path == path).ok_or_else(unknown)?;
            let (inn, out) = linear.weight.dims();
            check(&format!("{path}.lora_A"), &a, [lora.r, inn])?;
            check(&format!("{path}.lora_B"), &b, [out, lora.r])?;
            let (a, b) = (Var::from_tensor(&a.contiguous()?)?, Var::from_tensor(&b.contiguous()?)?);
            let low = LowRank { a: a.as_tensor().clone(), b: b.as_tensor().clone(), scale, dropout: lora.dropout, dora: None };
            deltas.layers.insert(path.clone(), low);
            vars.push((format!("{path}.lora_A.weight"), a));
            vars.push((format!("{path}.lora_B.weight"), b));
        }
        Ok(Self { method: Method::Lora(lora), base: model.name.clone(), deltas, vars })
    }
}

impl Lora {
    /// `lora r=16 c_attn`
    pub fn title(&self) -> String {
        format!("lora r={} {}", self.r, self.targets.join(","))
    }

    /// Title and all that a run depends on.
    pub fn identity(&self) -> String {
        format!("{} alpha={} dropout={}", self.title(), self.alpha, self.dropout)
    }
}

fn check(name: &str, tensor: &Tensor, expected: [usize; 2]) -> Result<()> {
    if tensor.dims() == expected {
        return Ok(());
    }
    Err(Error::WrongShape { tensor: name.to_owned(), given: format!("{:?}", tensor.dims()), expected: format!("{expected:?}") })
}

/// The linear layers that the targets name, as PEFT matches a list: the path itself or its ending after a dot. Each target must hit.
fn matches<'m>(targets: &[String], model: &'m Model) -> Result<Vec<&'m Linear>> {
    let hits =
        |target: &str, path: &str| target == ALL || path == target || path.strip_suffix(target).is_some_and(|rest| rest.ends_with('.'));
    for target in targets {
        if !model.linears().any(|linear| hits(target, &linear.path)) {
            return Err(unknown(target, model));
        }
    }
    Ok(model.linears().filter(|linear| targets.iter().any(|target| hits(target, &linear.path))).collect())
}

fn unknown(given: &str, model: &Model) -> Error {
    let known = module_names(model);
    // Attention projections have other names in other families: the family's own default is the near one then.
    let nearest = known.iter().filter(|name| name.contains(given) || given.contains(name.as_str())).max_by_key(|name| name.len());
    let nearest = nearest.cloned().unwrap_or_else(|| model.family.targets.join(","));
    Error::NoTarget { given: given.to_owned(), nearest, known: known.join(", ") }
}

/// The last parts of the linear layers' paths, each once, in the model's order.
pub fn module_names(model: &Model) -> Vec<String> {
    let mut names = Vec::new();
    for linear in model.linears() {
        let name = linear.path.rsplit('.').next().unwrap_or_default().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
