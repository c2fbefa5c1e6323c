use wire::{HistoryQuery, Value, value};

use super::{Magic, Out, Topic, number};
use crate::Result;
use crate::session::Session;

/// Show past cells
#[derive(clap::Args)]
pub struct Args {
    /// How many, the latest last
    #[arg(value_name = "N", default_value = "20", value_parser = number::count)]
    n: usize,
    /// Only those that hold this text
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%history", "%history 5", "%history grep=%train"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let query = match self.grep {
            Some(text) => HistoryQuery::Search { pattern: format!("*{text}*"), n: self.n, unique: false },
            None => HistoryQuery::Tail { n: self.n },
        };
        let entries = session.history(&query);
        for entry in &entries {
            out.line(&format!("{}/{}: {}", entry.session, entry.line, entry.input.replace('\n', "\n    ")));
        }
        Ok(value::History { inputs: entries.into_iter().map(|entry| entry.input).collect() }.into())
    }
}
