//! `save`: an adapter in PEFT's layout, or the model with its tokenizer in the hub's.

use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use serde_json::Value;

use super::{Base, Session, Unsaved, shards};
use crate::adapter::{self, Adapter};
use crate::model::{Model, Piece, Slot, bitsandbytes};
use crate::nn::Weight;
use crate::ops::Layout;
use crate::plot::number;
use crate::quant::Packed;
use crate::store;
use crate::words::luck;
use crate::{Error, Result};

/// Bytes of tensors in one file of a model, unless the person says otherwise.
pub const MAX_SHARD: u64 = 5_000_000_000;

/// What a save wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    pub files: Vec<PathBuf>,
    /// Where the folder is now that was there.
    pub kept: Option<PathBuf>,
    /// The format of packed weights that were written as f32.
    pub widened: Option<String>,
}

impl Session {
    /// Writes the attached adapter, or else the whole model; `merged` writes the model with the adapter added in.
    /// A folder that is there gives way only when all is written, and is kept under another name unless it held the same.
    ///
    /// # Errors
    /// `NoModel`, `DiskFull`, `Io`: nothing half-written is left.
    pub fn save(&mut self, folder: &Path, merged: bool) -> Result<Saved> {
        self.save_in_shards(folder, merged, MAX_SHARD)
    }

    /// The same, a model in files of at most `limit` bytes of tensors.
    ///
    /// # Errors
    /// As [`Session::save`].
    pub fn save_in_shards(&mut self, folder: &Path, merged: bool, limit: u64) -> Result<Saved> {
        let base = self.base()?;
        if let Some(adapter) = self.adapter.as_ref().filter(|adapter| merged && !adapter.changes_weights()) {
            return Err(Error::CannotMerge { adapter: adapter.title() });
        }
        let alone = self.adapter.as_ref().filter(|_| !merged);
        let coded = self.adapter.is_none();
        let whole = || self.adapter.as_ref().map_or_else(|| base.model.clone(), |adapter| adapter::receiver(&base.model, adapter));
        let bytes = alone.map_or_else(|| stored(&whole(), coded), |adapter| adapter.parameters() as u64 * 4);
        store::check_room(folder, bytes)?;
        let (names, kept) = store::atomic_folder(folder, |folder| {
            let written = match alone {
                Some(adapter) => adapter.save(folder, &base.model),
                None => save_model(folder, base, self.adapter.as_ref(), limit),
            };
            written.map_err(|error| with_bytes(error, bytes))
        })?;
        let wide = alone.is_none() && base.model.linears().any(|linear| is_widened(&linear.weight, coded));
        let widened = wide.then(|| base.model.format());
        self.settle_run(self.adapter.is_none());
        if merged {
            self.settle_run(false);
        }
        // A merged model holds both; an adapter leaves the model it stands on as it was.
        self.unsaved = Unsaved { adapter: false, model: self.unsaved.model && self.adapter.is_some() && !merged };
        self.publish();
        let files = names.iter().filter_map(|path| path.file_name()).map(|name| folder.join(name)).collect();
        Ok(Saved { files, kept, widened })
    }
}

/// Whether a matrix becomes f32 on its way to the file. `coded`: bitsandbytes' formats stay as they are.
fn is_widened(weight: &Weight, coded: bool) -> bool {
    match weight {
        Weight::Packed(packed) => !coded || matches!(**packed, Packed::Blocks(_)),
        Weight::Dense { .. } => false,
    }
}

/// Bytes of the tensors as they are written.
fn stored(model: &Model, coded: bool) -> u64 {
    let mut bytes = 0;
    let coded = coded && model.linears().any(|linear| matches!(&linear.weight, Weight::Packed(_)) && !is_widened(&linear.weight, true));
    let visited = model.detached().visit(&mut |_, slot| {
        bytes += match slot {
            Slot::Vector(tensor) => (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64,
            Slot::Matrix(Weight::Dense { tensor, .. }) if coded => tensor.elem_count() as u64 * 4,
            Slot::Matrix(weight) if is_widened(weight, coded) => weight.elements() * 4,
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

fn save_model(folder: &Path, base: &Base, adapter: Option<&Adapter>, limit: u64) -> Result<Vec<PathBuf>> {
    let model = &adapter.map_or_else(|| base.model.clone(), |adapter| adapter::receiver(&base.model, adapter));
    let mut files = base.tokenizer.save(folder)?;
    let (mut pieces, mut widest, mut coded) = (Vec::new(), DType::F16, None);
    model.detached().visit(&mut |name, slot| {
        let weight = match slot {
            Slot::Vector(tensor) => {
                pieces.push((name.to_owned(), Piece::Tensor(tensor.clone())));
                return Ok(());
            }
            Slot::Matrix(weight) => weight,
        };
        if let (Weight::Packed(packed), None) = (&*weight, adapter)
            && let Some(parts) = bitsandbytes::pieces(name, packed)
        {
            pieces.extend(parts);
            coded = Some(packed.clone());
            return Ok(());
        }
        let tensor = dense(model, name, weight, adapter)?;
        if tensor.dtype() == DType::F32 || widest == DType::F16 {
            widest = tensor.dtype();
        }
        pieces.push((name.to_owned(), Piece::Tensor(tensor)));
        Ok(())
    })?;
    if coded.is_some() {
        // Vectors beside packed matrices are f32, and transformers computes all that is dense in one type.
        for (_, piece) in &mut pieces {
            if let Piece::Tensor(tensor) = piece
                && matches!(tensor.dtype(), DType::F16 | DType::BF16)
            {
                *tensor = tensor.to_dtype(DType::F32)?;
            }
        }
    }
    files.extend(shards::write(folder, &pieces, limit, model.parameters())?);
    let config = config(model, coded.as_deref(), if coded.is_some() { DType::F32 } else { widest });
    let path = folder.join("config.json");
    let text = serde_json::to_string_pretty(&config).map_err(|e| Error::Internal { doing: "config".into(), cause: e.to_string() })?;
    std::fs::write(&path, text).map_err(Error::io(&path))?;
    files.push(path);
    Ok(files)
}

/// A matrix as the hub stores it, with what the adapter adds.
fn dense(model: &Model, name: &str, weight: &Weight, adapter: Option<&Adapter>) -> Result<Tensor> {
    let path = name.strip_suffix(".weight").unwrap_or(name);
    let weight = match adapter {
        Some(adapter) => adapter::merged(path, weight, adapter)?,
        None => weight.clone(),
    };
    let inside = model.linears().any(|linear| linear.path == path);
    hub_layout(&weight, inside.then_some(model.family.layout), &model.device)
}

/// config.json of what is written. `coded`: one of the matrices that stay packed.
fn config(model: &Model, coded: Option<&Packed>, widest: DType) -> Value {
    let mut config = model.config.clone();
    let dtype = match widest {
        DType::F16 => "float16",
        DType::BF16 => "bfloat16",
        _ => "float32",
    };
    config["torch_dtype"] = dtype.into();
    if let Some(fields) = config.as_object_mut() {
        // Newer folders say `dtype`, and that would win.
        fields.remove("dtype");
        fields.remove("quantization_config");
    }
    if let Some(coded) = coded {
        let dense = model.linears().filter(|linear| matches!(linear.weight, Weight::Dense { .. }));
        let head = std::iter::once(model.family.names.head.to_owned());
        let skipped: Vec<String> = head.chain(dense.map(|linear| linear.path.clone())).collect();
        config["quantization_config"] = bitsandbytes::config(coded, &skipped);
    }
    config
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
