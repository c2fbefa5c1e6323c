//! PEFT's adapter folder: `adapter_config.json` and `adapter_model.safetensors`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use super::{Adapter, Lora, Method};
use crate::model::Model;
use crate::ops::Layout;
use crate::{Error, Result};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// What PEFT puts before the path of a module.
const PREFIX: &str = "base_model.model.";

impl Adapter {
    /// Whether `folder` holds an adapter.
    pub fn is_at(folder: &Path) -> bool {
        folder.join(CONFIG).is_file()
    }

    /// The base model that an adapter's folder names; empty when it names none.
    pub fn base_of(folder: &Path) -> String {
        let read = std::fs::read(folder.join(CONFIG)).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        read.and_then(|config| config["base_model_name_or_path"].as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Writes the folder's two files; `folder` must exist.
    ///
    /// # Errors
    /// `Io`, `DiskFull`.
    pub fn save(&self, folder: &Path, model: &Model) -> Result<Vec<PathBuf>> {
        let (config, weights) = (folder.join(CONFIG), folder.join(WEIGHTS));
        let text = serde_json::to_string_pretty(&self.config(model))
            .map_err(|e| Error::Internal { doing: "config".into(), cause: e.to_string() })?;
        std::fs::write(&config, text).map_err(Error::io(&config))?;
        let tensors: Vec<(String, Tensor)> =
            self.vars().iter().map(|(name, var)| (format!("{PREFIX}{name}"), var.as_detached_tensor())).collect();
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        write_tensors(tensors, metadata, &weights)?;
        Ok(vec![config, weights])
    }

    /// `adapter_config.json`, keys sorted as PEFT sorts them.
    fn config(&self, model: &Model) -> Value {
        match &self.method {
            Method::Lora(lora) => self.lora_config(lora, model),
        }
    }

    fn lora_config(&self, lora: &Lora, model: &Model) -> Value {
        let targets: Vec<String> = match lora.targets.iter().any(|target| target == "all-linear") {
            true => super::module_names(model),
            false => lora.targets.clone(),
        };
        json!({
            "alpha_pattern": {},
            "auto_mapping": null,
            "base_model_name_or_path": self.base,
            "bias": "none",
            "fan_in_fan_out": model.family.layout == Layout::InOut,
            "inference_mode": true,
            "init_lora_weights": true,
            "layers_pattern": null,
            "layers_to_transform": null,
            "lora_alpha": number(lora.alpha),
            "lora_bias": false,
            "lora_dropout": lora.dropout,
            "modules_to_save": null,
            "peft_type": "LORA",
            "r": lora.r,
            "rank_pattern": {},
            "revision": null,
            "target_modules": targets,
            "task_type": "CAUSAL_LM",
            "use_dora": false,
            "use_rslora": false,
        })
    }

    /// Reads a PEFT folder for `model`.
    ///
    /// # Errors
    /// `BadAdapter` for another kind of adapter or a missing file; `WrongShape`.
    pub fn load(folder: &Path, model: &Model) -> Result<Self> {
        let shown = folder.display().to_string();
        let bad = |cause: String| Error::BadAdapter { path: shown.clone(), cause };
        let path = folder.join(CONFIG);
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        let config: Value = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
        match config["peft_type"].as_str() {
            Some("LORA") => Self::load_lora(&config, folder, model),
            _ => Err(bad(format!("`peft_type` is {}; known: LORA", config["peft_type"]))),
        }
    }

    fn load_lora(config: &Value, folder: &Path, model: &Model) -> Result<Self> {
        let shown = folder.display().to_string();
        let bad = |cause: String| Error::BadAdapter { path: shown.clone(), cause };
        let lora = recipe(config).map_err(bad)?;
        let stored = stored(folder)?;
        let mut tensors: BTreeMap<String, (Option<Tensor>, Option<Tensor>)> = BTreeMap::new();
        for (key, tensor) in stored {
            let path = key.strip_prefix(PREFIX).unwrap_or(&key);
            let tensor = tensor.to_dtype(candle_core::DType::F32)?.to_device(&model.device)?;
            if let Some(path) = path.strip_suffix(".lora_A.weight") {
                tensors.entry(path.to_owned()).or_default().0 = Some(tensor);
            } else if let Some(path) = path.strip_suffix(".lora_B.weight") {
                tensors.entry(path.to_owned()).or_default().1 = Some(tensor);
            } else {
                return Err(bad(format!("`{key}` is not a LoRA matrix")));
            }
        }
        let paired = tensors.into_iter().map(|(path, pair)| match pair {
            (Some(a), Some(b)) => Ok((path, (a, b))),
            _ => Err(bad(format!("`{path}` has only one of A and B"))),
        });
        Self::from_tensors(lora, model, paired.collect::<Result<_>>()?).map_err(|error| match error {
            Error::BadAdapter { path: layer, cause } => bad(format!("`{layer}`: {cause}")),
            other => other,
        })
    }
}

/// The tensors of the folder, as they are stored.
fn stored(folder: &Path) -> Result<HashMap<String, Tensor>> {
    let path = folder.join(WEIGHTS);
    if !path.is_file() {
        return Err(Error::NotFound { path: path.display().to_string() });
    }
    candle_core::safetensors::load(&path, &Device::Cpu).map_err(|e| Error::BadWeights {
        path: path.display().to_string(),
        cause: e.to_string().lines().next().unwrap_or_default().to_owned(),
    })
}

fn recipe(config: &Value) -> std::result::Result<Lora, String> {
    for flag in ["use_dora", "use_rslora", "lora_bias"] {
        if config[flag] == true {
            return Err(format!("`{flag}` is not known yet"));
        }
    }
    for pattern in ["rank_pattern", "alpha_pattern"] {
        if config[pattern].as_object().is_some_and(|map| !map.is_empty()) {
            return Err(format!("`{pattern}` is not known yet"));
        }
    }
    let r = config["r"].as_u64().filter(|r| *r > 0).ok_or("`r` is missing")? as usize;
    let alpha = config["lora_alpha"].as_f64().ok_or("`lora_alpha` is missing")?;
    let targets = match &config["target_modules"] {
        Value::Array(all) => all.iter().filter_map(|t| t.as_str().map(str::to_owned)).collect(),
        Value::String(one) => vec![one.clone()],
        _ => Vec::new(),
    };
    Ok(Lora { r, alpha, targets, dropout: config["lora_dropout"].as_f64().unwrap_or(0.0) })
}

/// PEFT writes whole alphas as integers.
fn number(x: f64) -> Value {
    if x.fract() == 0.0 { json!(x as i64) } else { json!(x) }
}

/// Writes a safetensors file that others may read: the library makes it private to this user.
///
/// # Errors
/// `DiskFull`, `Io`.
pub fn write_tensors<S: AsRef<str> + Ord + std::fmt::Display>(
    tensors: impl IntoIterator<Item = (S, Tensor)>,
    metadata: HashMap<String, String>,
    path: &Path,
) -> Result<()> {
    let failed = |error| match error {
        safetensors::SafeTensorError::IoError(source) => Error::io(path)(source),
        other => Error::Io { path: path.display().to_string(), cause: other.to_string() },
    };
    // A file made the ordinary way shows which rights the person's umask gives.
    let rights = std::fs::File::create(path).and_then(|file| file.metadata()).map_err(Error::io(path))?.permissions();
    safetensors::serialize_to_file(tensors, Some(metadata), path).map_err(failed)?;
    std::fs::set_permissions(path, rights).map_err(Error::io(path))
}
