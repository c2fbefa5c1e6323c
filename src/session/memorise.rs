//! `eval memorised`: how much of what the model writes after prefixes of the training set stands in that set word for word.

use super::Session;
use crate::data::Example;
use crate::eval::{GRAM, Share, shares};
use crate::generate::{Generation, Options};
use crate::random::Random;
use crate::{Result, device};

/// New tokens after a prefix, at most.
pub const WRITTEN: usize = 64;

/// Prefixes whose continuations are looked at, and what was written so far.
pub struct Memory {
    prefixes: Vec<Prefix>,
    written: Vec<Vec<u32>>,
}

struct Prefix {
    ids: Vec<u32>,
    /// How the example goes on.
    rest: Vec<u32>,
    held_out: bool,
}

/// What was found. Shares are of sequences of eight tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memorised {
    /// Prompted with training prefixes.
    pub trained: Share,
    /// Prompted with held-out prefixes.
    pub held_out: Share,
    /// Of the held-out text itself: what a writer who copies nothing repeats by chance.
    pub chance: Share,
    /// Prefixes of either kind.
    pub prefixes: (usize, usize),
}

impl Session {
    /// Prefixes of the first `limit` training and held-out examples that are long enough.
    ///
    /// # Errors
    /// `NoModel`, `NoData`.
    pub fn begin_memory(&self, limit: usize) -> Result<Memory> {
        let (base, data) = (self.base()?, self.dataset()?);
        let context = base.model.spec.context;
        let of = |examples: &[Example], held_out: bool| {
            let prefixes = examples.iter().filter_map(|example| prefix(example, held_out, context));
            prefixes.take(limit).collect::<Vec<_>>()
        };
        let prefixes: Vec<Prefix> = of(&data.train, false).into_iter().chain(of(&data.val, true)).collect();
        Ok(Memory { prefixes, written: Vec::new() })
    }

    /// Goes on after the next prefix; `false` when all are done.
    ///
    /// # Errors
    /// `NoModel`, `NotFinite`.
    pub fn write_on(&self, memory: &mut Memory) -> Result<bool> {
        let Some(prefix) = memory.prefixes.get(memory.written.len()) else { return Ok(false) };
        let base = self.base()?;
        let options = Options { max_new_tokens: Some(prefix.rest.len().clamp(GRAM, WRITTEN)), ..Options::default() };
        let mut generation = Generation::begin(&base.model, &base.tokenizer, &prefix.ids, self.deltas(), &options, Random::seeded(0))?;
        while !self.stop.raised() && device::on_workers(|| generation.step(&base.model))?.is_some() {}
        memory.written.push(generation.new_ids().to_vec());
        Ok(true)
    }

    /// # Errors
    /// `NoData`
    pub fn memorised(&self, memory: &Memory) -> Result<Memorised> {
        let train = &self.dataset()?.train;
        let held: Vec<&[u32]> = memory.prefixes.iter().filter(|prefix| prefix.held_out).map(|prefix| prefix.rest.as_slice()).collect();
        let texts: Vec<&[u32]> = memory.written.iter().map(Vec::as_slice).chain(held).collect();
        let found = shares(&texts, train.iter().map(|example| example.ids.as_slice()));
        let mut result = Memorised::default();
        for (share, prefix) in found.iter().zip(&memory.prefixes[..memory.written.len()]) {
            let (sum, count) = match prefix.held_out {
                true => (&mut result.held_out, &mut result.prefixes.1),
                false => (&mut result.trained, &mut result.prefixes.0),
            };
            *sum += *share;
            *count += 1;
        }
        found[memory.written.len()..].iter().for_each(|share| result.chance += *share);
        Ok(result)
    }
}

impl Memory {
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    pub fn done(&self) -> usize {
        self.written.len()
    }
}

/// The prompt of an answer, or the first half of a text: what stands before the first learned token, if that is more than the start.
fn prefix(example: &Example, held_out: bool, context: usize) -> Option<Prefix> {
    let learned = example.learned.iter().position(|learned| *learned)?;
    let at = if learned > 1 { learned } else { example.len() / 2 };
    let fits = at > 0 && example.len() - at >= GRAM && at + WRITTEN <= context;
    fits.then(|| Prefix { ids: example.ids[..at].to_vec(), rest: example.ids[at..].to_vec(), held_out })
}
