use std::path::PathBuf;

use wire::{Value, value};

use super::{Magic, Out, Topic, number};
use crate::data;
use crate::eval::{GRAM, Perplexity, Share};
use crate::session::{Session, WRITTEN};
use crate::words::{memory as words, ui};
use crate::{Error, Result};

/// Measure the model
///
/// `%eval ppl FILE` is the strided perplexity of transformers' documentation over a text. `%eval ppl` without a file is the perplexity of the
/// learned tokens of the validation examples of `%data`. The two are different numbers: the method is printed with each.
/// `%eval memorised` lets the model go on after the beginnings of training examples and counts what stands there word for word.
#[derive(clap::Args)]
pub struct Args {
    /// What to measure
    #[arg(value_name = "METRIC", value_parser = ["ppl", "memorised"])]
    metric: String,
    /// A text file
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Tokens by which the window moves on; without it half a window
    #[arg(long, value_name = "N", value_parser = number::count)]
    stride: Option<usize>,
    /// Tokens of a window; without it 512 or the context
    #[arg(long, value_name = "N", value_parser = number::count)]
    max_length: Option<usize>,
    /// Only the first windows, or examples
    #[arg(long, value_name = "N", value_parser = number::count)]
    limit: Option<usize>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Evaluate;
    const EXAMPLES: &'static [&'static str] =
        &["%eval ppl", "%eval ppl book.txt stride=256", "%eval memorised limit=8", "%eval ppl book.txt stride=512 max_length=1024"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        if self.metric == "memorised" {
            return memorised(session, self.limit.unwrap_or(PREFIXES), out);
        }
        let result = match &self.file {
            Some(file) => {
                let text = data::read_text(file)?;
                strided(session, &file.display().to_string(), &text, &self, out)?
            }
            None => on_data(session, self.limit)?,
        };
        let fields: [(&str, &dyn std::fmt::Display); 4] = [
            ("ppl", &format!("{:.3}", result.ppl)),
            ("loss", &format!("{:.4}", result.loss)),
            ("tokens", &result.tokens),
            ("method", &result.method),
        ];
        out.line(&ui::PERPLEXITY.with(&fields));
        Ok(result.into())
    }
}

fn strided(session: &mut Session, name: &str, text: &str, args: &Args, out: &mut Out) -> Result<value::Eval> {
    let (mut windows, stride) = session.windows(name, text, args.stride, args.max_length)?;
    let total = args.limit.unwrap_or(usize::MAX).min(windows.count()) as u64;
    let mut sum = Perplexity::default();
    let mut n = 0;
    while n < total && session.score(&mut windows, &mut sum)? {
        n += 1;
        out.progress("eval", n, total, &format!("ppl {:.2}", sum.ppl()));
        out.between(session);
        if out.stopped() {
            return Err(Error::Interrupted {
                what: ui::EVAL_SO_FAR.with(&[("n", &n), ("of", &total), ("ppl", &format!("{:.3}", sum.ppl()))]),
            });
        }
    }
    out.progress("eval", total, total, "");
    let method = ui::STRIDED.with(&[("window", &windows.length())]);
    Ok(value::Eval { loss: sum.loss(), ppl: sum.ppl(), tokens: sum.tokens as u64, stride: stride as u64, method })
}

/// Prefixes of either kind unless asked for others.
const PREFIXES: usize = 16;

fn memorised(session: &Session, limit: usize, out: &mut Out) -> Result<Value> {
    let mut memory = session.begin_memory(limit)?;
    while session.write_on(&mut memory)? {
        out.progress("eval", memory.done() as u64, memory.len() as u64, "");
        if out.stopped() {
            return Err(Error::Interrupted { what: words::MEMORISED_STOPPED.with(&[("n", &memory.done()), ("of", &memory.len())]) });
        }
    }
    let found = session.memorised(&memory)?;
    let percent = |share: Share| share.value().map_or_else(|| "-".to_owned(), |x| format!("{:.1} %", 100.0 * x));
    let (trained, held_out, chance) = (percent(found.trained), percent(found.held_out), percent(found.chance));
    out.line(&words::MEMORISED.with(&[("trained", &trained), ("held_out", &held_out), ("chance", &chance)]));
    let fields: [(&str, &dyn std::fmt::Display); 4] =
        [("gram", &GRAM), ("written", &WRITTEN), ("trained", &found.prefixes.0), ("held_out", &found.prefixes.1)];
    let method = words::MEMORISED_HOW.with(&fields);
    out.note(&method);
    Ok(value::Memorised {
        trained: found.trained.value(),
        held_out: found.held_out.value(),
        chance: found.chance.value(),
        sequences: (found.trained.of + found.held_out.of) as u64,
        method,
    }
    .into())
}

fn on_data(session: &Session, limit: Option<usize>) -> Result<value::Eval> {
    let (loss, which) = session.loss_on_data(limit.unwrap_or(usize::MAX))?;
    let which = if which == "val" { ui::VALIDATION } else { ui::TRAIN };
    let method = ui::ON_EXAMPLES.with(&[("which", &which)]);
    Ok(value::Eval { loss: loss.mean(), ppl: loss.mean().exp(), tokens: loss.tokens as u64, stride: 0, method })
}
