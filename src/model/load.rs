//! Files -> a model: builds the decoder from a [`Source`], checking every shape against the config.

use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file;
use candle_core::{DType, Device};
use serde_json::Value;

use super::build::{Builder, Draw};
use super::config::Config;
use super::families::{self, Family};
use super::names::GGUF;
use super::source::{Gguf, Hub, first_line};
use super::{Model, gguf};
use crate::ops::Layout;
use crate::{Error, Result};

/// What to load, and how.
#[derive(Clone, Debug)]
pub struct Request {
    pub name: String,
    /// Safetensors files in order, or one `.gguf`.
    pub weights: Vec<PathBuf>,
    /// `config.json`; a GGUF file has its own.
    pub config: Option<PathBuf>,
    /// `None`: f32, and packed weights stay packed.
    pub dtype: Option<DType>,
    pub device: Device,
}

/// # Errors
/// Files that are missing, cut short, of an unknown family or that contradict their config.
pub fn load(request: &Request) -> Result<Model> {
    match request.weights.as_slice() {
        [path] if path.extension().is_some_and(|e| e == "gguf") => load_gguf(request, path),
        files => load_hub(request, files),
    }
}

/// The family and `config.json` of a request, without reading the weights.
///
/// # Errors
/// As [`load`].
pub fn describe(request: &Request) -> Result<(&'static Family, Value)> {
    match request.weights.as_slice() {
        [path] if path.extension().is_some_and(|e| e == "gguf") => gguf::config(path, &open_gguf(path)?.0),
        _ => {
            let path = request.config.clone().unwrap_or_default();
            let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
            let bad = |cause: String| Error::BadConfig { path: path.display().to_string(), cause };
            let json: Value = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
            let model_type = json["model_type"].as_str().ok_or_else(|| bad("`model_type` is missing".into()))?;
            Ok((families::find(model_type)?, json))
        }
    }
}

fn load_hub(request: &Request, files: &[PathBuf]) -> Result<Model> {
    let (family, json) = describe(request)?;
    let path = request.config.clone().unwrap_or_default();
    let spec = family.spec(&Config { path: &path, json: &json })?;
    // Beside packed matrices, halves stay what they are.
    let narrow = request.dtype.is_none() && json["quantization_config"].is_object();
    let source = Hub::open(files, family.spelled, !narrow && request.dtype.is_none_or(|dtype| dtype == DType::F32))?;
    let origin = files.first().map(PathBuf::as_path).unwrap_or(Path::new(""));
    let builder = Builder {
        source: &source,
        origin,
        family,
        stored: &family.names,
        layout: family.layout,
        spec: &spec,
        draw: Draw::default(),
        dtype: request.dtype,
        narrow,
        device: &request.device,
    };
    builder.build(&request.name, json)
}

fn load_gguf(request: &Request, path: &Path) -> Result<Model> {
    let (content, file) = open_gguf(path)?;
    let (family, json) = gguf::config(path, &content)?;
    let spec = family.spec(&Config { path, json: &json })?;
    let interleaved = family.gguf.is_some_and(|stored| stored.interleaved);
    let source = Gguf::new(path, content, file, interleaved.then_some(&spec));
    let builder = Builder {
        source: &source,
        origin: path,
        family,
        stored: &GGUF,
        layout: Layout::OutIn,
        spec: &spec,
        draw: Draw::default(),
        dtype: request.dtype,
        narrow: false,
        device: &request.device,
    };
    builder.build(&request.name, json)
}

fn open_gguf(path: &Path) -> Result<(gguf_file::Content, File)> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let bad = |e: candle_core::Error| Error::BadWeights { path: path.display().to_string(), cause: first_line(&e) };
    let content = gguf_file::Content::read(&mut file).map_err(bad)?;
    Ok((content, file))
}
