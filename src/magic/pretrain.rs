use std::fmt::Display;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use wire::Value;

use super::settings::{self, Settings};
use super::{Magic, Out, Topic, number, train};
use crate::hub::Wish;
use crate::model::families::FAMILIES;
use crate::model::{Blueprint, Given};
use crate::session::{Making, Session, Text, Tokens};
use crate::train::Recipe;
use crate::words::{pretrain as words, training, ui};
use crate::{Error, Result, plot};

fn families() -> PossibleValuesParser {
    FAMILIES.iter().map(|family| family.name).into()
}

/// Train a model from nothing on text
///
/// Starts from random weights, drawn as transformers draws them, and becomes the session's model; `%save` keeps it. Learns a byte-level BPE vocabulary from the
/// text unless `tokenizer=` names another. DATA is what `%data` reads as running text: a text file, rows with a column of text, a folder, a set of the hub.
/// A run that was cut off (Ctrl-C, a crash, no more power) goes on from its last checkpoint when the same line is given again.
#[derive(clap::Args)]
pub struct Args {
    /// Text, as `%data` takes it; several by commas
    #[arg(value_name = "DATA", value_delimiter = ',', required = true)]
    files: Vec<String>,
    /// What to call the model
    #[arg(long, value_name = "WORD", default_value = "mine")]
    name: String,
    /// Architecture; without it that of `config`, or llama
    #[arg(long, value_name = "NAME", value_parser = families(), help_heading = settings::MODEL)]
    family: Option<String>,
    /// A config.json to begin with, of a model of any size; the options below go over it, and what they leave out keeps its proportions
    #[arg(long, value_name = "FILE", help_heading = settings::MODEL)]
    config: Option<PathBuf>,
    /// Blocks of attention and MLP; 4 without a config
    #[arg(long, value_name = "N", value_parser = number::count, help_heading = settings::MODEL)]
    layers: Option<usize>,
    /// Width of the residual stream; 128 without a config
    #[arg(long, value_name = "N", value_parser = number::count, help_heading = settings::MODEL)]
    hidden: Option<usize>,
    /// Attention heads; 4 without a config
    #[arg(long, value_name = "N", value_parser = number::count, help_heading = settings::MODEL)]
    heads: Option<usize>,
    /// Key and value heads, of llama, mistral, qwen2 and qwen3; as many as heads without a config
    #[arg(long, value_name = "N", value_parser = number::count, help_heading = settings::MODEL)]
    kv_heads: Option<usize>,
    /// Width of a head, of llama, mistral, qwen2 and qwen3; hidden / heads without a config
    #[arg(long, value_name = "N", value_parser = number::count, help_heading = settings::MODEL)]
    head_dim: Option<usize>,
    /// Width inside the MLP; without a config 4 times hidden in gpt2 and gpt_neox, else 8/3, rounded to 32
    #[arg(long, value_name = "N", value_parser = number::count, help_heading = settings::MODEL)]
    inner: Option<usize>,
    /// Positions of the context; 256 without a config
    #[arg(long, value_name = "N", value_parser = number::count, help_heading = settings::MODEL)]
    context: Option<usize>,
    /// Keys that a query sees, of mistral; 4096 without a config
    #[arg(long, value_name = "N", value_parser = number::count, help_heading = settings::MODEL)]
    window: Option<usize>,
    /// Share of each head that rope turns, of gpt_neox; 0.25 without a config
    #[arg(long, value_name = "SHARE", value_parser = number::mass, help_heading = settings::MODEL)]
    rotary: Option<f64>,
    /// Whether the head is the embedding table; true without a config
    #[arg(long, value_name = "BOOL", help_heading = settings::MODEL)]
    tie: Option<bool>,
    /// First weights: `family`, as transformers draws them, or `scaled`, where what writes into the residual stream starts smaller by 1/sqrt(2 layers), as in GPT-2
    #[arg(long, value_name = "NAME", default_value = "family", value_parser = ["family", "scaled"], help_heading = settings::MODEL)]
    init: String,
    /// `own`, learned from the text; `loaded`, that of the loaded model; or that of a model by name, folder or file
    #[arg(long, value_name = "MODEL", default_value = "own", help_heading = settings::TEXT)]
    tokenizer: String,
    /// Tokens of an own vocabulary; without it 1024
    #[arg(long, value_name = "N", value_parser = number::count, help_heading = settings::TEXT)]
    vocab: Option<usize>,
    /// The column that holds the text, where its name does not say it
    #[arg(long, value_name = "NAME", help_heading = settings::TEXT)]
    column: Option<String>,
    /// Split of a hub's set or of a folder; train where there is one
    #[arg(long, value_name = "NAME", help_heading = settings::TEXT)]
    split: Option<String>,
    /// Configuration of a hub's set
    #[arg(long, value_name = "NAME", help_heading = settings::TEXT)]
    subset: Option<String>,
    /// Read only the first rows
    #[arg(long, value_name = "N", value_parser = number::count, help_heading = settings::TEXT)]
    limit: Option<usize>,
    /// Tokens of a training example
    #[arg(long, value_name = "N", default_value = "128", value_parser = number::count, help_heading = settings::TEXT)]
    block: usize,
    /// Share of the text held out
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = number::fraction, help_heading = settings::TEXT)]
    val: f64,
    /// Passes over the text
    #[arg(long, value_name = "N", default_value = "1", value_parser = number::positive)]
    epochs: f64,
    /// Optimizer steps, instead of epochs
    #[arg(long, value_name = "N", value_parser = number::count)]
    steps: Option<usize>,
    /// Begin anew although the same line was cut off before
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    fresh: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] = &[
        "%pretrain book.txt steps=200",
        "%pretrain stories.jsonl family=qwen3 kv_heads=2 tie=false tokenizer=loaded",
        "%pretrain book.txt config=qwen3/config.json layers=2 hidden=64 heads=4",
        "%pretrain a.txt,b.txt family=gpt2 layers=6 hidden=192 heads=6 vocab=2048",
    ];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let recipe = self.settings.recipe(self.epochs, self.steps, 1e-3, session)?;
        self.make(&recipe, session, out)?;
        self.announce(session, out)?;
        session.save_memory(self.settings.thrift());
        let prediction = session.begin_training(recipe, self.settings.dtype())?;
        train::announce(&prediction, session, out)?;
        let found = session.keep_run(self.settings.save_every);
        if self.fresh {
            train::begin_anew(found, out)?;
        } else if let Some(found) = found? {
            session.go_on(&found, self.settings.save_every)?;
            out.note(&train::about(if found.done { training::RUN_IS_BACK } else { ui::RUN_GOES_ON }, &found));
        }
        train::drive(session, out)
    }
}

