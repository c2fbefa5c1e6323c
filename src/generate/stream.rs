//! Generation as a state machine: one token a call, so that whoever drives it can show, stop and serve others in between.

use std::time::Instant;

use candle_core::{DType, Tensor};

use super::{Budget, Options, Processors, Sampler, StopStrings, StoppedBy};
use crate::Result;
use crate::model::{Input, Model, NoTap};
use crate::nn::{Cache, Deltas, Pass};
use crate::random::Random;
use crate::tokenizer::{Decoder, Tokenizer};

pub struct Generation {
    /// Prompt and new tokens.
    ids: Vec<u32>,
    prompt: usize,
    cache: Cache,
    deltas: Option<Deltas>,
    budget: Budget,
    processors: Processors,
    sampler: Sampler,
    decoder: Decoder,
    stops: StopStrings,
    eos: Vec<u32>,
    text: String,
    stopped_by: Option<StoppedBy>,
    started: Instant,
    seconds: f64,
}

impl Generation {
    /// `random` is drawn from when the options ask for sampling; `deltas` are an adapter's.
    ///
    /// # Errors
    /// `ContextFull`, `BadValue` of an option.
    pub fn begin(
        model: &Model,
        tokenizer: &Tokenizer,
        prompt: &[u32],
        deltas: Option<Deltas>,
        options: &Options,
        random: Random,
    ) -> Result<Self> {
        let ahead = deltas.as_ref().map_or(Ok(0), Deltas::ahead)?;
        let budget = Budget::new(options, prompt.len(), model.spec.context.saturating_sub(ahead))?;
        Ok(Self {
            ids: prompt.to_vec(),
            prompt: prompt.len(),
            cache: Cache::new(),
            deltas: deltas.map(|deltas| deltas.detached()),
            budget,
            processors: Processors::new(options, tokenizer.eos(), prompt.len())?,
            sampler: if options.samples() { Sampler::Draw(random) } else { Sampler::Greedy },
            decoder: Decoder::new(tokenizer, true),
            stops: StopStrings::new(&options.stop),
            eos: tokenizer.eos().to_vec(),
            text: String::new(),
            stopped_by: None,
            started: Instant::now(),
            seconds: 0.0,
        })
    }

    /// Takes one token and returns the text it makes sure of; `None` when generation is over.
    ///
    /// # Errors
    /// `NotFinite` logits.
    pub fn step(&mut self, model: &Model) -> Result<Option<String>> {
        if self.stopped_by.is_some() {
            return Ok(None);
        }
        if self.new_ids().len() >= self.budget.tokens {
            return Ok(self.finish(self.budget.then));
        }
        let mut logits = next_logits(model, self.deltas.as_ref(), &self.ids[self.cache.len()..], &mut self.cache)?;
        self.processors.apply(&self.ids, &mut logits);
        let id = self.sampler.pick(&logits, self.new_ids().len())?;
        self.ids.push(id);
        self.seconds = self.started.elapsed().as_secs_f64();
        if self.eos.contains(&id) {
            return Ok(self.finish(StoppedBy::Eos));
        }
        let piece = self.decoder.push(id)?.unwrap_or_default();
        let shown = self.stops.push(&piece);
        self.text.push_str(&shown);
        if self.stops.found() {
            self.stopped_by = Some(StoppedBy::Stop);
        }
        Ok(Some(shown))
    }

    /// Ends generation; returns what was held back.
    pub fn finish(&mut self, why: StoppedBy) -> Option<String> {
        self.stopped_by = Some(why);
        let mut rest = self.stops.push(&self.decoder.flush().unwrap_or_default());
        rest.push_str(&self.stops.finish());
        self.text.push_str(&rest);
        if rest.is_empty() { None } else { Some(rest) }
    }

    pub fn over(&self) -> bool {
        self.stopped_by.is_some()
    }

    pub fn stopped_by(&self) -> Option<StoppedBy> {
        self.stopped_by
    }

    pub fn new_ids(&self) -> &[u32] {
        &self.ids[self.prompt..]
    }

    /// New text, without special tokens and without the stop text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// New tokens a second, the prompt's time included.
    pub fn tokens_per_second(&self) -> f64 {
        self.new_ids().len() as f64 / self.seconds.max(1e-9)
    }
}

/// The logits behind the last of `ids`, which go on where `cache` ends: `[vocabulary]`, f32.
///
/// # Errors
/// `ContextFull`.
pub fn next_logits(model: &Model, deltas: Option<&Deltas>, ids: &[u32], cache: &mut Cache) -> Result<Vec<f32>> {
    let pass = Pass { deltas, ..Pass::default() };
    let input = Tensor::new(ids, &model.device)?.unsqueeze(0)?;
    let hidden = model.forward(Input::Ids(&input), Some(std::slice::from_mut(cache)), &pass, &mut NoTap)?; // (1, T, C)
    let last = hidden.narrow(1, ids.len() - 1, 1)?;
    Ok(model.logits(&last, &pass)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}
