//! `quant`: the weights in fewer bits, in place, with the error this makes in each matrix.

use std::borrow::Cow;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::Session;
use crate::device::memory;
use crate::model::Slot;
use crate::nn::Weight;
use crate::quant::{BLOCKS, Int8, Nf4, Packed, block_name};
use crate::words::{formats, ui};
use crate::{Error, Result};

/// What happened to one matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorError {
    pub name: String,
    /// Root mean square of the change over that of the weights.
    pub relative: f64,
}

/// A matrix whose rows the blocks of the asked format do not divide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Substitute {
    pub name: String,
    /// Numbers in a row.
    pub row: usize,
    pub asked: &'static str,
    pub taken: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    pub bytes_before: u64,
    pub bytes_after: u64,
    pub errors: Vec<TensorError>,
    pub substitutes: Vec<Substitute>,
}

impl Session {
    /// Stores every matrix in `format`; the embedding table and the head finer than four or five bits, as llama.cpp keeps them, for they touch every
    /// token: q8_0, or q6_k with the k formats. A k format needs rows that 256 divides; other matrices take llama.cpp's substitute, which the result
    /// names: q5_0 for q4_k, q5_1 for q5_k, q8_0 for q6_k. `progress` gets matrices so far and in all. On failure nothing changes.
    ///
    /// # Errors
    /// `NoModel`, `NotQuantisable` (rows that blocks of 32 do not divide), `Interrupted`.
    pub fn quantise(&mut self, format: Format, progress: &mut dyn FnMut(u64, u64)) -> Result<Quantised> {
        let base = self.base()?;
        let bytes_before = base.model.bytes();
        let mut model = base.model.detached();
        let device = model.device.clone();
        let ends = [format!("{}.weight", model.family.names.embed), format!("{}.weight", model.family.names.head)];
        let total = model.linears().count() as u64 + 1 + u64::from(model.head.is_some());
        let (mut errors, mut substitutes) = (Vec::new(), Vec::new());
        let stop = self.stop.clone();
        model.visit(&mut |name, slot| {
            let Slot::Matrix(weight) = slot else { return Ok(()) };
            if stop.raised() {
                return Err(Error::Interrupted { what: ui::QUANT_STOPPED.to_string() });
            }
            let asked = if ends.contains(&name.to_owned()) { format.of_ends() } else { format };
            let (row, _) = weight.dims();
            let taken = asked.for_rows(name, row)?;
            if let (Format::Blocks(asked), Format::Blocks(taken)) = (asked, taken)
                && asked != taken
            {
                substitutes.push(Substitute { name: name.to_owned(), row, asked: block_name(asked), taken: block_name(taken) });
            }
            let packed = pack(weight, taken, &device)?;
            errors.push(TensorError { name: name.to_owned(), relative: difference(weight, &packed, &device)? });
            *weight = packed;
            progress(errors.len() as u64, total);
            Ok(())
        })?;
        let bytes_after = model.bytes();
        self.run = None;
        self.weights_changed();
        if let Some(base) = &mut self.loaded {
            base.model = model;
        }
        self.publish();
        memory::give_back();
        Ok(Quantised { bytes_before, bytes_after, errors, substitutes })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Half(DType),
    Blocks(GgmlDType),
    /// Numbers that share a scale, and whether the scales are quantised too.
    Nf4 {
        block: usize,
        double: bool,
    },
    Int8,
}

impl Format {
    pub const NAMES: &'static [&'static str] =
        &["f32", "f16", "bf16", "int8", "nf4", "q8_0", "q6_k", "q5_k", "q5_1", "q5_0", "q4_k", "q4_1", "q4_0"];

    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "f32" => Self::Half(DType::F32),
            "f16" => Self::Half(DType::F16),
            "bf16" => Self::Half(DType::BF16),
            "int8" => Self::Int8,
            "nf4" => Self::Nf4 { block: 64, double: false },
            "q8_0" => Self::Blocks(GgmlDType::Q8_0),
            "q6_k" => Self::Blocks(GgmlDType::Q6K),
            "q5_k" => Self::Blocks(GgmlDType::Q5K),
            "q5_1" => Self::Blocks(GgmlDType::Q5_1),
            "q5_0" => Self::Blocks(GgmlDType::Q5_0),
            "q4_k" => Self::Blocks(GgmlDType::Q4K),
            "q4_1" => Self::Blocks(GgmlDType::Q4_1),
            "q4_0" => Self::Blocks(GgmlDType::Q4_0),
            _ => return None,
        })
    }

    /// The same with another number of numbers a scale, or with scales that are quantised too; only NF4 has this choice.
    ///
    /// # Errors
    /// `BadValue`.
    pub fn with_scales(self, block: Option<usize>, double: bool) -> Result<Self> {
        let bad = |option: &str, given: String, allowed: String| Error::BadValue { option: option.into(), given, allowed };
        let list = || BLOCKS.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        match (self, block) {
            (Self::Nf4 { .. }, Some(block)) if !BLOCKS.contains(&block) => Err(bad("block", block.to_string(), list())),
            (Self::Nf4 { block: usual, .. }, block) => Ok(Self::Nf4 { block: block.unwrap_or(usual), double }),
            (_, Some(block)) => Err(bad("block", block.to_string(), formats::ONLY_NF4.text().into())),
            (_, None) if double => Err(bad("dq", "true".into(), formats::ONLY_NF4.text().into())),
            (other, None) => Ok(other),
        }
    }

    /// What the embedding table and the head get.
    fn of_ends(self) -> Self {
        match self {
            Self::Blocks(GgmlDType::Q4K | GgmlDType::Q5K | GgmlDType::Q6K) => Self::Blocks(GgmlDType::Q6K),
            Self::Blocks(_) => Self::Blocks(GgmlDType::Q8_0),
            // bitsandbytes leaves them as they are; nobody loads them wider than this.
            Self::Nf4 { .. } | Self::Int8 => Self::Half(DType::BF16),
            half => half,
        }
    }

    /// Itself where its blocks divide rows of `row` numbers, else llama.cpp's substitute.
    ///
    /// # Errors
    /// `NotQuantisable` where that does not divide them either.
    fn for_rows(self, name: &str, row: usize) -> Result<Self> {
        let Self::Blocks(asked) = self else { return Ok(self) };
        let taken = match asked {
            fits if row.is_multiple_of(fits.block_size()) => fits,
            GgmlDType::Q4K => GgmlDType::Q5_0,
            GgmlDType::Q5K => GgmlDType::Q5_1,
            GgmlDType::Q6K => GgmlDType::Q8_0,
            other => other,
        };
        if row.is_multiple_of(taken.block_size()) {
            return Ok(Self::Blocks(taken));
        }
        let cause = ui::ROWS_OF_BLOCKS.with(&[("row", &row), ("block", &taken.block_size())]);
        Err(Error::NotQuantisable { tensor: name.to_owned(), cause })
    }
}

