//! A model that lies here already: a folder in the hub's layout, or a .gguf.

use std::path::{Path, PathBuf};

use super::Files;
use crate::words::ui;
use crate::{Error, Result};

/// Finds the parts. Only the index of the shards is read here, no weights.
pub fn open(path: &Path) -> Result<Files> {
    if path.is_dir() {
        return folder(path);
    }
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match extension(path).as_str() {
        "gguf" => Ok(gguf(path, parent)),
        "safetensors" => folder(parent).map(|files| Files { weights: vec![path.to_owned()], ..files }),
        _ => Err(Error::BadWeights { path: path.display().to_string(), cause: ui::NOT_WEIGHTS.text().to_owned() }),
    }
}

fn extension(path: &Path) -> String {
    path.extension().map(|ext| ext.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// `folder/.` and `..` have no name of their own.
fn name(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn gguf(path: &Path, parent: &Path) -> Files {
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let (folder, licence) = (parent.to_owned(), licence(parent));
    Files { name, folder, weights: vec![path.to_owned()], config: None, tokenizer: path.to_owned(), licence, adapter: false }
}

fn folder(path: &Path) -> Result<Files> {
    let config = path.join("config.json");
    if !config.is_file() {
        return match (only_gguf(path)?, path.join("adapter_config.json").is_file()) {
            (Some(file), _) => Ok(gguf(&file, path)),
            (None, true) => adapter(path),
            (None, false) => Err(Error::NotFound { path: config.display().to_string() }),
        };
    }
    let weights = weights(path)?;
    let (folder, config, tokenizer) = (path.to_owned(), Some(config), path.to_owned());
    Ok(Files { name: name(path), folder, weights, config, tokenizer, licence: licence(path), adapter: false })
}

/// PEFT's two files.
fn adapter(path: &Path) -> Result<Files> {
    let (weights, config) = (path.join("adapter_model.safetensors"), Some(path.join("adapter_config.json")));
    if !weights.is_file() {
        return Err(Error::NotFound { path: weights.display().to_string() });
    }
    let (folder, tokenizer) = (path.to_owned(), path.to_owned());
    Ok(Files { name: name(path), folder, weights: vec![weights], config, tokenizer, licence: licence(path), adapter: true })
}

/// The one .gguf of a folder; several need a choice, which only the path of one can make.
fn only_gguf(path: &Path) -> Result<Option<PathBuf>> {
    let entries = std::fs::read_dir(path).map_err(Error::io(path))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|p| extension(p) == "gguf").collect();
    found.sort();
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(|p| p.file_name().unwrap_or_default().to_string_lossy().into_owned()).collect();
        let cause = ui::SEVERAL_GGUF.with(&[("files", &names.join(", "))]);
        return Err(Error::BadWeights { path: path.display().to_string(), cause });
    }
    Ok(found.pop())
}

fn weights(path: &Path) -> Result<Vec<PathBuf>> {
    let index = path.join("model.safetensors.index.json");
    let single = path.join("model.safetensors");
    if index.is_file() {
        return shards(path, &index);
    }
    if single.is_file() {
        return Ok(vec![single]);
    }
    if path.join("pytorch_model.bin").is_file() || path.join("pytorch_model.bin.index.json").is_file() {
        return Err(Error::BadWeights { path: path.display().to_string(), cause: ui::ONLY_PICKLE.text().to_owned() });
    }
    Err(Error::NotFound { path: single.display().to_string() })
}

/// The files that the index names, sorted: their names carry their numbers.
fn shards(path: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let bad = |cause: String| Error::BadWeights { path: index.display().to_string(), cause };
    let bytes = std::fs::read(index).map_err(Error::io(index))?;
    let read: serde_json::Value = serde_json::from_slice(&bytes).map_err(|cause| bad(cause.to_string()))?;
    let map = read.get("weight_map").and_then(|map| map.as_object()).ok_or_else(|| bad(ui::NO_WEIGHT_MAP.text().to_owned()))?;
    let names: std::collections::BTreeSet<&str> = map.values().filter_map(|name| name.as_str()).collect();
    let outside = |name: &&&str| Path::new(name).components().count() != 1 || name.contains(['/', '\\']);
    if let Some(name) = names.iter().find(outside) {
        return Err(bad(ui::SHARD_OUTSIDE.with(&[("file", name)])));
    }
    let files: Vec<PathBuf> = names.into_iter().map(|name| path.join(name)).collect();
    match files.iter().find(|file| !file.is_file()) {
        Some(missing) => Err(Error::NotFound { path: missing.display().to_string() }),
        None if files.is_empty() => Err(bad(ui::NO_WEIGHT_MAP.text().to_owned())),
        None => Ok(files),
    }
}

/// `license:` in the front matter of the model card.
fn licence(folder: &Path) -> String {
    let Ok(card) = std::fs::read_to_string(folder.join("README.md")) else { return String::new() };
    let front = card.strip_prefix("---").and_then(|rest| rest.split("\n---").next()).unwrap_or_default();
    let line = front.lines().find_map(|line| line.strip_prefix("license:"));
    line.map(|name| name.trim().trim_matches(['"', '\'']).to_owned()).unwrap_or_default()
}
