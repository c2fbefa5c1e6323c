//! `ptune`: virtual tokens for the model that is loaded.

use super::Session;
use crate::Result;
use crate::adapter::{Adapter, Prompt, Start};
use crate::random::Random;

impl Session {
    /// Fresh virtual tokens, not attached yet.
    ///
    /// # Errors
    /// `NoModel`; those of [`Adapter::prompt`].
    pub fn fresh_prompt(&self, prompt: Prompt, seed: Option<u64>) -> Result<Adapter> {
        let base = self.base()?;
        let text = match &prompt.start {
            Start::Text(text) => base.tokenizer.encode(text)?,
            Start::Random | Start::Vocabulary => Vec::new(),
        };
        let random = Random::seeded(seed.unwrap_or(self.seed)).fork("ptune");
        Adapter::prompt(prompt, &text, &base.model, &random)
    }
}
