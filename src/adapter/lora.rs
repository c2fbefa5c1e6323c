//! LoRA (arXiv 2106.09685), rsLoRA (2312.03732) and DoRA (2402.09353) with PEFT's names, matching and initial values.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, Var};

use super::targets::{Pattern, Target, Targets, targets};
use super::{Adapter, Method};
use crate::model::Model;
use crate::nn::{Deltas, LowRank, Magnitude};
use crate::random::Random;
use crate::words::heads;
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
    /// The table or the head, by name, of which the adapter trains and holds a whole copy: PEFT's `modules_to_save`.
    pub whole: Vec<String>,
}

/// PEFT's names of A and B.
pub(super) const LINEAR: (&str, &str) = ("lora_A.weight", "lora_B.weight");
pub(super) const TABLE: (&str, &str) = ("lora_embedding_A", "lora_embedding_B");
pub(super) const MAGNITUDE: &str = "lora_magnitude_vector";

/// PEFT's defaults, on every linear layer inside blocks.
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
            whole: Vec::new(),
        }
    }
}

/// The numbers beside one layer: A `[r, in]`, B `[out, r]`, and DoRA's magnitudes `[out]`, the base's own where they are not given. A table of
/// embeddings is a layer from the vocabulary to hidden.
#[derive(Clone, Debug)]
pub struct Matrices {
    pub a: Tensor,
    pub b: Tensor,
    pub m: Option<Tensor>,
}

impl Adapter {
    /// A fresh adapter, which changes nothing yet: A uniform in ±1/sqrt(in), B zero; beside a table A zero, B N(0, 1), as PEFT begins.
    ///
    /// # Errors
    /// `NoTarget` with the model's own names; `BadValue`.
    pub fn new(lora: Lora, model: &Model, random: &Random) -> Result<Self> {
        let lora = Lora { targets: lora.targets.own(model), ..lora };
        let mut tensors = BTreeMap::new();
        for target in lora.targets.of(model)? {
            let ((inn, out), r, mut random) = (target.dims(), lora.rank(target.path)?, random.fork(target.path));
            let bound = 1.0 / (inn as f64).sqrt();
            let drawn = |values: Vec<f32>, shape: (usize, usize)| Tensor::from_vec(values, shape, &model.device);
            let zeros = |shape: (usize, usize)| Tensor::zeros(shape, DType::F32, &model.device);
            let (a, b) = match target.table {
                false => (drawn(random.uniforms(r * inn, -bound, bound), (r, inn))?, zeros((out, r))?),
                true => (zeros((r, inn))?, drawn(random.normals(out * r, 1.0), (out, r))?),
            };
            tensors.insert(target.path.to_owned(), Matrices { a, b, m: None });
        }
        let mut whole = BTreeMap::new();
        for target in super::whole::chosen(&lora.whole, model)? {
            if tensors.contains_key(target.path) {
                let allowed = heads::BOTH.with(&[("path", &target.path)]);
                return Err(Error::BadValue { option: "whole".to_owned(), given: lora.whole.join(","), allowed });
            }
            whole.insert(target.path.to_owned(), target.weight.rows(&model.device)?);
        }
        Self::from_tensors(lora, model, tensors, whole)
    }

    /// An adapter with given matrices and whole tables, by module path.
    ///
    /// # Errors
    /// `WrongShape`, `BadAdapter` for a path the model does not have.
    pub fn from_tensors(lora: Lora, model: &Model, tensors: BTreeMap<String, Matrices>, whole: BTreeMap<String, Tensor>) -> Result<Self> {
        let mut deltas = Deltas::default();
        let mut vars = Vec::new();
        for (path, matrices) in tensors {
            let unknown = || Error::BadAdapter { path: path.clone(), cause: format!("`{}` has no such layer", model.name) };
            let target = targets(model).find(|target| target.path == path).ok_or_else(unknown)?;
            let low = lora.beside(&target, matrices, &mut vars)?;
            deltas.layers.insert(path, low);
        }
        deltas.whole = super::whole::variables(whole, model, &deltas, &mut vars)?;
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

    /// Makes the matrices variables beside `target` and notes them under PEFT's names.
    fn beside(&self, target: &Target, matrices: Matrices, vars: &mut Vec<(String, Var)>) -> Result<LowRank> {
        let (path, (inn, out)) = (target.path, target.dims());
        let (r, scale) = (self.rank(path)?, self.scale(path)?);
        let mut variable = |name: &str, tensor: &Tensor, expected: &[usize]| variable(&format!("{path}.{name}"), tensor, expected, vars);
        let names = if target.table { TABLE } else { LINEAR };
        let a = variable(names.0, &matrices.a, &[r, inn])?;
        let b = variable(names.1, &matrices.b, &[out, r])?;
        let low = LowRank { a, b, scale, dropout: self.dropout, dora: None, table: target.table };
        let dora = match (self.dora, matrices.m) {
            (false, _) => None,
            (true, Some(m)) => Some(variable(MAGNITUDE, &m, &[out])?),
            (true, None) => Some(variable(MAGNITUDE, &low.norms(target.weight)?, &[out])?),
        };
        Ok(LowRank { dora: dora.map(Magnitude::new), ..low })
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
        let whole = if self.whole.is_empty() { String::new() } else { format!(" whole={}", self.whole.join(",")) };
        format!("{} r={} {}{whole}", self.kind(), self.r, self.targets.title())
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

/// Makes a tensor of the expected shape a variable, and notes it.
pub(super) fn variable(name: &str, tensor: &Tensor, expected: &[usize], vars: &mut Vec<(String, Var)>) -> Result<Tensor> {
    if tensor.dims() != expected {
        let (given, expected) = (format!("{:?}", tensor.dims()), format!("{expected:?}"));
        return Err(Error::WrongShape { tensor: name.to_owned(), given, expected });
    }
    let var = Var::from_tensor(&tensor.contiguous()?)?;
    vars.push((name.to_owned(), var.clone()));
    Ok(var.as_tensor().clone())
}
