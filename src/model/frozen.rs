//! Which weights a full run leaves as they are: blocks by number, parts by name.

use std::collections::BTreeSet;

use super::{Model, Slot};
use crate::words::adapters as words;
use crate::{Error, Result};

/// The names of frozen tensors, and what was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frozen {
    given: Vec<String>,
    tensors: BTreeSet<String>,
    /// Numbers in them.
    count: u64,
}

impl Frozen {
    /// From the words of a line: `3`, `0-5`, `embeddings`, `head`, `norms`, `biases`, or the name of a part (`attn`, `c_fc`, `transformer.h.0`).
    /// Each must hit.
    ///
    /// # Errors
    /// `BadValue` with the parts that the model has.
    pub fn parse(given: &[String], model: &Model) -> Result<Self> {
        let mut all = Vec::new();
        let names = &model.family.names;
        let mut model = model.detached();
        let (embed, positions, head) =
            (format!("{}.weight", names.embed), format!("{}.weight", names.positions), format!("{}.weight", names.head));
        model.visit(&mut |name, slot| {
            let count = match slot {
                Slot::Matrix(weight) => weight.elements(),
                Slot::Vector(tensor) => tensor.elem_count() as u64,
            };
            all.push((name.to_owned(), count));
            Ok(())
        })?;
        let mut frozen = Self { given: given.to_vec(), ..Self::default() };
        for word in given {
            let wanted = |name: &str| match (word.as_str(), range(word)) {
                (_, Some((first, last))) => layer(name).is_some_and(|layer| (first..=last).contains(&layer)),
                ("embeddings", _) => name == embed || name == positions,
                ("head", _) => name == head,
                ("norms", _) => owner(name).contains("norm") || owner(name).starts_with("ln_"),
                ("biases", _) => name.ends_with(".bias"),
                (part, _) => format!(".{name}.").contains(&format!(".{part}.")),
            };
            let hit: Vec<_> = all.iter().filter(|(name, _)| wanted(name)).collect();
            if hit.is_empty() {
                let fields: [(&str, &dyn std::fmt::Display); 2] =
                    [("last", &(model.layers.len().saturating_sub(1))), ("known", &parts(&all).join(", "))];
                let allowed = words::FREEZE_FORM.with(&fields);
                return Err(Error::BadValue { option: "freeze".to_owned(), given: word.clone(), allowed });
            }
            frozen.tensors.extend(hit.into_iter().map(|(name, _)| name.clone()));
        }
        frozen.count = all.iter().filter(|(name, _)| frozen.holds(name)).map(|(_, count)| count).sum();
        Ok(frozen)
    }

    /// Whether the tensor stays as it is.
    pub fn holds(&self, tensor: &str) -> bool {
        self.tensors.contains(tensor)
    }

    /// Frozen numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// As it was asked for.
    pub fn title(&self) -> String {
        self.given.join(",")
    }
}

/// `3` and `0-5`.
fn range(word: &str) -> Option<(usize, usize)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// The number of the block a tensor belongs to.
fn layer(name: &str) -> Option<usize> {
    name.split('.').find_map(|part| part.parse().ok())
}

/// What the tensor belongs to: the part before its last.
fn owner(name: &str) -> &str {
    name.rsplit('.').nth(1).unwrap_or_default()
}

/// The names of parts, each once, in the model's order.
fn parts(all: &[(String, u64)]) -> Vec<String> {
    let mut parts: Vec<String> = ["embeddings", "head", "norms", "biases"].map(str::to_owned).to_vec();
    for (name, _) in all {
        for part in name.split('.').filter(|part| part.parse::<usize>().is_err() && !matches!(*part, "weight" | "bias")) {
            if !parts.iter().any(|known| known == part) {
                parts.push(part.to_owned());
            }
        }
    }
    parts
}
