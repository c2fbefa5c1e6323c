//! `save`: an adapter in PEFT's layout, or the model with its tokenizer in the hub's.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};

use super::{Session, Unsaved};
use crate::adapter::{self, Adapter};
use crate::model::{Model, Slot};
use crate::nn::Weight;
use crate::ops::Layout;
use crate::plot::number;
use crate::store;
use crate::tokenizer::Tokenizer;
use crate::words::luck;
use crate::{Error, Result};

/// What a save wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    pub files: Vec<PathBuf>,
    /// Where the folder is now that was there.
    pub kept: Option<PathBuf>,
}

impl Session {
    /// Writes the attached adapter, or else the whole model; `merged` writes the model with the adapter added in.
    /// A folder that is there gives way only when all is written, and is kept under another name unless it held the same.
    ///
    /// # Errors
    /// `NoModel`, `DiskFull`, `Io`: nothing half-written is left.
    pub fn save(&mut self, folder: &Path, merged: bool) -> Result<Saved> {
        let base = self.base()?;
        if let Some(adapter) = self.adapter.as_ref().filter(|adapter| merged && adapter.deltas().prompt.is_some()) {
            return Err(Error::CannotMerge { adapter: adapter.title() });
        }
        let bytes = match &self.adapter {
            Some(adapter) if !merged => adapter.parameters() as u64 * 4,
            _ => stored(&base.model),
        };
        store::check_room(folder, bytes)?;
        let (names, kept) = store::atomic_folder(folder, |folder| {
            let written = match &self.adapter {
                Some(adapter) if !merged => adapter.save(folder, &base.model),
                adapter => save_model(folder, &base.model, &base.tokenizer, adapter.as_ref()),
            };
            written.map_err(|error| with_bytes(error, bytes))
        })?;
        self.settle_run(self.adapter.is_none());
        if merged {
            self.settle_run(false);
        }
        // A merged model holds both; an adapter leaves the model it stands on as it was.
        self.unsaved = Unsaved { adapter: false, model: self.unsaved.model && self.adapter.is_some() && !merged };
        self.publish();
        let files = names.iter().filter_map(|path| path.file_name()).map(|name| folder.join(name)).collect();
        Ok(Saved { files, kept })
    }
}

/// Bytes of the tensors as they are written: packed weights are widened to f32.
fn stored(model: &Model) -> u64 {
    let mut bytes = 0;
    let visited = model.detached().visit(&mut |_, slot| {
        bytes += match slot {
            Slot::Vector(tensor) => (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64,
            Slot::Matrix(weight @ Weight::Packed(_)) => weight.elements() * 4,
            Slot::Matrix(weight) => weight.bytes(),
        };
        Ok(())
    });
    debug_assert!(visited.is_ok(), "counting cannot fail");
    bytes
}

/// A write that failed says how much there is to write.
fn with_bytes(error: Error, bytes: u64) -> Error {
    let bytes = number::bytes(bytes);
    match error {
        Error::DiskFull { path, .. } => Error::DiskFull { path, needed: bytes },
        Error::Io { path, cause } => Error::Io { path, cause: luck::SAVE_TAKES.with(&[("cause", &cause), ("bytes", &bytes)]) },
        other => other,
    }
}

fn save_model(folder: &Path, model: &Model, tokenizer: &Tokenizer, adapter: Option<&Adapter>) -> Result<Vec<PathBuf>> {
    let mut files = tokenizer.save(folder)?;
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    let device = model.device.clone();
    let mut widest = DType::F16;
    model.detached().visit(&mut |name, slot| {
        let tensor = match slot {
            Slot::Vector(tensor) => tensor.clone(),
            Slot::Matrix(weight) => {
                let path = name.strip_suffix(".weight").unwrap_or(name);
                let weight = match adapter {
                    Some(adapter) => adapter::merged(path, weight, adapter)?,
                    None => weight.clone(),
                };
                let inside = model.linears().any(|linear| linear.path == path);
                let tensor = hub_layout(&weight, inside.then_some(model.family.layout), &device)?;
                if tensor.dtype() == DType::F32 || widest == DType::F16 {
                    widest = tensor.dtype();
                }
                tensor
            }
        };
        tensors.insert(name.to_owned(), tensor);
        Ok(())
    })?;
    let path = folder.join("model.safetensors");
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    adapter::write_tensors(tensors, metadata, &path)?;
    files.push(path);
    let mut config = model.config.clone();
    let dtype = match widest {
        DType::F16 => "float16",
        DType::BF16 => "bfloat16",
        _ => "float32",
    };
    config["torch_dtype"] = dtype.into();
    let path = folder.join("config.json");
    let text = serde_json::to_string_pretty(&config).map_err(|e| Error::Internal { doing: "config".into(), cause: e.to_string() })?;
    std::fs::write(&path, text).map_err(Error::io(&path))?;
    files.push(path);
    Ok(files)
}

/// Dense, in the layout the hub stores: packed weights come back as f32. `inside` is the family's layout for matrices inside blocks.
fn hub_layout(weight: &Weight, inside: Option<Layout>, device: &candle_core::Device) -> Result<Tensor> {
    let wanted = inside.unwrap_or(Layout::OutIn);
    match weight {
        Weight::Dense { tensor, layout } if *layout == wanted => Ok(tensor.contiguous()?),
        Weight::Dense { tensor, .. } => Ok(tensor.t()?.contiguous()?),
        Weight::Packed(_) => {
            let rows = weight.rows(device)?;
            Ok(if wanted == Layout::OutIn { rows } else { rows.t()?.contiguous()? })
        }
    }
}
