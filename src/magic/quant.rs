use std::collections::{BTreeMap, BTreeSet};

use wire::{Chart, Group, Histogram, Table, Value, value};

use super::{Magic, Out, Topic, number as numbers};
use crate::plot::number;
use crate::session::{Format, Quantised, Session, Substitute};
use crate::words::ui;
use crate::{Error, Result};

/// Store the weights in fewer bits, in place
///
/// Prints size and perplexity before and after, and how far each matrix moved. The embedding table and the head stay finer: q8_0, or q6_k with a
/// k format, and bf16 with nf4 and int8, as bitsandbytes' users keep them. nf4 and int8 are bitsandbytes' own, byte for byte. Blocks of a k format hold 256 numbers; a matrix whose rows they do not divide takes q5_0, q5_1 or q8_0 instead, and is named.
/// Load the model again to get its own weights back.
#[derive(clap::Args)]
pub struct Args {
    /// Bits a weight: f16 and bf16 16, int8 8, q8_0 8.5, q6_k 6.6, q5_1 6, q5_k and q5_0 5.5, q4_1 5, q4_k, q4_0 and nf4 4.5
    #[arg(value_name = "FORMAT", value_parser = clap::builder::PossibleValuesParser::new(Format::NAMES))]
    format: String,
    /// Quantise the scales of nf4 too: 4.13 bits a weight
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    dq: bool,
    /// Weights of nf4 that share a scale: 32, 64 (if not given), 128 … 4096
    #[arg(long, value_name = "N", value_parser = numbers::count)]
    block: Option<usize>,
}

/// Examples, or windows of the sample text, that the perplexity is measured on.
const SAMPLE: usize = 16;

impl Magic for Args {
    const TOPIC: Topic = Topic::Evaluate;
    const EXAMPLES: &'static [&'static str] = &["%quant q8_0", "%quant q4_k", "%quant bf16", "%quant nf4 dq=true"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let format = Format::parse(&self.format).ok_or_else(|| Error::BadValue {
            option: "FORMAT".into(),
            given: self.format.clone(),
            allowed: Format::NAMES.join(", "),
        })?;
        let format = format.with_scales(self.block, self.dq)?;
        let before = session.sample_loss(SAMPLE)?.exp();
        let label = ui::QUANTISING.text();
        let quantised = session.quantise(format, &mut |n, of| out.progress("quant", n, of, label))?;
        let after = session.sample_loss(SAMPLE)?.exp();
        let headings = ["", ui::BEFORE_QUANT.text(), ui::AFTER_QUANT.text()].map(str::to_owned).to_vec();
        let change = 100.0 * (after / before - 1.0);
        // Less than the digits that are shown is no change, in neither direction.
        let change = if change.abs() < 0.005 { 0.0 } else { change };
        let rows = vec![
            vec![
                ui::SIZE.text().to_owned(),
                number::bytes(quantised.bytes_before),
                format!("{} ({})", number::bytes(quantised.bytes_after), times(quantised.bytes_before, quantised.bytes_after)),
            ],
            vec!["ppl".to_owned(), format!("{before:.3}"), format!("{after:.3} ({change:+.2} %)")],
        ];
        out.table(Table { headings, rows });
        for line in said(&quantised.substitutes) {
            out.note(&line);
        }
        if quantised.errors.iter().any(|error| error.relative > 0.0) {
            out.show(Chart::Histogram(histogram(&quantised)));
        }
        let Quantised { bytes_before, bytes_after, substitutes, .. } = quantised;
        Ok(value::Quant { format: self.format, bytes_before, bytes_after, substituted: substitutes.len() as u64 }.into())
    }
}

/// A line for each format that was taken instead: how many matrices, and which, the layer's number as `*`.
fn said(substitutes: &[Substitute]) -> Vec<String> {
    let mut kinds: BTreeMap<(&str, &str), (usize, BTreeSet<String>)> = BTreeMap::new();
    for Substitute { name, row, asked, taken } in substitutes {
        let parts = name.split('.').map(|part| if part.parse::<usize>().is_ok() { "*" } else { part });
        let (count, names) = kinds.entry((asked, taken)).or_default();
        *count += 1;
        names.insert(format!("{} ({row})", parts.collect::<Vec<_>>().join(".")));
    }
    let line = |((asked, taken), (count, names)): (&(&str, &str), &(usize, BTreeSet<String>))| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        ui::QUANT_INSTEAD.with(&[("taken", taken), ("asked", asked), ("count", count), ("names", &names.join(", "))])
    };
    kinds.iter().map(line).collect()
}

/// `÷3.21` or, where it grew, `×1.87`.
fn times(before: u64, after: u64) -> String {
    let ratio = before as f64 / after.max(1) as f64;
    if ratio < 1.0 { format!("×{:.2}", 1.0 / ratio) } else { format!("÷{ratio:.2}") }
}

/// How many matrices moved how far.
fn histogram(quantised: &Quantised) -> Histogram {
    const BINS: usize = 12;
    let errors: Vec<f64> = quantised.errors.iter().map(|error| 100.0 * error.relative).collect();
    let top = errors.iter().copied().fold(0.0, f64::max).max(1e-9) * 1.0001;
    let edges: Vec<f64> = (0..=BINS).map(|i| top * i as f64 / BINS as f64).collect();
    let mut values = vec![0.0; BINS];
    for error in errors {
        values[((error / top * BINS as f64) as usize).min(BINS - 1)] += 1.0;
    }
    let groups = vec![Group { name: ui::MATRICES.text().to_owned(), values }];
    Histogram { title: ui::QUANT_TITLE.text().to_owned(), x_label: ui::RELATIVE_ERROR.text().to_owned(), edges, groups }
}
