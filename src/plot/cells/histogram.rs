//! Counts as one bar a bin, neighbouring bins merged where there are many.

use wire::{Bars, Group, Histogram};

use super::{Line, empty};
use crate::plot::number;

/// Lines of bars, all groups together.
const MOST: usize = 12;

pub fn draw(histogram: &Histogram, width: usize) -> Vec<Line> {
    let bins = histogram.edges.len().saturating_sub(1);
    let Some((from, to)) = filled(histogram, bins) else { return empty(&histogram.title, width) };
    let merge = (to - from).div_ceil((MOST / histogram.groups.len().max(1)).max(4));
    let edge = |i: usize| number(histogram.edges[i.min(to)]);
    let labels = (from..to).step_by(merge).map(|i| format!("{} … {}", edge(i), edge(i + merge))).collect();
    let sums = |values: &[f64]| {
        let values = &values[from.min(values.len())..to.min(values.len())];
        values.chunks(merge).map(|part| part.iter().filter(|v| v.is_finite()).sum()).collect()
    };
    let groups = histogram.groups.iter().map(|g| Group { name: g.name.clone(), values: sums(&g.values) }).collect();
    let bars = Bars { title: histogram.title.clone(), x_label: histogram.x_label.clone(), labels, groups };
    super::bars::draw(&bars, width)
}

/// The bins from the first to the last that holds something; all of them where none does.
fn filled(histogram: &Histogram, bins: usize) -> Option<(usize, usize)> {
    if bins == 0 || histogram.groups.iter().all(|group| group.values.is_empty()) {
        return None;
    }
    let holds = |i: &usize| histogram.groups.iter().any(|group| group.values.get(*i).is_some_and(|v| v.is_finite() && *v != 0.0));
    let first = (0..bins).find(holds);
    let last = (0..bins).rev().find(holds);
    Some(first.zip(last).map_or((0, bins), |(first, last)| (first, last + 1)))
}
