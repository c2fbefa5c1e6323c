//! `data`: a file becomes examples for the loaded model.

use super::{Progress, Session};
use crate::data::{Dataset, Options};
use crate::hub::{self, Endpoints, Set, Wish};
use crate::words::formats;
use crate::{Error, Result};

impl Session {
    /// Reads a file or a known set, tokenised for the model that is loaded.
    ///
    /// # Errors
    /// `NoModel`; those of [`Dataset::load`] and `hub::resolve_data`.
    pub fn read_data(&mut self, name: &str, options: Options, progress: Progress) -> Result<&Dataset> {
        self.read_set(name, Wish::default(), options, progress)
    }

    /// The same for one split of a set of the hub, or of a folder.
    ///
    /// # Errors
    /// As [`Session::read_data`]; those of `hub::resolve_set`.
    pub fn read_set(&mut self, name: &str, wish: Wish, options: Options, progress: Progress) -> Result<&Dataset> {
        let base = self.base()?;
        let servers = || Endpoints::from_environment(&self.cache);
        let set = hub::resolve_set(name, wish, &self.cache, &servers, progress, &self.stop)?;
        let options = Options { max_length: options.max_length.min(self.room()?), ..options };
        let mut data = Dataset::load_files(&set.name, &set.files, &options, &base.tokenizer)?;
        data.source.hub = split_of(&set);
        self.set_data(data);
        self.dataset()
    }

    /// The same for a file that stays where it is: its rows are read as batches need them.
    ///
    /// # Errors
    /// As [`Session::read_set`]; those of [`Dataset::stream`].
    pub fn stream_set(&mut self, name: &str, wish: Wish, options: Options, progress: Progress) -> Result<&Dataset> {
        let base = self.base()?;
        let servers = || Endpoints::from_environment(&self.cache);
        let set = hub::resolve_set(name, wish, &self.cache, &servers, progress, &self.stop)?;
        let [path] = set.files.as_slice() else {
            let allowed = formats::STREAMED.text().to_owned();
            return Err(Error::BadValue { option: "stream".into(), given: "true".into(), allowed });
        };
        let options = Options { max_length: options.max_length.min(self.room()?), ..options };
        let mut data = Dataset::stream(path, &options, &base.tokenizer, progress, &self.stop)?;
        data.source.hub = split_of(&set);
        self.set_data(data);
        self.dataset()
    }

    /// Reads what the next batches need of a file that stays where it is.
    ///
    /// # Errors
    /// Those of [`Dataset::prepare`].
    pub(super) fn prepare(&mut self, wanted: &[usize]) -> Result<()> {
        match (&mut self.data, &self.loaded) {
            (Some(data), Some(base)) => data.prepare(wanted, &base.tokenizer),
            _ => Ok(()),
        }
    }

    /// Makes `data`, tokenised for the loaded model, the session's; a run on other data ends.
    pub fn set_data(&mut self, data: Dataset) {
        self.run = None;
        self.data = Some(data);
        self.publish();
    }
}

/// Which part of a set was taken, and what else there is.
fn split_of(set: &Set) -> Option<String> {
    if set.split.is_empty() {
        return None;
    }
    let names: Vec<&str> = [set.config.as_str(), set.split.as_str()].into_iter().filter(|name| !name.is_empty()).collect();
    let taken = formats::SET_SPLIT.with(&[("split", &names.join(", ")), ("count", &set.files.len())]);
    if set.others.is_empty() {
        return Some(taken);
    }
    Some(formats::SET_OTHERS.with(&[("taken", &taken), ("others", &set.others.join(", "))]))
}