impl Args {
    fn given(&self) -> Given {
        let Self { layers, hidden, heads, kv_heads, head_dim, inner, context, window, rotary, tie, .. } = *self;
        Given { layers, hidden, heads, kv_heads, head_dim, inner, context, window, rotary, tie }
    }

    fn tokens(&self) -> Result<Tokens<'_>> {
        let tokens = match self.tokenizer.as_str() {
            "own" => return Ok(Tokens::Own(self.vocab.unwrap_or(1024))),
            "loaded" => Tokens::Loaded,
            source => Tokens::Of(source),
        };
        match self.vocab {
            None => Ok(tokens),
            Some(vocab) => Err(Error::BadValue { option: "vocab".into(), given: vocab.to_string(), allowed: words::ONLY_OWN.to_string() }),
        }
    }

    fn make(&self, recipe: &Recipe, session: &mut Session, out: &mut Out) -> Result<()> {
        let blueprint = Blueprint::new(self.family.as_deref(), self.config.as_deref(), &self.given())?;
        let wish = Wish { config: self.subset.as_deref(), split: self.split.as_deref() };
        let making = Making {
            name: &self.name,
            blueprint: &blueprint,
            scaled: self.init == "scaled",
            tokens: self.tokens()?,
            text: Text { sources: &self.files, wish, column: self.column.as_deref(), limit: self.limit },
            val: self.val,
            block: self.block,
            seed: recipe.seed,
        };
        let label = ui::FETCHING.with(&[("what", &self.files.join(", "))]);
        let mut progress = |done, total: Option<u64>| out.progress("fetch", done, total.unwrap_or(done + 1), &label);
        session.make_model(&making, recipe, &mut progress)
    }

    /// What was made.
    fn announce(&self, session: &Session, out: &mut Out) -> Result<()> {
        let (base, data) = (session.base()?, session.dataset()?);
        let tokenizer = match self.tokenizer.as_str() {
            "own" => words::LEARNED.to_string(),
            "loaded" => words::LOADED.to_string(),
            source => words::FROM.with(&[("source", &source)]),
        };
        let fields: [(&str, &dyn Display); 5] = [
            ("family", &base.model.family.name),
            ("parameters", &plot::number::count(base.model.parameters())),
            ("vocabulary", &base.model.spec.vocabulary),
            ("tokenizer", &tokenizer),
            ("tokens", &plot::number::count(data.tokens() as u64)),
        ];
        out.line(&words::MADE.with(&fields));
        let (given, wanted) = (base.model.spec.vocabulary, self.vocab.unwrap_or(1024));
        if self.tokenizer == "own" && given < wanted {
            out.note(&words::SHORT_VOCABULARY.with(&[("given", &given), ("wanted", &wanted)]));
        }
        if base.tokenizer.eos().is_empty() {
            out.warn(&words::NO_END.to_string());
        }
        Ok(())
    }
}
