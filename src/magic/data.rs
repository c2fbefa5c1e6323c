use wire::{Chart, Table, Value, value};

use super::{Magic, Out, Topic, number};
use crate::data::stream::MOST_HELD;
use crate::data::{self, Options, Template};
use crate::hub::Wish;
use crate::plot;
use crate::session::Session;
use crate::words::{formats, streams, ui};
use crate::{Error, Result};

/// Read a data set for training and evaluation
///
/// FILE is .parquet, .json, .jsonl, .csv, .tsv or .txt (also .gz, .zst) with rows of instruction/input/output, prompt/completion, chat messages
/// or text; a folder of such files; a known set, `alpaca-en`, `alpaca-zh`; or a set of the hub, `owner/name`. Only answers are learned: the view shows learned tokens in one colour, ignored ones in the other.
/// Without FILE it shows the data that is loaded.
#[derive(clap::Args)]
pub struct Args {
    /// File or known set
    #[arg(value_name = "DATA")]
    file: Option<String>,
    /// Share of the examples held out for validation
    #[arg(long, value_name = "SHARE", default_value = "0.1", value_parser = number::fraction)]
    val: f64,
    /// How rows are worded: the model's chat template where it has one, or Alpaca's
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = ["auto", "alpaca", "chat"])]
    template: String,
    /// Tokens of a block of plain text
    #[arg(long, value_name = "N", default_value = "128", value_parser = number::count)]
    block: usize,
    /// Cut examples to this many tokens; at most the model's context
    #[arg(long, value_name = "N", value_parser = number::count)]
    max_length: Option<usize>,
    /// Columns to take where their names do not say it: one of text or messages; prompt,answer; or prompt,input,answer
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    column: Vec<String>,
    /// Split of a hub's set or of a folder; train where there is one
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Configuration of a hub's set
    #[arg(long, value_name = "NAME")]
    config: Option<String>,
    /// Leave the rows in the file, one example each, and read them as batches need them; by itself where the memory would not do
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    stream: Option<bool>,
    /// Read only the first rows
    #[arg(long, value_name = "N", value_parser = number::count)]
    limit: Option<usize>,
    /// Seed of the split
    #[arg(long, value_name = "N", value_parser = number::seed)]
    seed: Option<u64>,
    /// How many examples to show
    #[arg(long, value_name = "N", default_value = "1", value_parser = number::whole)]
    show: usize,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Data;
    const EXAMPLES: &'static [&'static str] = &[
        "%data tutorials/data/lantern-en.jsonl",
        "%data alpaca-zh val=0.05 template=alpaca",
        "%data notes.txt block=64",
        "%data openai/gsm8k config=main column=question,answer",
    ];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        if let Some(file) = &self.file {
            let template = Template::parse(&self.template).ok_or_else(|| Error::BadValue {
                option: "template".into(),
                given: self.template.clone(),
                allowed: "auto, alpaca, chat".into(),
            })?;
            let options = Options {
                val: self.val,
                seed: self.seed.unwrap_or(session.seed()),
                template,
                block: self.block,
                max_length: self.max_length.unwrap_or(usize::MAX),
                limit: self.limit,
                columns: self.column.clone(),
            };
            let label = ui::FETCHING.with(&[("what", file)]);
            let wish = Wish { config: self.config.as_deref(), split: self.split.as_deref() };
            let mut progress = |done, total: Option<u64>| out.progress("fetch", done, total.unwrap_or(done + 1), &label);
            if let Some((needed, available)) = session.take_set(file, wish, options, self.stream, &mut progress)? {
                let (needed, available) = (plot::number::bytes(needed), plot::number::bytes(available));
                out.note(&streams::STAYS.with(&[("name", file), ("needed", &needed), ("available", &available)]));
            }
        }
        show(session, self.show, out)
    }
}

/// Tokens of a stream, from those of the rows that were looked at.
fn estimated(data: &data::Dataset) -> String {
    let seen: usize = data.train.iter().map(data::Example::len).sum();
    let tokens = seen as f64 / data.train.len().max(1) as f64 * data.count() as f64;
    formats::ESTIMATED.with(&[("tokens", &plot::number::count(tokens as u64)), ("looked", &data.train.len())])
}

/// Validation examples, with those that were asked for where a stream keeps fewer.
fn held(data: &data::Dataset) -> String {
    let (held, wanted) = (data.val.len(), data.source.wanted);
    if wanted <= MOST_HELD { held.to_string() } else { streams::CAPPED.with(&[("held", &held), ("wanted", &wanted)]) }
}

/// The counts, the lengths, and `n` examples with their masks.
fn show(session: &Session, n: usize, out: &mut Out) -> Result<Value> {
    let (base, data) = (session.base()?, session.dataset()?);
    let template = data.template.map_or("-", Template::name);
    let result = value::Data {
        layout: data.layout.name().to_owned(),
        train: data.count() as u64,
        val: data.val.len() as u64,
        tokens: data.tokens() as u64,
        learned: data.learned() as u64,
        cut: data.cut as u64,
        dropped: data.dropped as u64,
    };
    let streamed = data.source.stream.is_some();
    let share = 100.0 * result.learned as f64 / result.tokens.max(1) as f64;
    let mut rows = vec![(ui::DATA.text(), format!("{} ({}, {template})", data.name, result.layout))];
    if let Some(split) = &data.source.hub {
        rows.push((formats::SPLIT.text(), split.clone()));
    }
    let usual = ["instruction", "input", "output", "messages", "text"];
    if data.source.hub.is_some() || data.source.columns.iter().any(|column| !usual.contains(&column.as_str())) {
        rows.push((formats::COLUMNS.text(), data.source.columns.join(", ")));
    }
    rows.extend([
        (ui::TRAIN.text(), result.train.to_string()),
        (ui::VALIDATION.text(), held(data)),
        (ui::TOKENS.text(), if streamed { estimated(data) } else { plot::number::count(result.tokens) }),
        (ui::LEARNED.text(), format!("{} ({share:.0} %)", plot::number::count(result.learned))),
        (ui::CUT.text(), result.cut.to_string()),
        (ui::DROPPED.text(), result.dropped.to_string()),
        (ui::DUPLICATES.text(), data.duplicates.to_string()),
    ]);
    out.table(Table::pairs(rows));
    out.show(Chart::Histogram(data::length_histogram(data)));
    for example in data.train.iter().take(n) {
        out.show(Chart::Spans(data::spans(example, &base.tokenizer)?));
    }
    Ok(result.into())
}
