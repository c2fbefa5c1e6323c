//! `data`: a file becomes examples for the loaded model.

use super::{Progress, Session};
use crate::Result;
use crate::data::{Dataset, Options, weigh};
use crate::device::memory;
use crate::hub::{self, Endpoints, Set, Wish};
use crate::words::formats;

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
        self.take_set(name, wish, options, Some(false), progress)?;
        self.dataset()
    }

    /// The same for files that stay where they are: their rows are read as batches need them.
    ///
    /// # Errors
    /// As [`Session::read_set`]; those of [`Dataset::stream`].
    pub fn stream_set(&mut self, name: &str, wish: Wish, options: Options, progress: Progress) -> Result<&Dataset> {
        self.take_set(name, wish, options, Some(true), progress)?;
        self.dataset()
    }

    /// One split, streamed or not as `stream` says; where it says nothing, streamed if reading it whole would take more than half of
    /// the memory that is free: what that would be and what is free.
    ///
    /// # Errors
    /// As [`Session::stream_set`].
    pub fn take_set(
        &mut self,
        name: &str,
        wish: Wish,
        options: Options,
        stream: Option<bool>,
        progress: Progress,
    ) -> Result<Option<(u64, u64)>> {
        let base = self.base()?;
        let servers = || Endpoints::from_environment(&self.cache);
        let set = hub::resolve_set(name, wish, &self.cache, &servers, progress, &self.stop)?;
        let options = Options { max_length: options.max_length.min(self.room()?), ..options };
        let large = match stream {
            None if options.limit.is_none() => too_large(weigh::whole(&set.files, &options.columns)?, memory::available()),
            _ => None,
        };
        let mut data = if stream == Some(true) || large.is_some() {
            Dataset::stream_files(&set.name, &set.files, &options, &base.tokenizer, progress, &self.stop)?
        } else {
            Dataset::load_files(&set.name, &set.files, &options, &base.tokenizer)?
        };
        data.source.hub = split_of(&set);
        self.set_data(data);
        Ok(large)
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

/// Both numbers, where the first is more than half of the second.
fn too_large(needed: Option<u64>, available: Option<u64>) -> Option<(u64, u64)> {
    needed.zip(available).filter(|(needed, available)| *needed > available / 2)
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

#[cfg(test)]
mod tests {
    use super::too_large;

    #[test]
    fn data_stays_in_its_files_from_half_of_the_memory_on() {
        assert_eq!(too_large(Some(51), Some(100)), Some((51, 100)));
        assert_eq!(too_large(Some(50), Some(100)), None);
        assert_eq!((too_large(None, Some(1)), too_large(Some(1), None)), (None, None), "packed files; a system that does not say");
    }
}
