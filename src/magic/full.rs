use wire::{Value, value};

use super::{Magic, Out, Topic};
use crate::model::Frozen;
use crate::session::Session;
use crate::words::adapters as words;
use crate::{Result, plot};

/// Choose full fine-tuning, with parts that stay frozen
///
/// `%train` trains all weights where no adapter is attached; `%full` takes the adapter off (it stays under its name), says how many numbers will be
/// trained, and freezes what `freeze=` names: to the bit. It takes four times the memory of the weights, and may forget more than an adapter.
#[derive(clap::Args)]
pub struct Args {
    /// Blocks by number (`0-5`), `embeddings`, `head`, `norms`, `biases`, or parts by name (`attn`, `c_fc`), by commas
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    freeze: Vec<String>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] = &["%full", "%full freeze=0-3,embeddings", "%full freeze=norms,biases"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let model = &session.base()?.model;
        let frozen = Frozen::parse(&self.freeze, model)?;
        let all = model.parameters();
        let trained = all - frozen.count();
        let fields: [(&str, &dyn std::fmt::Display); 4] = [
            ("trained", &plot::number::count(trained)),
            ("all", &plot::number::count(all)),
            ("share", &format!("{:.1}", 100.0 * trained as f64 / all as f64)),
            ("frozen", &frozen.title()),
        ];
        let phrase = if self.freeze.is_empty() { words::FULL } else { words::FULL_FROZEN };
        out.line(&phrase.with(&fields));
        session.train_whole(frozen);
        Ok(value::Full { parameters: all, trained, frozen: self.freeze }.into())
    }
}
