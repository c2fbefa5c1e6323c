//! `quant`: the weights in fewer bits, in place, with the error this makes in each matrix.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};

use super::Session;
use crate::device::memory;
use crate::model::Slot;
use crate::nn::Weight;
use crate::words::ui;
use crate::{Error, Result};

/// What happened to one matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorError {
    pub name: String,
    /// Root mean square of the change over that of the weights.
    pub relative: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub errors: Vec<TensorError>,
}

impl Session {
    /// Stores every matrix as `f16`, `bf16`, `q8_0` or `q4_0`. With `q4_0` the embedding table and the head get `q8_0`, as llama.cpp
    /// keeps them finer: they touch every token. `progress` gets matrices so far and in all. On failure nothing changes.
    ///
    /// # Errors
    /// `NoModel`, `NotQuantisable` (rows that blocks of 32 do not divide), `Interrupted`.
    pub fn quantise(&mut self, format: Format, progress: &mut dyn FnMut(u64, u64)) -> Result<Quantised> {
        let base = self.base()?;
        let bytes_before = base.model.bytes();
        let mut model = base.model.detached();
        let device = model.device.clone();
        let ends = [format!("{}.weight", model.family.names.embed), format!("{}.weight", model.family.names.head)];
        let total = model.linears().count() as u64 + 1;
        let mut errors = Vec::new();
        let stop = self.stop.clone();
        model.visit(&mut |name, slot| {
            let Slot::Matrix(weight) = slot else { return Ok(()) };
            if stop.raised() {
                return Err(Error::Interrupted { what: ui::QUANT_STOPPED.to_string() });
            }
            let format = if ends.contains(&name.to_owned()) { format.of_ends() } else { format };
            let packed = pack(name, weight, format, &device)?;
            errors.push(TensorError { name: name.to_owned(), relative: difference(weight, &packed, &device)? });
            *weight = packed;
            progress(errors.len() as u64, total);
            Ok(())
        })?;
        let bytes_after = model.bytes();
        self.run = None;
        if let Some(base) = &mut self.loaded {
            base.model = model;
        }
        self.publish();
        memory::give_back();
        Ok(Quantised { bytes_before, bytes_after, errors })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Half(DType),
    Blocks(GgmlDType),
}

impl Format {
    pub const NAMES: &'static [&'static str] = &["f32", "f16", "bf16", "q8_0", "q4_0"];

    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "f32" => Self::Half(DType::F32),
            "f16" => Self::Half(DType::F16),
            "bf16" => Self::Half(DType::BF16),
            "q8_0" => Self::Blocks(GgmlDType::Q8_0),
            "q4_0" => Self::Blocks(GgmlDType::Q4_0),
            _ => return None,
        })
    }

    fn of_ends(self) -> Self {
        match self {
            Self::Blocks(_) => Self::Blocks(GgmlDType::Q8_0),
            half => half,
        }
    }
}

fn pack(name: &str, weight: &Weight, format: Format, device: &Device) -> Result<Weight> {
    match format {
        Format::Half(dtype) => weight.converted(dtype, device),
        Format::Blocks(dtype) => {
            let (inn, _) = weight.dims();
            if !inn.is_multiple_of(dtype.block_size()) {
                let cause = ui::ROWS_OF_BLOCKS.with(&[("row", &inn), ("block", &dtype.block_size())]);
                return Err(Error::NotQuantisable { tensor: name.to_owned(), cause });
            }
            Ok(Weight::Packed(Arc::new(QTensor::quantize(&weight.rows(device)?, dtype)?)))
        }
    }
}

fn difference(before: &Weight, after: &Weight, device: &Device) -> Result<f64> {
    let (before, after) = (before.rows(device)?, after.rows(device)?);
    let square = |t: &Tensor| Ok::<f64, Error>(f64::from(t.sqr()?.mean_all()?.to_scalar::<f32>()?));
    let norm = square(&before)?;
    Ok(if norm == 0.0 { 0.0 } else { (square(&(before - after)?)? / norm).sqrt() })
}
