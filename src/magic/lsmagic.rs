use wire::{Table, Value, value};

use super::{LIST, Magic, Out, Topic};
use crate::session::Session;
use crate::words::{cells, ui};
use crate::{Result, magic};

/// List all magics
#[derive(clap::Args)]
pub struct Args {}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%lsmagic"];

    fn run(self, _session: &mut Session, out: &mut Out) -> Result<Value> {
        let rows = Topic::ALL.iter().flat_map(|topic| {
            LIST.iter()
                .filter(move |entry| entry.topic == *topic)
                .map(move |entry| vec![topic.title().text().to_owned(), format!("%{}", entry.name), magic::help::first_line(entry)])
        });
        let headings = vec![ui::TOPIC.text().to_owned(), ui::MAGIC.text().to_owned(), ui::WHAT_IT_DOES.text().to_owned()];
        out.table(Table { headings, rows: rows.collect() });
        let usages: Vec<String> = magic::cell::CELL.iter().map(|cell| format!("`{}`", cell.usage)).collect();
        out.line(&cells::LISTED.with(&[("usages", &usages.join(", "))]));
        out.line(ui::LSMAGIC_MORE.text());
        Ok(value::Lsmagic { magics: LIST.iter().map(|entry| entry.name.to_owned()).collect() }.into())
    }
}
