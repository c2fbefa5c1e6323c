//! A data set that stays in its files: what of it is in memory, and what the next batches need.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Dataset, Encode, Example, Options, Source, Stream, part, split};
use crate::Result;
use crate::stop::Stop;

/// Training examples of a stream that the view and the forecasts are made from.
const LOOKED_AT: usize = 64;

impl Dataset {
    /// A file that is not taken into memory.
    ///
    /// # Errors
    /// Those of [`Stream::open`] and [`Dataset::load`].
    pub fn stream(
        path: &Path,
        options: &Options,
        tokenizer: &impl Encode,
        progress: &mut dyn FnMut(u64, Option<u64>),
        stop: &Stop,
    ) -> Result<Self> {
        Self::stream_files(&part::name(path), &[path.to_owned()], options, tokenizer, progress, stop)
    }

    /// The same for a set in several files.
    ///
    /// # Errors
    /// As [`Dataset::stream`].
    pub fn stream_files(
        name: &str,
        paths: &[PathBuf],
        options: &Options,
        tokenizer: &impl Encode,
        progress: &mut dyn FnMut(u64, Option<u64>),
        stop: &Stop,
    ) -> Result<Self> {
        options.check()?;
        let stream = Stream::open(paths, options, tokenizer, progress, stop)?;
        let (mut rows, mut cut, mut dropped) = (Vec::new(), 0, stream.dropped);
        let mut take = |(row, example): (_, Example)| {
            rows.push(row);
            cut += usize::from(example.len() == options.max_length);
            Example { row: rows.len() - 1, ..example }
        };
        let count = stream.count();
        let looked = LOOKED_AT.min(count);
        let (mut train, mut val) = (Vec::with_capacity(looked), Vec::new());
        for i in 0..looked {
            train.push(take(stream.example(stream.trained(i * count / looked), tokenizer)?));
        }
        for i in stream.held() {
            let (row, example) = stream.row(i, tokenizer)?;
            if example.count() > 0 {
                val.push(take((row, example)));
            } else {
                dropped += 1;
            }
        }
        let (layout, template, duplicates) = (stream.layout, stream.template, stream.duplicates);
        let wanted = split::share(stream.len(), options.val);
        let source = Source { columns: stream.columns.clone(), wanted, stream: Some(Arc::new(stream)), ..Source::default() };
        Ok(Self { name: name.to_owned(), layout, template, rows, train, val, cut, dropped, duplicates, source })
    }

    /// Examples to train on.
    pub fn count(&self) -> usize {
        self.source.stream.as_ref().map_or(self.train.len(), |stream| stream.count())
    }

    /// Example `i` of [`Dataset::count`]; of a stream one that [`Dataset::prepare`] was asked for.
    pub fn get(&self, i: usize) -> &Example {
        match self.source.stream {
            Some(_) => &self.source.ready[&i],
            None => &self.train[i],
        }
    }

    /// Reads the examples that the next batches need, in place of those before. [`Example::row`] is the row's number in the files.
    ///
    /// # Errors
    /// Those of [`Stream::example`].
    pub fn prepare(&mut self, wanted: &[usize], tokenizer: &impl Encode) -> Result<()> {
        let Some(stream) = self.source.stream.clone() else { return Ok(()) };
        let mut ready = BTreeMap::new();
        for i in wanted {
            let kept = self.source.ready.remove(i);
            let example = kept.map_or_else(|| stream.example(stream.trained(*i), tokenizer).map(|(_, example)| example), Ok)?;
            ready.insert(*i, example);
        }
        self.source.ready = ready;
        Ok(())
    }

    /// The row of the data, from 0, that these tokens of a training example were made of.
    pub fn row_of(&self, ids: &[u32]) -> Option<usize> {
        let begins = |example: &&Example| example.ids.starts_with(ids);
        match self.source.stream {
            Some(_) => self.source.ready.values().find(begins),
            None => self.train.iter().find(begins),
        }
        .map(|example| example.row)
    }
}
