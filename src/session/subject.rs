//! What a run is made of, by name and by hash: how its checkpoint knows it again.

use safetensors::View;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint::Found;
use crate::adapter::Adapter;
use crate::data::Dataset;
use crate::model::{Model, Slot};
use crate::nn::Weight;
use crate::train::Recipe;
use crate::{Error, Result};

/// What a run is made of. Two runs with the same are the same run, to the bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    pub subject: Subject,
    pub dtype: String,
    pub recipe: Recipe,
}

/// What a run works on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    pub model: String,
    /// SHA-256 of the weights before the first step.
    pub weights: String,
    pub data: String,
    /// SHA-256 of the examples, training then validation.
    pub examples: String,
    pub adapter: String,
}

impl Identity {
    /// Names the folder: everything, shortened.
    pub fn id(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{:x}", Sha256::digest(text))[..12].to_owned()
    }
}

impl Subject {
    /// Reads all weights and examples once.
    ///
    /// # Errors
    /// Only what candle reports.
    pub fn of(model: &Model, adapter: Option<&Adapter>, data: &Dataset) -> Result<Self> {
        let adapter = adapter.map(Adapter::identity);
        Ok(Self {
            model: model.name.clone(),
            weights: weights(model)?,
            data: data.name.clone(),
            examples: examples(data),
            adapter: adapter.unwrap_or_else(|| "-".to_owned()),
        })
    }

    /// The same, with weights that a full run leaves as they are.
    pub fn with_frozen(self, frozen: &str) -> Self {
        Self { adapter: format!("full freeze={frozen}"), ..self }
    }

    /// The names of the model and of the data.
    pub fn names(&self) -> (&str, &str) {
        (&self.model, &self.data)
    }

    /// The first thing in which a run of this differs from `kept`.
    pub fn difference(&self, kept: &Found) -> Option<Error> {
        let other = &kept.identity.subject;
        let short = |name: &str, hash: &str| format!("{name} (sha256 {})", hash.get(..12).unwrap_or(hash));
        let (what, given, expected) = if self.examples != other.examples {
            ("data", short(&self.data, &self.examples), short(&other.data, &other.examples))
        } else if self.adapter != other.adapter {
            ("adapter", self.adapter.clone(), other.adapter.clone())
        } else if self.weights != other.weights {
            ("model", short(&self.model, &self.weights), short(&other.model, &other.weights))
        } else {
            return None;
        };
        Some(Error::OtherRun { path: kept.path.display().to_string(), what: what.to_owned(), given, expected })
    }
}

fn weights(model: &Model) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(model.config.to_string());
    model.detached().visit(&mut |name, slot| {
        hash.update(name);
        match slot {
            Slot::Vector(tensor) | Slot::Matrix(Weight::Dense { tensor, .. }) => hash.update(tensor.data()),
            Slot::Matrix(Weight::Packed(packed)) => packed.data()?.iter().for_each(|bytes| hash.update(bytes)),
        }
        Ok(())
    })?;
    Ok(format!("{:x}", hash.finalize()))
}

fn examples(data: &Dataset) -> String {
    let mut hash = Sha256::new();
    if let Some(stream) = &data.source.stream {
        hash.update(stream.digest);
        hash.update((stream.len() as u64).to_le_bytes());
    }
    for set in [&data.train, &data.val] {
        hash.update((set.len() as u64).to_le_bytes());
        for example in set {
            hash.update((example.len() as u64).to_le_bytes());
            example.ids.iter().for_each(|id| hash.update(id.to_le_bytes()));
            example.learned.iter().for_each(|learned| hash.update([u8::from(*learned)]));
        }
    }
    format!("{:x}", hash.finalize())
}
