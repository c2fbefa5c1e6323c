//! PEFT's adapter folder: `adapter_config.json` and `adapter_model.safetensors`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::Value;

use super::{Adapter, Method, Prompt, prompt_file};
use crate::model::Model;
use crate::{Error, Result};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// What PEFT puts before the path of a module.
pub(super) const PREFIX: &str = "base_model.model.";

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
        let tensors: Vec<(String, Tensor)> = match &self.method {
            Method::Lora(_) => self.vars().iter().map(|(name, var)| (format!("{PREFIX}{name}"), var.as_detached_tensor())).collect(),
            Method::Prompt(_) => vec![(prompt_file::ROWS.to_owned(), self.prompt_rows()?)],
        };
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        write_tensors(tensors, metadata, &weights)?;
        Ok(vec![config, weights])
    }

    /// `adapter_config.json`, keys sorted as PEFT sorts them.
    fn config(&self, model: &Model) -> Value {
        match &self.method {
            Method::Lora(lora) => lora.config(&self.base, model),
            Method::Prompt(prompt) => prompt.config(&self.base, model),
        }
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
        let kind = config["peft_type"].as_str().unwrap_or_default();
        if kind == "LORA" {
            return Self::of_lora_files(&config, stored(folder)?, model, &bad);
        }
        let known = || prompt_file::TYPES.map(|(name, _)| name).join(", ");
        let unknown = || bad(format!("`peft_type` is {}; known: LORA, {}", config["peft_type"], known()));
        let (_, kind) = prompt_file::TYPES.iter().find(|(name, _)| *name == kind).ok_or_else(unknown)?;
        let prompt = Prompt::of_config(*kind, &config, model).map_err(bad)?;
        let rows = prompt_file::rows(&stored(folder)?).map_err(bad)?;
        Self::of_rows(prompt, model, rows)
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

/// Writes a safetensors file that others may read: the library makes it private to this user.
///
/// # Errors
/// `DiskFull`, `Io`.
pub fn write_tensors<S: AsRef<str> + Ord + std::fmt::Display, V: safetensors::View>(
    tensors: impl IntoIterator<Item = (S, V)>,
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
