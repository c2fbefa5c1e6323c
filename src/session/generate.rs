//! `generate`, `chat`: one token a step, the session's queue in between.

use super::Session;
use crate::device;
use crate::generate::{Generation, Options, StoppedBy};
use crate::random::Random;
use crate::tokenizer::Message;
use crate::{Error, Result};

/// What a generation wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub text: String,
    pub ids: Vec<u32>,
    pub tokens_per_second: f64,
    pub stopped_by: StoppedBy,
}

impl Session {
    /// Starts to write on from `prompt`.
    ///
    /// # Errors
    /// `NoModel`, `ContextFull`, `BadValue`.
    pub fn begin_generation(&mut self, prompt: &str, options: &Options) -> Result<()> {
        let ids = self.encode_prompt("generate", prompt)?;
        self.begin_from(&ids, options)
    }

    /// An empty prompt is the model's first token, where it has one.
    pub(super) fn encode_prompt(&self, magic: &str, prompt: &str) -> Result<Vec<u32>> {
        let tokenizer = &self.base()?.tokenizer;
        let ids = tokenizer.encode(prompt)?;
        let ids: Vec<u32> = if ids.is_empty() { tokenizer.bos().into_iter().collect() } else { ids };
        if ids.is_empty() { Err(Error::MissingArgument { magic: magic.to_owned(), argument: "PROMPT".into() }) } else { Ok(ids) }
    }

    fn begin_from(&mut self, ids: &[u32], options: &Options) -> Result<()> {
        // Each generation draws from a generator of its own, so that `seed=` repeats it whatever came before.
        let random = Random::seeded(options.seed.unwrap_or_else(|| self.random.bits()));
        let base = self.loaded.as_ref().ok_or(Error::NoModel {})?;
        let deltas = self.adapter.as_ref().map(|adapter| adapter.deltas().detached());
        self.generation = Some(Generation::begin(&base.model, &base.tokenizer, ids, deltas, options, random)?);
        Ok(())
    }

    /// Adds a turn of the person to the conversation and starts the model's answer. `system` begins a new conversation.
    ///
    /// # Errors
    /// `NoChatTemplate`, and those of [`Session::begin_generation`].
    pub fn begin_chat(&mut self, message: &str, system: Option<&str>, options: &Options) -> Result<()> {
        let base = self.base()?;
        if !base.tokenizer.has_chat() {
            return Err(Error::NoChatTemplate { model: base.model.name.clone() });
        }
        let mut turns = match system {
            Some(system) => vec![Message::new("system", system)],
            None => self.chat.clone(),
        };
        turns.push(Message::new("user", message));
        let prompt = base.tokenizer.chat(&turns, true)?;
        let ids = base.tokenizer.encode_plain(&prompt)?;
        self.begin_from(&ids, options)?;
        self.chat = turns;
        Ok(())
    }

    /// Forgets the conversation.
    pub fn end_chat(&mut self) {
        self.chat.clear();
    }

    /// One token further: the text that is certain now, `None` at the end or when stopped.
    ///
    /// # Errors
    /// `NotFinite` logits.
    pub fn next_token(&mut self) -> Result<Option<String>> {
        let (Some(generation), Some(base)) = (&mut self.generation, &self.loaded) else { return Ok(None) };
        if self.stop.raised() && !generation.over() {
            return Ok(generation.finish(StoppedBy::Interrupt));
        }
        device::on_workers(|| generation.step(&base.model))
    }

    /// Ends the generation; an answer becomes part of the conversation.
    ///
    /// # Errors
    /// `NoModel` when none was begun.
    pub fn finish_generation(&mut self, answer: bool) -> Result<Written> {
        let generation = self.generation.take().ok_or(Error::NoModel {})?;
        let written = Written {
            text: generation.text().to_owned(),
            ids: generation.new_ids().to_vec(),
            tokens_per_second: generation.tokens_per_second(),
            stopped_by: generation.stopped_by().unwrap_or(StoppedBy::Interrupt),
        };
        if answer {
            self.chat.push(Message::new("assistant", written.text.trim()));
        }
        Ok(written)
    }
}
