//! A data set ready to train on: examples of token ids, split, with a count of everything that was changed or left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::layout::{Layout, Row};
use super::mask::{self, Example};
use super::stream::Stream;
use super::{Encode, Template, read, split, template};
use crate::words::{formats, ui};
use crate::{Error, Result};

#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Share of the examples kept for validation, 0 <= val < 1.
    pub val: f64,
    /// Of the split.
    pub seed: u64,
    pub template: Template,
    /// Tokens of a block of plain text, at least 2.
    pub block: usize,
    /// Longer examples are cut to this many tokens: the model's context.
    pub max_length: usize,
    /// Rows to read; all without it.
    pub limit: Option<usize>,
    /// As [`read::Wanted::columns`].
    pub columns: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { val: 0.1, seed: 42, template: Template::Auto, block: 128, max_length: usize::MAX, limit: None, columns: Vec::new() }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The file's name without folders.
    pub name: String,
    pub layout: Layout,
    /// How the rows were worded; `None` for plain text. Never `Auto`.
    pub template: Option<Template>,
    /// The rows as written; `Example::row` points here.
    pub rows: Vec<Row>,
    pub train: Vec<Example>,
    pub val: Vec<Example>,
    /// Examples shortened to the context.
    pub cut: usize,
    /// Rows and blocks left out: an empty answer, nothing to learn after the cut.
    pub dropped: usize,
    /// Validation examples that also stand in the training set.
    pub duplicates: usize,
    pub source: Source,
}

/// Where the rows come from, as far as the name does not say it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// The columns that the rows were made of.
    pub columns: Vec<String>,
    /// Of a set of the hub: which part.
    pub hub: Option<String>,
    /// `Dataset::train` holds only a few rows to look at; the others are read as batches need them.
    pub stream: Option<Arc<Stream>>,
    /// Validation examples that were asked for: of a stream, some may not be kept.
    pub wanted: usize,
    /// What the next batches need.
    pub(super) ready: BTreeMap<usize, Example>,
}

impl Dataset {
    /// Reads, words, tokenises, masks and splits a file.
    ///
    /// # Errors
    /// Those of [`read::read`]; `BadValue` for options out of range; `BadRow` for a row the template cannot word;
    /// `NoChatTemplate` if one is needed and missing; `NothingToLearn` if no example is left.
    pub fn load(path: &Path, options: &Options, tokenizer: &impl Encode) -> Result<Self> {
        let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        Self::load_files(&name, &[path.to_owned()], options, tokenizer)
    }

    /// The same for a set in several files.
    ///
    /// # Errors
    /// As [`Dataset::load`].
    pub fn load_files(name: &str, paths: &[PathBuf], options: &Options, tokenizer: &impl Encode) -> Result<Self> {
        options.check()?;
        let rows = read::read_all(paths, &read::Wanted { limit: options.limit.unwrap_or(usize::MAX), columns: &options.columns })?;
        Self::build(name, paths.first().map_or(Path::new(name), PathBuf::as_path), rows, options, tokenizer)
    }

    /// Documents that are in memory already, as a file of them would be read.
    ///
    /// # Errors
    /// `EmptyData` under `name`; `BadValue` for options out of range.
    pub fn of_texts<S: AsRef<str>>(name: &str, documents: &[S], options: &Options, tokenizer: &impl Encode) -> Result<Self> {
        options.check()?;
        if documents.iter().all(|text| text.as_ref().trim().is_empty()) {
            return Err(Error::EmptyData { path: name.to_owned() });
        }
        let limit = options.limit.unwrap_or(usize::MAX);
        let rows = documents.iter().take(limit).enumerate().map(|(i, text)| (i + 1, Row::Text(text.as_ref().to_owned()))).collect();
        Self::build(name, Path::new(name), read::Rows { layout: Layout::Text, rows, columns: Vec::new() }, options, tokenizer)
    }

    fn build(name: &str, path: &Path, rows: read::Rows, options: &Options, tokenizer: &impl Encode) -> Result<Self> {
        let template = template_for(rows.layout, options, tokenizer)?;
        let mut made = match rows.layout {
            Layout::Text => blocks(&rows.rows, options, tokenizer)?,
            _ => examples(path, &rows.rows, template, tokenizer)?,
        };
        let total = made.len();
        let mut cut = 0;
        made.retain_mut(|example| {
            let shortened = example.cut(options.max_length);
            let kept = example.count() > 0;
            cut += usize::from(shortened && kept);
            kept
        });
        if made.is_empty() {
            return Err(Error::NothingToLearn { examples: total });
        }
        let dropped = total - made.len();
        let (train, val) = split::split(made, options.val, options.seed)?;
        let duplicates = split::duplicates(&train, &val);
        let source = Source { columns: rows.columns, ..Source::default() };
        let rows_kept = rows.rows.into_iter().map(|(_, row)| row).collect();
        Ok(Self { name: name.to_owned(), layout: rows.layout, template, rows: rows_kept, train, val, cut, dropped, duplicates, source })
    }

