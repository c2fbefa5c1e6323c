//! `merge`, `unmerge`: the attached adapter into the weights, and out again to the bit: the old matrices are kept.

use std::collections::BTreeMap;

use candle_core::DType;

use super::Session;
use crate::adapter::{self, Adapter};
use crate::model::{Model, Slot, fits};
use crate::nn::Weight;
use crate::{Error, Result};

/// An adapter that the weights hold.
pub(super) struct Merged {
    pub(super) name: String,
    /// The weights as they were, by tensor; `None` once others changed them.
    originals: Option<BTreeMap<String, Weight>>,
    /// The config of a model whose head was its embedding table, and was made one of its own.
    tied: Option<serde_json::Value>,
}

/// What a merge did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merging {
    pub name: String,
    /// Matrices that hold the adapter now.
    pub matrices: usize,
    /// Packed ones among them, which are dense f32 now, and the bytes this adds.
    pub widened: usize,
    pub bytes: u64,
    /// Bytes of the head that is no longer the embedding table, where it was.
    pub untied: u64,
}

impl Session {
    /// Adds the attached adapter to the weights it stands beside; they can be had back to the bit. Packed matrices become dense f32.
    ///
    /// # Errors
    /// `NoAdapter`; `CannotMerge` for one that changes no weights; `TooBig`; `NotFinite`. Nothing has changed then.
    pub fn merge_adapter(&mut self) -> Result<Merging> {
        let adapter = self.adapter.as_ref().ok_or(Error::NoAdapter {})?;
        if !adapter.changes_weights() {
            return Err(Error::CannotMerge { adapter: adapter.title() });
        }
        let base = self.base()?;
        let name = self.shelf.name.clone();
        let mut merging = Merging { name: name.clone(), matrices: 0, widened: 0, bytes: 0, untied: 0 };
        let receiver = adapter::receiver(&base.model, adapter);
        let tied = (base.model.spec.tied && !receiver.spec.tied).then(|| base.model.config.clone());
        for target in adapter::targets(&receiver).filter(|target| adapter.changes(target.path)) {
            if let Weight::Packed(_) = target.weight {
                merging.widened += 1;
                merging.bytes += target.weight.elements() * 4 - target.weight.bytes();
            }
            merging.matrices += 1;
        }
        if tied.is_some() {
            merging.untied = receiver.embed.bytes();
            merging.bytes += merging.untied;
        }
        fits("merging", merging.bytes, String::new())?;
        let (model, originals) = added(receiver, adapter)?;
        self.shelve_as_given();
        self.shelf.merged.push(Merged { name, originals: Some(originals), tied });
        self.replace_model(model);
        Ok(merging)
    }

    /// Takes the adapter that was merged last out of the weights, which are then what they were, and attaches it.
    ///
    /// # Errors
    /// `NothingMerged`; `CannotUnmerge` where the weights were changed since.
    pub fn unmerge_adapter(&mut self) -> Result<String> {
        let last = self.shelf.merged.last().ok_or(Error::NothingMerged {})?;
        let Some(originals) = &last.originals else { return Err(Error::CannotUnmerge { name: last.name.clone() }) };
        let name = last.name.clone();
        let mut model = self.base()?.model.clone();
        model.visit(&mut |tensor, slot| {
            if let (Slot::Matrix(weight), Some(original)) = (slot, originals.get(tensor)) {
                *weight = original.clone();
            }
            Ok(())
        })?;
        if let Some(config) = &last.tied {
            (model.head, model.spec.tied, model.config) = (None, true, config.clone());
        }
        self.shelf.merged.pop();
        self.replace_model(model);
        self.switch_adapter(&name)?;
        Ok(name)
    }

    /// The weights are others now: what was merged into them stays.
    pub(super) fn weights_changed(&mut self) {
        self.shelf.merged.iter_mut().for_each(|merged| merged.originals = None);
    }

    fn replace_model(&mut self, model: Model) {
        self.run = None;
        self.generation = None;
        if let Some(base) = &mut self.loaded {
            base.model = model;
        }
        self.publish();
    }
}

/// The model with the adapter in it, and the matrices it had before, by tensor. Dense ones keep their type, as PEFT has it.
fn added(mut model: Model, adapter: &Adapter) -> Result<(Model, BTreeMap<String, Weight>)> {
    let device = model.device.clone();
    let mut originals = BTreeMap::new();
    model.visit(&mut |tensor, slot| {
        let Slot::Matrix(weight) = slot else { return Ok(()) };
        let path = tensor.strip_suffix(".weight").unwrap_or(tensor);
        if !adapter.changes(path) {
            return Ok(());
        }
        let dtype = match &*weight {
            Weight::Dense { tensor, .. } => tensor.dtype(),
            Weight::Packed(_) => DType::F32,
        };
        let sum = adapter::merged(path, weight, adapter)?.converted(dtype, &device)?;
        originals.insert(tensor.to_owned(), std::mem::replace(weight, sum));
        Ok(())
    })?;
    Ok((model, originals))
}