fn pack(weight: &Weight, format: Format, device: &Device) -> Result<Weight> {
    match format {
        Format::Half(dtype) => weight.converted(dtype, device),
        Format::Blocks(dtype) if device.is_cpu() => Ok(Weight::from(pack_rows(&weight.rows(device)?, dtype)?)),
        Format::Blocks(dtype) => Ok(Weight::from(QTensor::quantize(&weight.rows(device)?, dtype)?)),
        Format::Nf4 { block, double } => {
            let (values, dims) = numbers(weight, device)?;
            Ok(Weight::from(Packed::Nf4(Nf4::pack(&values, dims, block, double))))
        }
        Format::Int8 => {
            let (values, dims) = numbers(weight, device)?;
            Ok(Weight::from(Packed::Int8(Int8::pack(&values, dims))))
        }
    }
}

/// Row by row as `[out, in]`.
fn numbers(weight: &Weight, device: &Device) -> Result<(Vec<f32>, (usize, usize))> {
    let rows = weight.rows(device)?;
    Ok((rows.flatten_all()?.to_vec1()?, rows.dims2()?))
}

/// Blocks do not know of each other, so all threads pack rows; a k format searches long for its scales.
fn pack_rows(rows: &Tensor, dtype: GgmlDType) -> Result<QTensor> {
    let (count, row) = rows.dims2()?;
    let part = (64 * 1024 / row.max(1)).max(1);
    let parts = (0..count).step_by(part).collect::<Vec<_>>().into_par_iter().map(|first| {
        // candle packs a storage from its beginning, wherever the tensor begins in it.
        let some = rows.narrow(0, first, part.min(count - first))?.force_contiguous()?;
        let packed = QTensor::quantize(&some, dtype)?;
        Ok(packed.data()?.into_owned())
    });
    let bytes = parts.collect::<Result<Vec<Vec<u8>>>>()?.concat();
    Ok(QTensor::new(QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, dtype)?, (count, row))?)
}

fn difference(before: &Weight, after: &Weight, device: &Device) -> Result<f64> {
    let (before, after) = (before.rows(device)?, after.rows(device)?);
    let square = |t: &Tensor| Ok::<f64, Error>(f64::from(t.sqr()?.mean_all()?.to_scalar::<f32>()?));
    let norm = square(&before)?;
    Ok(if norm == 0.0 { 0.0 } else { (square(&(before - after)?)? / norm).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// 300 rows of 512 go to several threads.
    #[test]
    fn rows_packed_by_all_threads_are_the_bytes_of_one() {
        let rows = Tensor::from_vec(Random::seeded(5).normals(300 * 512, 0.3), (300, 512), &Device::Cpu).unwrap();
        for name in Format::NAMES {
            let Some(Format::Blocks(dtype)) = Format::parse(name) else { continue };
            let (parts, whole) = (pack_rows(&rows, dtype).unwrap(), QTensor::quantize(&rows, dtype).unwrap());
            assert_eq!(parts.data().unwrap(), whole.data().unwrap(), "{name}");
            assert_eq!((parts.shape().dims(), parts.dtype()), (&[300, 512][..], dtype));
        }
    }
}
