//! LoRA's part of PEFT's files: its config, and its tensors by key.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Tensor};
use serde_json::{Map, Value, json};

use super::file::PREFIX;
use super::lora::{LINEAR, MAGNITUDE, TABLE};
use super::targets::{Names, Pattern, Targets, targets};
use super::whole::chosen;
use super::{Adapter, Lora, Matrices};
use crate::model::Model;
use crate::ops::Layout;
use crate::words::heads;
use crate::{Error, Result};

/// Variants of PEFT's that compute something else. They are refused where they are set.
const OTHERS: &[&str] = &[
    "lora_bias",
    "use_qalora",
    "use_bdlora",
    "alora_invocation_tokens",
    "arrow_config",
    "layer_replication",
    "ensure_weight_tying",
    "trainable_token_indices",
    "target_parameters",
    "velora_config",
    "monteclora_config",
    "kasa_config",
];
/// Ways to begin that change the base itself, so that the saved matrices belong to another base.
const OTHER_BASES: &[&str] = &["pissa", "corda", "olora", "loftq", "lora_ga"];

/// Matrices of one layer while a file is read.
#[derive(Default)]
struct Parts {
    a: Option<Tensor>,
    b: Option<Tensor>,
    m: Option<Tensor>,
}

impl Lora {
    /// `adapter_config.json`, keys sorted as PEFT sorts them.
    pub(super) fn config(&self, base: &str, model: &Model) -> Value {
        let Targets { exclude, layers, layers_pattern, .. } = &self.targets;
        // A head is no Conv1D: PEFT corrects the field when it comes to one.
        let head = self.targets.of(model).is_ok_and(|all| all.iter().any(|target| target.is_end() && !target.table));
        json!({
            "alpha_pattern": self.alpha_pattern.0.iter().map(|(key, alpha)| (key.clone(), number(*alpha))).collect::<Map<_, _>>(),
            "auto_mapping": null,
            "base_model_name_or_path": base,
            "bias": "none",
            "exclude_modules": if exclude.is_none() { Value::Null } else { spelled(exclude) },
            "fan_in_fan_out": model.family.layout == Layout::InOut && !head,
            "inference_mode": true,
            "init_lora_weights": true,
            "layers_pattern": if layers_pattern.is_empty() { Value::Null } else { json!(layers_pattern) },
            "layers_to_transform": if layers.is_empty() { Value::Null } else { json!(layers) },
            "lora_alpha": number(self.alpha),
            "lora_bias": false,
            "lora_dropout": self.dropout,
            "modules_to_save": if self.whole.is_empty() { Value::Null } else { json!(self.whole) },
            "peft_type": "LORA",
            "r": self.r,
            "rank_pattern": self.rank_pattern.0.iter().map(|(key, r)| (key.clone(), json!(r))).collect::<Map<_, _>>(),
            "revision": null,
            "target_modules": spelled(&self.targets.spelled(model)),
            "task_type": "CAUSAL_LM",
            "use_dora": self.dora,
            "use_rslora": self.rslora,
        })
    }

    /// What a config says, or why it cannot be followed.
    fn read(config: &Value) -> std::result::Result<Self, String> {
        let set = |key: &str| !matches!(config[key], Value::Null | Value::Bool(false));
        if let Some(other) = OTHERS.iter().find(|key| set(key)) {
            return Err(format!("`{other}` is not known yet"));
        }
        let begun = config["init_lora_weights"].as_str().unwrap_or_default();
        if OTHER_BASES.iter().any(|other| begun.starts_with(other)) {
            return Err(format!("`init_lora_weights` is {begun}: its base is not the model's own"));
        }
        let targets = Targets {
            names: names(&config["target_modules"]),
            exclude: names(&config["exclude_modules"]),
            layers: match &config["layers_to_transform"] {
                Value::Array(all) => all.iter().filter_map(Value::as_u64).map(|layer| layer as usize).collect(),
                one => one.as_u64().map(|layer| layer as usize).into_iter().collect(),
            },
            layers_pattern: match names(&config["layers_pattern"]) {
                Names::List(all) => all,
                Names::Pattern(one) => vec![one],
            },
        };
        Ok(Self {
            r: config["r"].as_u64().filter(|r| *r > 0).ok_or("`r` is missing")? as usize,
            alpha: config["lora_alpha"].as_f64().ok_or("`lora_alpha` is missing")?,
            targets,
            dropout: config["lora_dropout"].as_f64().unwrap_or(0.0),
            rslora: config["use_rslora"] == true,
            dora: config["use_dora"] == true,
            rank_pattern: pattern(&config["rank_pattern"], |r| r.as_u64().filter(|r| *r > 0).map(|r| r as usize))?,
            alpha_pattern: pattern(&config["alpha_pattern"], Value::as_f64)?,
            whole: match names(&config["modules_to_save"]) {
                Names::List(all) => all,
                Names::Pattern(one) => vec![one],
            },
        })
    }
}

