//! Where tensors come from: safetensors files, a GGUF file, or a seed.

use std::cell::RefCell;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use candle_core::quantized::{GgmlDType, gguf_file};
use candle_core::safetensors::MmapedSafetensors;
use candle_core::{Device, Tensor};

use super::spec::Spec;
use super::{bitsandbytes, copy, gguf};
use crate::device::memory;
use crate::quant::Packed;
use crate::random::Random;
use crate::{Error, Result};

pub enum Raw {
    Dense(Tensor),
    Packed(Packed),
}

/// What a model made from a seed starts with.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    Normal {
        std: f64,
    },
    /// A table with one row of zeros, if any.
    Table {
        std: f64,
        zero: Option<usize>,
    },
    Constant(f64),
}

pub trait Source {
    /// The tensor stored as `name`, on the CPU; `None` when there is none. `shape` and `start` matter to a seed alone.
    ///
    /// # Errors
    /// A file that cannot be read.
    fn take(&self, name: &str, shape: &[usize], start: Start) -> Result<Option<Raw>>;
}

/// Safetensors files in the hub's layout, mapped into memory.
pub struct Hub {
    path: PathBuf,
    tensors: MmapedSafetensors,
    spelled: &'static [(&'static str, &'static str)],
    /// Halves become f32 on the way in.
    wide: bool,
}

impl Hub {
    /// # Errors
    /// `BadWeights` for a file that is not what it says or is cut short.
    pub fn open(files: &[PathBuf], spelled: &'static [(&'static str, &'static str)], wide: bool) -> Result<Self> {
        let path = files.first().cloned().unwrap_or_default();
        let bad = |e: candle_core::Error| Error::BadWeights { path: path.display().to_string(), cause: first_line(&e) };
        // SAFETY: the mapping is read only while it is copied into tensors. A file that another program rewrites in that moment gives wrong numbers.
        let tensors = unsafe { MmapedSafetensors::multi(files) }.map_err(bad)?;
        Ok(Self { path, tensors, spelled, wide })
    }
}

impl Source for Hub {
    fn take(&self, name: &str, _shape: &[usize], _start: Start) -> Result<Option<Raw>> {
        let other = self.spelled.iter().find_map(|(ours, theirs)| name.strip_prefix(ours).map(|rest| format!("{theirs}{rest}")));
        let names = [Some(name), other.as_deref()];
        let Some(name) = names.into_iter().flatten().find(|name| self.tensors.get(name).is_ok()) else { return Ok(None) };
        let bad = |e: candle_core::Error| Error::BadWeights { path: self.path.display().to_string(), cause: first_line(&e) };
        let packed = bitsandbytes::read(&self.tensors, name);
        if let Some(packed) = packed.map_err(|cause| Error::BadWeights { path: self.path.display().to_string(), cause })? {
            return Ok(Some(Raw::Packed(packed)));
        }
        let view = self.tensors.get(name).map_err(bad)?;
        let read = copy::tensor(&view, self.wide).map_err(bad)?;
        // SAFETY: the view lies in the mapped file.
        unsafe { memory::unneeded(view.data()) };
        Ok(Some(Raw::Dense(read)))
    }
}

/// A GGUF file; q and k of a llama are put back into the hub's row order.
pub struct Gguf {
    path: PathBuf,
    content: gguf_file::Content,
    file: RefCell<BufReader<File>>,
    /// Query and key heads whose rows are stored for interleaved rope.
    interleaved: Option<(usize, usize)>,
}

impl Gguf {
    pub fn new(path: &Path, content: gguf_file::Content, file: File, interleaved: Option<&Spec>) -> Self {
        let interleaved = interleaved.map(|spec| (spec.heads, spec.kv_heads));
        Self { path: path.to_owned(), content, file: RefCell::new(BufReader::new(file)), interleaved }
    }
}

impl Source for Gguf {
    fn take(&self, name: &str, _shape: &[usize], _start: Start) -> Result<Option<Raw>> {
        if !self.content.tensor_infos.contains_key(name) {
            return Ok(None);
        }
        let bad = |e: candle_core::Error| Error::BadWeights { path: self.path.display().to_string(), cause: first_line(&e) };
        let mut packed = self.content.tensor(&mut *self.file.borrow_mut(), name, &Device::Cpu).map_err(bad)?;
        if let Some((heads, kv_heads)) = self.interleaved {
            if name.contains("attn_q.") {
                packed = gguf::restore_rows(&packed, heads)?;
            } else if name.contains("attn_k.") {
                packed = gguf::restore_rows(&packed, kv_heads)?;
            }
        }
        Ok(Some(match packed.dtype() {
            GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => Raw::Dense(packed.dequantize(&Device::Cpu)?),
            _ => Raw::Packed(packed.into()),
        }))
    }
}

/// Weights from a seed: each tensor draws from a generator of its own name, so the order of building changes nothing.
pub struct Seed(pub Random);

impl Source for Seed {
    fn take(&self, name: &str, shape: &[usize], start: Start) -> Result<Option<Raw>> {
        let count = shape.iter().product();
        let numbers = match start {
            Start::Normal { std } => self.0.fork(name).normals(count, std),
            Start::Table { std, zero } => {
                let (mut numbers, width) = (self.0.fork(name).normals(count, std), shape.last().copied().unwrap_or(1));
                zero.and_then(|row| numbers.get_mut(row * width..(row + 1) * width)).into_iter().for_each(|row| row.fill(0.0));
                numbers
            }
            Start::Constant(value) => vec![value as f32; count],
        };
        Ok(Some(Raw::Dense(Tensor::from_vec(numbers, shape, &Device::Cpu)?)))
    }
}

/// What candle says, without the path that our own message names already.
pub(super) fn first_line(error: &candle_core::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let said = line.strip_prefix("path: \"").and_then(|rest| rest.split_once("\" "));
    said.map_or(line, |(_, cause)| cause).to_owned()
}
