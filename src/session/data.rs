//! `data`: a file becomes examples for the loaded model.

use super::{Progress, Session};
use crate::Result;
use crate::data::{Dataset, Options};
use crate::hub;

impl Session {
    /// Reads a file or a known set, tokenised for the model that is loaded.
    ///
    /// # Errors
    /// `NoModel`; those of [`Dataset::load`] and `hub::resolve_data`.
    pub fn read_data(&mut self, name: &str, options: Options, progress: Progress) -> Result<&Dataset> {
        let base = self.base()?;
        let path = hub::resolve_data(name, &self.cache, progress, &self.stop)?;
        let options = Options { max_length: options.max_length.min(self.room()?), ..options };
        let data = Dataset::load(&path, &options, &base.tokenizer)?;
        self.set_data(data);
        self.dataset()
    }

    /// Makes `data`, tokenised for the loaded model, the session's; a run on other data ends.
    pub fn set_data(&mut self, data: Dataset) {
        self.run = None;
        self.data = Some(data);
        self.publish();
    }
}