impl Adapter {
    /// The adapter of a config and the tensors beside it; `bad` makes the error of a cause.
    pub(super) fn of_lora_files(
        config: &Value,
        stored: HashMap<String, Tensor>,
        model: &Model,
        bad: &dyn Fn(String) -> Error,
    ) -> Result<Self> {
        let lora = Lora::read(config).map_err(bad)?;
        let lora = Lora { targets: lora.targets.own(model), ..lora };
        let mut layers: BTreeMap<String, Parts> = BTreeMap::new();
        let mut whole = BTreeMap::new();
        for (key, tensor) in stored {
            let path = key.strip_prefix(PREFIX).unwrap_or(&key);
            let tensor = tensor.to_dtype(DType::F32)?.to_device(&model.device)?;
            // PEFT wrote the magnitude with and without `.weight`.
            let ends = [LINEAR.0, LINEAR.1, TABLE.0, TABLE.1, MAGNITUDE, "lora_magnitude_vector.weight", "base_layer.weight", "weight"];
            let found = ends.iter().enumerate().find_map(|(i, end)| Some((i, path.strip_suffix(end)?.strip_suffix('.')?)));
            let Some((i, path)) = found else { return Err(bad(format!("`{key}` is not a LoRA matrix"))) };
            let path = model.own_path(path);
            match i {
                6 => same_table(&path, &tensor, model).map_err(bad)?,
                7 => drop(whole.insert(path, tensor)),
                _ => {
                    let parts = layers.entry(path).or_default();
                    let place = match i {
                        0 | 2 => &mut parts.a,
                        1 | 3 => &mut parts.b,
                        _ => &mut parts.m,
                    };
                    *place = Some(tensor);
                }
            }
        }
        all_there(&lora, model, &whole).map_err(bad)?;
        let dora = lora.dora;
        let pairs = layers.into_iter().map(|(path, parts)| match parts {
            Parts { m, .. } if m.is_some() != dora => Err(bad(format!("`{path}`: `use_dora` is {dora}, its magnitudes say otherwise"))),
            Parts { a: Some(a), b: Some(b), m } => Ok((path, Matrices { a, b, m })),
            _ => Err(bad(format!("`{path}` has only one of A and B"))),
        });
        Self::from_tensors(lora, model, pairs.collect::<Result<_>>()?, whole).map_err(|error| match error {
            Error::BadAdapter { path: layer, cause } => bad(format!("`{layer}`: {cause}")),
            other => other,
        })
    }
}

/// Whether each table that the config names stands whole in the file.
fn all_there(lora: &Lora, model: &Model, whole: &BTreeMap<String, Tensor>) -> std::result::Result<(), String> {
    for name in &lora.whole {
        let found = chosen(std::slice::from_ref(name), model).map_err(|_| heads::NOT_WHOLE.with(&[("path", name)]))?;
        if let Some(missing) = found.iter().find(|target| !whole.contains_key(target.path)) {
            return Err(format!("`modules_to_save` has {name}, the file has no `{}.weight`", missing.path));
        }
    }
    Ok(())
}

/// PEFT writes the frozen table beside matrices on `embed_tokens` and `lm_head`. Ours takes its place, packed or rounded differently perhaps,
/// but not another's.
fn same_table(path: &str, theirs: &Tensor, model: &Model) -> std::result::Result<(), String> {
    const APART: f64 = 0.15;
    let Some(target) = targets(model).find(|target| target.path == path) else { return Err(format!("`{path}` is no layer of this model")) };
    let compare = || -> Result<f64> {
        let ours = target.weight.rows(&model.device)?;
        if ours.dims() != theirs.dims() {
            return Ok(1.0);
        }
        let square = |t: &Tensor| Ok::<f64, Error>(f64::from(t.sqr()?.mean_all()?.to_scalar::<f32>()?));
        Ok((square(&(ours - theirs)?)? / square(theirs)?.max(f64::MIN_POSITIVE)).sqrt())
    };
    let apart = compare().map_err(|error| error.to_string())?;
    let fields: [(&str, &dyn std::fmt::Display); 2] = [("path", &path), ("percent", &format!("{:.0}", 100.0 * apart))];
    if apart <= APART { Ok(()) } else { Err(heads::OTHER_TABLE.with(&fields)) }
}

fn spelled(names: &Names) -> Value {
    match names {
        Names::List(all) => json!(all),
        Names::Pattern(pattern) => json!(pattern),
    }
}

/// PEFT's string is a pattern, its list a list.
fn names(value: &Value) -> Names {
    match value {
        Value::Array(all) => Names::List(all.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()),
        Value::String(all) if all.eq_ignore_ascii_case(super::targets::ALL) => Names::List(vec![super::targets::ALL.to_owned()]),
        Value::String(pattern) if !pattern.is_empty() => Names::Pattern(pattern.clone()),
        _ => Names::NONE,
    }
}

fn pattern<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> std::result::Result<Pattern<T>, String> {
    let pairs = value.as_object().into_iter().flatten();
    let read = |(key, value): (&String, &Value)| Ok((key.clone(), read(value).ok_or(format!("`{key}` cannot be {value}"))?));
    Ok(Pattern(pairs.map(read).collect::<std::result::Result<_, String>>()?))
}

/// PEFT writes whole alphas as integers.
fn number(x: f64) -> Value {
    if x.fract() == 0.0 { json!(x as i64) } else { json!(x) }
}
