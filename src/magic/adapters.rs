use wire::{Chart, Heatmap, Table, Value, value};

use super::{Magic, Out, Topic};
use crate::adapter::{Adapter, Spectrum, spectrum};
use crate::session::{Session, Standing};
use crate::words::adapters as words;
use crate::{Error, Result, plot};

/// List the adapters of the session, or switch to one
///
/// Each has a name: `%lora name=poet`, `%load DIR name=poet`. One is attached at a time; what was trained stays under its name when another is attached.
/// `%save DIR name=poet` writes one, attached or not.
#[derive(clap::Args)]
pub struct Args {
    /// Attach this one
    #[arg(value_name = "ADAPTER")]
    name: Option<String>,
    /// Take the attached one off; it stays under its name
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    detach: bool,
    /// Forget this one, saved or not
    #[arg(long, value_name = "ADAPTER")]
    drop: Option<String>,
    /// Show the singular values of what it adds to each layer, and switch nothing
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    spectrum: bool,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] =
        &["%adapters", "%adapters poet", "%adapters detach=true", "%adapters drop=poet", "%adapters spectrum=true"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        session.base()?;
        if self.spectrum {
            return spectra(session.adapter_called(self.name.as_deref())?, out);
        }
        if let Some(name) = &self.drop {
            session.drop_adapter(name)?;
        }
        if self.detach {
            session.detach_adapter()?;
        }
        if let Some(name) = &self.name {
            session.switch_adapter(name)?;
        }
        Ok(list(session, out).into())
    }
}

fn list(session: &Session, out: &mut Out) -> value::Adapters {
    let all = session.adapters();
    let standing = |standing| match standing {
        Standing::Attached => words::IS_ATTACHED,
        Standing::Detached => words::IS_DETACHED,
        Standing::Merged => words::IS_MERGED,
    };
    if all.is_empty() {
        out.line(words::NO_ADAPTERS.text());
    } else {
        let headings = [words::NAME, words::METHOD, words::TRAINED, words::STANDING, words::SAVED].map(|phrase| phrase.text().to_owned());
        let row = |row: &crate::session::Listed| {
            let saved = if row.unsaved { words::NOT_SAVED.text() } else { "" };
            let parameters = plot::number::count(row.parameters as u64);
            vec![row.name.clone(), row.title.clone(), parameters, standing(row.standing).text().to_owned(), saved.to_owned()]
        };
        out.table(Table { headings: headings.to_vec(), rows: all.iter().map(row).collect() });
    }
    let row = |row: crate::session::Listed| value::AdapterRow {
        standing: standing(row.standing).en.to_owned(),
        name: row.name,
        method: row.title,
        parameters: row.parameters as u64,
        unsaved: row.unsaved,
    };
    value::Adapters { adapters: all.into_iter().map(row).collect() }
}

fn spectra(adapter: &Adapter, out: &mut Out) -> Result<Value> {
    let all = spectrum(adapter)?;
    if all.is_empty() {
        return Err(Error::NoSpectrum { adapter: adapter.title() });
    }
    let ranks = all.iter().map(|layer| layer.values.len()).max().unwrap_or_default();
    let values = all.iter().flat_map(|layer| (0..ranks).map(|i| layer.values.get(i).copied().unwrap_or(f64::NAN))).collect();
    out.show(Chart::Heatmap(Heatmap {
        title: words::SPECTRUM.with(&[("adapter", &adapter.title())]),
        x_label: words::SPECTRUM_X.text().to_owned(),
        y_label: words::SPECTRUM_Y.text().to_owned(),
        columns: (1..=ranks).map(|i| i.to_string()).collect(),
        rows: short(&all),
        values,
    }));
    let headings = [words::SPECTRUM_Y, words::LARGEST, words::SMALLEST, words::USED].map(|phrase| phrase.text().to_owned());
    let row = |layer: &Spectrum| {
        let (first, last) = (layer.values.first().copied().unwrap_or(0.0), layer.values.last().copied().unwrap_or(0.0));
        vec![
            layer.path.clone(),
            format!("{first:.4}"),
            format!("{last:.4}"),
            format!("{:.1} / {}", used(&layer.values), layer.values.len()),
        ]
    };
    out.table(Table { headings: headings.to_vec(), rows: all.iter().map(row).collect() });
    if all.iter().any(|layer| layer.scaled) {
        out.note(words::SPECTRUM_DORA.text());
    }
    let row = |layer: Spectrum| value::SpectrumRow { layer: layer.path, values: layer.values };
    Ok(value::Spectrum { layers: all.into_iter().map(row).collect() }.into())
}

/// The paths without what all those inside blocks begin with; of the two ends the last part.
fn short(all: &[Spectrum]) -> Vec<String> {
    let inside = |parts: &[&str]| parts.iter().any(|part| part.parse::<usize>().is_ok());
    let parts: Vec<Vec<&str>> = all.iter().map(|layer| layer.path.split('.').collect()).collect();
    let blocks = || parts.iter().filter(|parts| inside(parts));
    let first = blocks().next().cloned().unwrap_or_default();
    let same = |n: usize| blocks().all(|parts| parts.get(n) == first.get(n));
    let shared = (0..first.len().saturating_sub(1)).take_while(|n| same(*n)).count();
    parts.iter().map(|parts| parts[if inside(parts) { shared } else { parts.len() - 1 }..].join(".")).collect()
}

/// Directions in use: `exp` of the entropy of the shares of energy (the effective rank of Roy and Vetterli 2007, over squares).
fn used(values: &[f64]) -> f64 {
    let energy: f64 = values.iter().map(|value| value * value).sum();
    if energy == 0.0 {
        return 0.0;
    }
    let shares = values.iter().map(|value| value * value / energy).filter(|share| *share > 0.0);
    (-shares.map(|share| share * share.ln()).sum::<f64>()).exp()
}
