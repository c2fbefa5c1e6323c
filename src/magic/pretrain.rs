use std::path::PathBuf;

use wire::Value;

use super::settings::Settings;
use super::{Magic, Out, Topic, number, train};
use crate::Result;
use crate::plot;
use crate::session::{Session, Shape};
use crate::words::{training, ui};

/// Train a small llama from nothing on a text file
///
/// Learns a byte-level BPE vocabulary from the text, starts from random weights and becomes the session's model. `%save` keeps it.
/// A run that was cut off (Ctrl-C, a crash, no more power) goes on from its last checkpoint when the same line is given again.
#[derive(clap::Args)]
pub struct Args {
    /// A text file; several by commas
    #[arg(value_name = "FILE", value_delimiter = ',', required = true)]
    files: Vec<PathBuf>,
    /// What to call the model
    #[arg(long, value_name = "WORD", default_value = "mine")]
    name: String,
    /// Tokens of the vocabulary
    #[arg(long, value_name = "N", default_value = "1024", value_parser = number::count)]
    vocab: usize,
    /// Blocks of attention and MLP
    #[arg(long, value_name = "N", default_value = "4", value_parser = number::count)]
    layers: usize,
    /// Width of the residual stream
    #[arg(long, value_name = "N", default_value = "128", value_parser = number::count)]
    hidden: usize,
    /// Attention heads
    #[arg(long, value_name = "N", default_value = "4", value_parser = number::count)]
    heads: usize,
    /// Key and value heads; without it as many as heads
    #[arg(long, value_name = "N", value_parser = number::count)]
    kv_heads: Option<usize>,
    /// Width inside the MLP; without it 8/3 of the width, rounded to 32
    #[arg(long, value_name = "N", value_parser = number::count)]
    inner: Option<usize>,
    /// Positions of the context
    #[arg(long, value_name = "N", default_value = "256", value_parser = number::count)]
    context: usize,
    /// Tokens of a training example
    #[arg(long, value_name = "N", default_value = "128", value_parser = number::count)]
    block: usize,
    /// Share of the text held out
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = number::fraction)]
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
    const EXAMPLES: &'static [&'static str] =
        &["%pretrain book.txt steps=200", "%pretrain a.txt,b.txt layers=6 hidden=192 heads=6 vocab=2048 lr=1e-3"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let inner = self.inner.unwrap_or((self.hidden * 8 / 3).next_multiple_of(32));
        let shape = Shape {
            vocabulary: self.vocab,
            layers: self.layers,
            hidden: self.hidden,
            heads: self.heads,
            kv_heads: self.kv_heads.unwrap_or(self.heads),
            inner,
            context: self.context,
        };
        let seed = self.settings.seed.unwrap_or(session.seed());
        session.make_model(&self.name, &self.files, &shape, (seed, self.val, self.block))?;
        let (model, data) = (&session.base()?.model, session.dataset()?);
        let fields: [(&str, &dyn std::fmt::Display); 3] = [
            ("parameters", &plot::number::count(model.parameters())),
            ("vocabulary", &model.spec.vocabulary),
            ("tokens", &plot::number::count(data.tokens() as u64)),
        ];
        out.line(&ui::MADE.with(&fields));
        let recipe = self.settings.recipe(self.epochs, self.steps, 1e-3, session)?;
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
