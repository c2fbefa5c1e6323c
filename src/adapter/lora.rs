//! LoRA (arXiv 2106.09685), rsLoRA (2312.03732) and DoRA (2402.09353) with PEFT's names, matching and initial values.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, Var};

use super::targets::{Pattern, Targets};
use super::{Adapter, Method};
use crate::model::Model;
use crate::nn::{Deltas, Linear, LowRank, Magnitude, row_norms};
use crate::random::Random;
use crate::{Error, Result};

/// How a LoRA adapter is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// Rank, at least 1.
    pub r: usize,
    /// The delta is scaled by `alpha / r`, or by `alpha / sqrt(r)` with `rslora`.
    pub alpha: f64,
    pub targets: Targets,
    /// Share of the input dropped while training, in `[0, 1)`.
    pub dropout: f64,
    pub rslora: bool,
    /// A learned magnitude of each output beside the low-rank direction.
    pub dora: bool,
    /// Ranks of single modules.
    pub rank_pattern: Pattern<usize>,
    pub alpha_pattern: Pattern<f64>,
}

/// PEFT's defaults, on every linear layer.
impl Default for Lora {
    fn default() -> Self {
        Self {
            r: 8,
            alpha: 8.0,
            targets: Targets::default(),
            dropout: 0.0,
            rslora: false,
            dora: false,
            rank_pattern: Pattern::default(),
            alpha_pattern: Pattern::default(),
        }
    }
}

/// The numbers beside one layer: A `[r, in]`, B `[out, r]`, and DoRA's magnitudes `[out]`, the base's own where they are not given.
#[derive(Clone, Debug)]
pub struct Matrices {
    pub a: Tensor,
    pub b: Tensor,
    pub m: Option<Tensor>,
}

impl Adapter {
    /// A fresh adapter: A uniform in ±1/sqrt(in), B zero, so that it changes nothing yet.
    ///
    /// # Errors
    /// `NoTarget` with the model's own names; `BadValue`.
    pub fn new(lora: Lora, model: &Model, random: &Random) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        for linear in lora.targets.of(model)? {
            let ((inn, out), r) = (linear.weight.dims(), lora.rank(&linear.path)?);
            let bound = 1.0 / (inn as f64).sqrt();
            let a = random.fork(&linear.path).uniforms(r * inn, -bound, bound);
            let a = Tensor::from_vec(a, (r, inn), &model.device)?;
            let b = Tensor::zeros((out, r), DType::F32, &model.device)?;
            tensors.insert(linear.path.clone(), Matrices { a, b, m: None });
        }
        Self::from_tensors(lora, model, tensors)
    }

    /// An adapter with given matrices, by module path.
    ///
    /// # Errors
    /// `WrongShape`, `BadAdapter` for a path the model does not have.
    pub fn from_tensors(lora: Lora, model: &Model, tensors: BTreeMap<String, Matrices>) -> Result<Self> {
        let mut deltas = Deltas::default();
        let mut vars = Vec::new();
        for (path, matrices) in tensors {
            let unknown = || Error::BadAdapter { path: path.clone(), cause: format!("`{}` has no such layer", model.name) };
            let linear = model.linears().find(|linear| linear.path == path).ok_or_else(unknown)?;
            let low = lora.beside(linear, matrices, &mut vars)?;
            deltas.layers.insert(path, low);
        }
        Ok(Self { method: Method::Lora(lora), base: model.name.clone(), deltas, vars })
    }
}

impl Lora {
    /// The rank beside the module at `path`.
    ///
    /// # Errors
    /// `BadValue` for a pattern that cannot be read.
    pub fn rank(&self, path: &str) -> Result<usize> {
        Ok(self.rank_pattern.find(path)?.unwrap_or(self.r))
    }

    /// What the delta at `path` counts.
    ///
    /// # Errors
    /// As [`Lora::rank`].
    pub fn scale(&self, path: &str) -> Result<f64> {
        let (alpha, r) = (self.alpha_pattern.find(path)?.unwrap_or(self.alpha), self.rank(path)? as f64);
        Ok(if self.rslora { alpha / r.sqrt() } else { alpha / r })
    }

    /// Makes the matrices variables beside `linear` and notes them under PEFT's names.
    fn beside(&self, linear: &Linear, matrices: Matrices, vars: &mut Vec<(String, Var)>) -> Result<LowRank> {
        let (path, (inn, out)) = (&linear.path, linear.weight.dims());
        let (r, scale) = (self.rank(path)?, self.scale(path)?);
        let mut variable = |name: &str, tensor: &Tensor, expected: &[usize]| -> Result<Tensor> {
            check(&format!("{path}.{name}"), tensor, expected)?;
            let var = Var::from_tensor(&tensor.contiguous()?)?;
            vars.push((format!("{path}.{name}"), var.clone()));
            Ok(var.as_tensor().clone())
        };
        let a = variable("lora_A.weight", &matrices.a, &[r, inn])?;
        let b = variable("lora_B.weight", &matrices.b, &[out, r])?;
        let dora = match (self.dora, matrices.m) {
            (false, _) => None,
            (true, Some(m)) => Some(variable("lora_magnitude_vector", &m, &[out])?),
            (true, None) => Some(variable("lora_magnitude_vector", &row_norms(&linear.weight, &a, &b, scale)?, &[out])?),
        };
        Ok(LowRank { a, b, scale, dropout: self.dropout, dora: dora.map(Magnitude::new) })
    }

    /// `lora`, `rslora`, `dora`, `rslora+dora`.
    pub fn kind(&self) -> &'static str {
        match (self.rslora, self.dora) {
            (false, false) => "lora",
            (true, false) => "rslora",
            (false, true) => "dora",
            (true, true) => "rslora+dora",
        }
    }

    /// `lora r=16 c_attn`
    pub fn title(&self) -> String {
        format!("{} r={} {}", self.kind(), self.r, self.targets.title())
    }

    /// Title and all that a run depends on.
    pub fn identity(&self) -> String {
        let mut all = format!("{} alpha={} dropout={}", self.title(), self.alpha, self.dropout);
        for (key, r) in &self.rank_pattern.0 {
            all += &format!(" {key}:r={r}");
        }
        for (key, alpha) in &self.alpha_pattern.0 {
            all += &format!(" {key}:alpha={alpha}");
        }
        all
    }
}

fn check(name: &str, tensor: &Tensor, expected: &[usize]) -> Result<()> {
    if tensor.dims() == expected {
        return Ok(());
    }
    Err(Error::WrongShape { tensor: name.to_owned(), given: format!("{:?}", tensor.dims()), expected: format!("{expected:?}") })
}
