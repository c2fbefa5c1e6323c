use wire::{Chart, Group, Histogram, Table, Value, value};

use super::{Magic, Out, Topic};
use crate::plot::number;
use crate::session::{Format, Quantised, Session};
use crate::words::ui;
use crate::{Error, Result};

/// Store the weights in fewer bits, in place
///
/// Prints size and perplexity before and after, and how far each matrix moved. With q4_0 the embedding table keeps q8_0.
/// Load the model again to get its own weights back.
#[derive(clap::Args)]
pub struct Args {
    /// f16 and bf16 halve f32; q8_0 takes 8.5 bits a weight, q4_0 4.5
    #[arg(value_name = "FORMAT", value_parser = ["f32", "f16", "bf16", "q8_0", "q4_0"])]
    format: String,
}

/// Examples, or windows of the sample text, that the perplexity is measured on.
const SAMPLE: usize = 16;

impl Magic for Args {
    const TOPIC: Topic = Topic::Evaluate;
    const EXAMPLES: &'static [&'static str] = &["%quant q8_0", "%quant q4_0", "%quant bf16"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let format = Format::parse(&self.format).ok_or_else(|| Error::BadValue {
            option: "FORMAT".into(),
            given: self.format.clone(),
            allowed: Format::NAMES.join(", "),
        })?;
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
        if quantised.errors.iter().any(|error| error.relative > 0.0) {
            out.show(Chart::Histogram(histogram(&quantised)));
        }
        Ok(value::Quant { format: self.format, bytes_before: quantised.bytes_before, bytes_after: quantised.bytes_after }.into())
    }
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
