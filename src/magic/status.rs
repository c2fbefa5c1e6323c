use wire::{Table, Value};

use super::{Magic, Out, Topic};
use crate::Result;
use crate::plot::number;
use crate::session::Session;
use crate::words::{lab, ui};

/// Show what the session holds
#[derive(clap::Args)]
pub struct Args {}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%status"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let status = session.status();
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let unsaved = (ui::UNSAVED.text(), status.unsaved.join(", "));
        let rows = [
            (ui::MODEL.text(), or_none(&status.model)),
            (ui::ADAPTER.text(), or_none(&status.adapter)),
            (ui::DATA.text(), or_none(&status.data)),
            (ui::MEMORY.text(), number::bytes(status.rss_bytes)),
        ];
        let doing = (status.doing != "idle").then(|| (lab::DOING.text(), status.doing.clone()));
        let unsaved = (!status.unsaved.is_empty()).then_some(unsaved);
        out.table(Table::pairs(rows.into_iter().chain(unsaved).chain(doing)));
        Ok(status.into())
    }
}