    /// Tokens of all examples.
    pub fn tokens(&self) -> usize {
        self.train.iter().chain(&self.val).map(Example::len).sum()
    }

    /// Tokens whose prediction is learned, of all examples.
    pub fn learned(&self) -> usize {
        self.train.iter().chain(&self.val).map(Example::count).sum()
    }

    /// Tokens of the longest example.
    pub fn longest(&self) -> usize {
        self.train.iter().chain(&self.val).map(Example::len).max().unwrap_or(0)
    }

    /// The question and the answer of an example's row, for looking and for scoring; `None` for plain text.
    pub fn question(&self, example: &Example) -> Option<(String, String)> {
        match self.rows.get(example.row)? {
            Row::Instruction { instruction, input, output } => Some((template::question(instruction, input), output.clone())),
            Row::Chat(turns) => {
                let at = turns.iter().position(|turn| turn.role == "assistant")?;
                Some((turns.get(at.checked_sub(1)?)?.content.clone(), turns[at].content.clone()))
            }
            Row::Text(_) => None,
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<()> {
        let bad =
            |option: &str, given: String, allowed: &str| Err(Error::BadValue { option: option.into(), given, allowed: allowed.into() });
        if !(0.0..1.0).contains(&self.val) {
            return bad("val", self.val.to_string(), "0 <= val < 1");
        }
        if self.block < 2 {
            return bad("block", self.block.to_string(), "block >= 2");
        }
        if self.max_length < 2 {
            return bad("max_length", self.max_length.to_string(), "max_length >= 2");
        }
        if self.columns.len() > 3 {
            return bad("column", self.columns.join(","), formats::COLUMNS_WANTED.text());
        }
        if self.limit == Some(0) {
            return bad("limit", "0".to_owned(), "limit >= 1");
        }
        Ok(())
    }
}

/// One example a row.
fn examples(path: &Path, rows: &[(usize, Row)], template: Option<Template>, tokenizer: &impl Encode) -> Result<Vec<Example>> {
    let one = |(i, (place, row)): (usize, &(usize, Row))| Ok(Example { row: i, ..example(path, *place, row, template, tokenizer)? });
    rows.iter().enumerate().map(one).collect()
}

/// A row that stands alone. With an empty answer it becomes an example without learned tokens.
pub(super) fn example(path: &Path, place: usize, row: &Row, template: Option<Template>, tokenizer: &impl Encode) -> Result<Example> {
    let example = match row {
        row if row.is_empty() => Ok(Example::new(Vec::new(), 0)),
        Row::Instruction { instruction, input, output } if template == Some(Template::Alpaca) => {
            mask::alpaca(tokenizer, instruction, input, output)
        }
        Row::Instruction { instruction, input, output } => mask::chat(tokenizer, &template::turns(instruction, input, output)),
        Row::Chat(turns) => mask::chat(tokenizer, turns),
        Row::Text(text) => mask::open(tokenizer, text).map(|mut ids| {
            ids.extend(tokenizer.eos());
            Example::new(ids, 0)
        }),
    };
    example.map_err(|error| match error {
        Error::BadTemplate { cause } => Error::BadRow { path: path.display().to_string(), row: place, cause },
        other => other,
    })
}

/// How rows of this layout are worded.
pub(super) fn template_for(layout: Layout, options: &Options, tokenizer: &impl Encode) -> Result<Option<Template>> {
    let template = match layout {
        Layout::Instruction => Some(options.template.resolve(tokenizer)),
        Layout::Chat => Some(Template::Chat),
        Layout::Text => None,
    };
    if template == Some(Template::Chat) && !tokenizer.has_chat() {
        return Err(Error::NoChatTemplate { model: ui::THIS_MODEL.text().to_owned() });
    }
    Ok(template)
}

/// Documents, each ended by eos, as one stream cut into blocks; the last may be shorter. Every token but a block's first is learned.
fn blocks(rows: &[(usize, Row)], options: &Options, tokenizer: &impl Encode) -> Result<Vec<Example>> {
    let mut stream: Vec<u32> = Vec::new();
    let mut starts = Vec::with_capacity(rows.len());
    for (_, row) in rows {
        starts.push(stream.len());
        if let Row::Text(text) = row
            && !text.trim().is_empty()
        {
            stream.extend(mask::open(tokenizer, text)?);
            stream.extend(tokenizer.eos());
        }
    }
    let block = options.block.min(options.max_length);
    let row_of = |at: usize| starts.partition_point(|&start| start <= at).saturating_sub(1);
    let make = |(i, ids): (usize, &[u32])| Example { row: row_of(i * block), ..Example::new(ids.to_vec(), 0) };
    Ok(stream.chunks(block).enumerate().map(make).collect())
}
