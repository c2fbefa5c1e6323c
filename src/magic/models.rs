use wire::{Table, Value, value};

use super::{Magic, Out, Topic};
use crate::device::memory;
use crate::plot::number;
use crate::session::Session;
use crate::words::ui;
use crate::{Result, hub};

/// List the models that can be loaded by name
#[derive(clap::Args)]
pub struct Args {}

impl Magic for Args {
    const TOPIC: Topic = Topic::Model;
    const EXAMPLES: &'static [&'static str] = &["%models"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let here = hub::cached(session.cache());
        let free = memory::available().unwrap_or(u64::MAX);
        let known = hub::known().iter().filter(|known| known.kind == hub::Kind::Model);
        let rows = known.map(|known| {
            let path = here.iter().find(|cached| cached.known.name == known.name).map(|cached| cached.path.display().to_string());
            let row = value::ModelRow {
                name: known.name.to_owned(),
                path: path.unwrap_or_default(),
                bytes: known.bytes,
                licence: known.licence.to_owned(),
                fits: known.bytes < free,
            };
            (row, known)
        });
        let rows: Vec<_> = rows.collect();
        let yes_no = |yes: bool| if yes { ui::YES } else { ui::NO }.text().to_owned();
        let shown = rows.iter().map(|(row, known)| {
            let place = match known.source {
                hub::Source::Embedded(_) => ui::SHIPS,
                _ if row.path.is_empty() => ui::TO_FETCH,
                _ => ui::HERE,
            };
            vec![row.name.clone(), number::bytes(row.bytes), row.licence.clone(), place.text().to_owned(), yes_no(row.fits)]
        });
        let headings = [ui::MODEL, ui::SIZE, ui::LICENCE, ui::PLACE, ui::FITS].map(|phrase| phrase.text().to_owned());
        out.table(Table { headings: headings.to_vec(), rows: shown.collect() });
        for (row, known) in &rows {
            out.line(&format!("{}: {}", row.name, known.about));
        }
        Ok(value::Models { models: rows.into_iter().map(|(row, _)| row).collect() }.into())
    }
}
