use wire::value::ModelRow;
use wire::{Table, Value, value};

use super::{Magic, Out, Topic};
use crate::device::memory;
use crate::hub::{Endpoints, Kept, Known};
use crate::plot::number;
use crate::session::Session;
use crate::words::{Phrase, ui};
use crate::{Error, Result, hub};

/// List the models that can be loaded by name
///
/// Those that Lantern knows, and what lies in the hub's cache, which Python's libraries share: size on disk, licence by the maker's word, and
/// whether the forecast says that it can be loaded into the memory that is free now.
#[derive(clap::Args)]
pub struct Args {}

/// A row, where its model is, and whether it fits.
type Shown = (ModelRow, Phrase, Phrase);

impl Magic for Args {
    const TOPIC: Topic = Topic::Model;
    const EXAMPLES: &'static [&'static str] = &["%models"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let known: Vec<&Known> = hub::known().iter().filter(|known| known.kind == hub::Kind::Model).collect();
        let here = hub::cached(session.cache());
        let path =
            |known: &Known| here.iter().find(|cached| cached.known.name == known.name).map(|cached| cached.path.display().to_string());
        let mut rows: Vec<Shown> = known.iter().map(|known| of_known(known, path(known))).collect();
        let cache = Endpoints::from_environment(session.cache()).folder;
        rows.extend(hub::kept(&cache).into_iter().map(|kept| of_kept(kept, session)));
        let headings = [ui::MODEL, ui::SIZE, ui::LICENCE, ui::PLACE, ui::FITS].map(|phrase| phrase.text().to_owned());
        let cells = |(row, place, fits): &Shown| {
            vec![row.name.clone(), number::bytes(row.bytes), row.licence.clone(), place.text().to_owned(), fits.text().to_owned()]
        };
        out.table(Table { headings: headings.to_vec(), rows: rows.iter().map(cells).collect() });
        for known in known {
            out.line(&format!("{}: {}", known.name, known.about));
        }
        Ok(value::Models { models: rows.into_iter().map(|(row, ..)| row).collect() }.into())
    }
}

fn of_known(known: &Known, path: Option<String>) -> Shown {
    let fits = known.bytes < memory::available().unwrap_or(u64::MAX);
    let place = match (known.source, &path) {
        (hub::Source::Embedded(_), _) => ui::SHIPS,
        (_, None) => ui::TO_FETCH,
        _ => ui::HERE,
    };
    let (name, licence) = (known.name.to_owned(), known.licence.to_owned());
    (ModelRow { name, path: path.unwrap_or_default(), bytes: known.bytes, licence, fits }, place, if fits { ui::YES } else { ui::NO })
}

fn of_kept(kept: Kept, session: &Session) -> Shown {
    let forecast = kept.files.as_ref().map(|files| session.forecast_of(files));
    let fits = matches!(forecast, Some(Ok(_)));
    let (place, said) = match forecast {
        None => (ui::PARTLY_HERE, ui::NO),
        Some(Ok(_)) => (ui::HERE, ui::YES),
        Some(Err(Error::TooBig { .. })) => (ui::HERE, ui::NO),
        Some(Err(_)) => (ui::HERE, ui::OTHER_KIND),
    };
    let licence = kept.files.map(|files| files.licence).unwrap_or_default();
    let row = ModelRow { name: kept.name, path: kept.path.display().to_string(), bytes: kept.bytes, licence, fits };
    (row, place, said)
}
