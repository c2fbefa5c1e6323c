//! `pretrain`: a model from nothing: text, a tokenizer, weights from a seed; what follows is an ordinary full run.

use std::path::Path;

use super::predict::per_parameter;
use super::{Base, Progress, Session};
use crate::data::read::{self, Wanted};
use crate::data::{Dataset, Layout, Options, Row};
use crate::hub::{self, Endpoints, Wish};
use crate::model::{self, Blueprint};
use crate::plot::number;
use crate::random::Random;
use crate::stop::Stop;
use crate::tokenizer::Tokenizer;
use crate::train::Recipe;
use crate::words::{pretrain as words, ui};
use crate::{Error, Result};

/// A model to be made.
#[derive(Clone, Debug)]
pub struct Making<'a> {
    pub name: &'a str,
    pub blueprint: &'a Blueprint,
    /// GPT-2's rule for what writes into the residual stream, on any family.
    pub scaled: bool,
    pub tokens: Tokens<'a>,
    pub text: Text<'a>,
    /// Share held out, and tokens of an example.
    pub val: f64,
    pub block: usize,
    /// Of the weights and of the split.
    pub seed: u64,
}

/// Where the tokenizer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens<'a> {
    /// Learned from the text: so many tokens.
    Own(usize),
    /// The loaded model's.
    Loaded,
    /// That of another model: a name, a folder or a file.
    Of(&'a str),
}

/// What is read: running text, or the text of rows.
#[derive(Clone, Debug, Default)]
pub struct Text<'a> {
    /// Each as `%data` takes one.
    pub sources: &'a [String],
    pub wish: Wish<'a>,
    /// The column that holds the text, where its name does not say it.
    pub column: Option<&'a str>,
    /// Rows of all sources together; all without it.
    pub limit: Option<usize>,
}

/// The token that ends a document.
const END: &str = "<|endoftext|>";

impl Session {
    /// Makes a tokenizer, a fresh model and its examples. They become the session's; `recipe` says what training will need.
    ///
    /// # Errors
    /// Those of reading; `NotText`; `NoModel`, `NoTokenizer`, `BadTokenizer`; `BadValue` for a vocabulary that is too small; `TooBig`; `Interrupted`:
    /// nothing has changed then.
    pub fn make_model(&mut self, making: &Making, recipe: &Recipe, progress: Progress) -> Result<()> {
        if let Tokens::Own(vocabulary @ ..257) = making.tokens {
            return Err(Error::BadValue { option: "vocab".into(), given: vocabulary.to_string(), allowed: ui::VOCAB_LEAST.to_string() });
        }
        let (title, documents) = self.documents(&making.text, progress)?;
        let tokenizer = match making.tokens {
            Tokens::Own(vocabulary) => learned(&documents, vocabulary, making.blueprint.family.pre, &self.stop)?,
            Tokens::Loaded => self.base()?.tokenizer.clone(),
            Tokens::Of(source) => self.tokenizer_of(source, progress)?,
        };
        self.undisturbed()?;
        let parameters = making.blueprint.parameters(tokenizer.vocabulary());
        let what = words::TRAINING_OF.with(&[("parameters", &number::count(parameters))]);
        model::fits(&what, parameters * (8 + per_parameter(recipe)), words::SMALLER.to_string())?;
        let random = Random::seeded(making.seed);
        let model = model::drawn(making.name, making.blueprint.config(&tokenizer), making.scaled, &random, &self.device)?;
        let block = making.block.min(model.spec.context);
        let options = Options { val: making.val, seed: making.seed, block, ..Options::default() };
        let data = Dataset::of_texts(&title, &documents, &options, &tokenizer)?;
        self.undisturbed()?;
        self.put(Base { model, tokenizer, licence: String::new() });
        self.data = Some(data);
        self.publish();
        Ok(())
    }

    fn undisturbed(&self) -> Result<()> {
        if self.stop.raised() { Err(Error::Interrupted { what: words::NOTHING_MADE.to_string() }) } else { Ok(()) }
    }

    /// What to call the sources together, and their texts in order.
    fn documents(&self, text: &Text, progress: Progress) -> Result<(String, Vec<String>)> {
        let (mut names, mut documents) = (Vec::new(), Vec::new());
        let columns: Vec<String> = text.column.map(str::to_owned).into_iter().collect();
        for source in text.sources {
            let limit = text.limit.unwrap_or(usize::MAX) - documents.len();
            if limit == 0 {
                break;
            }
            let servers = || Endpoints::from_environment(&self.cache);
            let set = hub::resolve_set(source, text.wish, &self.cache, &servers, progress, &self.stop)?;
            let rows = read::read_all(&set.files, &Wanted { limit, columns: &columns })?;
            if rows.layout != Layout::Text {
                let columns = rows.columns.join(", ");
                return Err(Error::NotText { path: source.clone(), layout: rows.layout.name().to_owned(), columns });
            }
            names.push(set.name);
            documents.extend(rows.rows.into_iter().filter_map(|(_, row)| match row {
                Row::Text(text) => Some(text),
                Row::Instruction { .. } | Row::Chat(_) => None,
            }));
            self.undisturbed()?;
        }
        let title = match names.as_slice() {
            [first, _, _, ..] => format!("{first} +{}", names.len() - 1),
            few => few.join(", "),
        };
        Ok((title, documents))
    }

    /// The tokenizer of a model by name, or in a folder or a file, with weights beside it or without.
    fn tokenizer_of(&self, source: &str, progress: Progress) -> Result<Tokenizer> {
        let path = Path::new(source);
        if path.is_dir() && ["tokenizer.json", "vocab.json"].iter().any(|name| path.join(name).is_file()) {
            return Tokenizer::from_folder(path);
        }
        if path.is_file() && path.extension().is_some_and(|ending| ending == "json") {
            let looked_for = "tokenizer.json".to_owned();
            return match path.parent().filter(|_| path.ends_with(&looked_for)) {
                Some(folder) => Tokenizer::from_folder(folder),
                None => Err(Error::NoTokenizer { path: source.to_owned(), looked_for }),
            };
        }
        super::load::tokenizer_of(&hub::resolve(source, &self.cache, progress, &self.stop)?)
    }
}

/// Byte-level BPE, learned paragraph by paragraph.
fn learned(documents: &[String], vocabulary: usize, pre: &str, stop: &Stop) -> Result<Tokenizer> {
    let paragraphs = documents.iter().flat_map(|text| text.split_inclusive("\n\n")).take_while(|_| !stop.raised());
    Tokenizer::train_bpe_as(pre, paragraphs.map(str::to_owned), vocabulary, &[END])
}
