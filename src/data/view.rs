//! Examples as charts: what is learned and what is ignored, and how long they are.

use wire::{Group, Histogram, Span, Spans};

use super::{Dataset, Encode, Example};
use crate::Result;
use crate::words::ui;

/// Bins of the length histogram.
const BINS: usize = 20;

/// The example's text in two tones: 0 ignored, 1 learned. A character whose bytes fall on both sides shows in neither piece.
pub fn spans(example: &Example, tokenizer: &impl Encode) -> Result<Spans> {
    let mut spans = Vec::new();
    let mut from = 0;
    for run in example.learned.chunk_by(|a, b| a == b) {
        let to = from + run.len();
        let text = tokenizer.text(&example.ids[from..to])?;
        spans.push(Span { text, note: String::new(), tone: usize::from(example.learned[from]) });
        from = to;
    }
    let legend = vec![ui::IGNORED.text().to_owned(), ui::LEARNED.text().to_owned()];
    Ok(Spans { title: String::new(), spans, legend })
}

/// Token counts of the examples, training beside validation.
pub fn length_histogram(data: &Dataset) -> Histogram {
    let longest = data.longest();
    let width = (longest + 1).div_ceil(BINS).max(1);
    let bins = (longest + 1).div_ceil(width).max(1);
    let edges = (0..=bins).map(|i| (i * width) as f64).collect();
    let count = |name: &str, examples: &[Example]| {
        let mut values = vec![0.0; bins];
        examples.iter().for_each(|example| values[example.len() / width] += 1.0);
        Group { name: name.to_owned(), values }
    };
    let mut groups = vec![count(ui::TRAIN.text(), &data.train)];
    if !data.val.is_empty() {
        groups.push(count(ui::VALIDATION.text(), &data.val));
    }
    Histogram { title: ui::EXAMPLE_LENGTHS.text().to_owned(), x_label: ui::TOKENS.text().to_owned(), edges, groups }
}
