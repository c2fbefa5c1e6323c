//! `ptune`: virtual tokens for the model that is loaded.

use super::Session;
use crate::Result;
use crate::adapter::{Adapter, Prompt, Start};
use crate::random::Random;

impl Session {
    /// Attaches fresh virtual tokens in place of the adapter that was there.
    ///
    /// # Errors
    /// `NoModel`; those of [`Adapter::prompt`].
    pub fn ptune(&mut self, prompt: Prompt, seed: Option<u64>) -> Result<()> {
        let base = self.base()?;
        let text = match &prompt.start {
            Start::Text(text) => base.tokenizer.encode(text)?,
            Start::Random | Start::Vocabulary => Vec::new(),
        };
        let random = Random::seeded(seed.unwrap_or(self.seed)).fork("ptune");
        let adapter = Adapter::prompt(prompt, &text, &base.model, &random)?;
        self.set_adapter(Some(adapter));
        Ok(())
    }
}
