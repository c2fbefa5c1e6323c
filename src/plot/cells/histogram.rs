//! Counts as one bar a bin, neighbouring bins merged where there are many.

use wire::{Bars, Group, Histogram};

use super::{Line, empty};
use crate::plot::number;

/// Lines of bars, all groups together.
const MOST: usize = 24;

pub fn draw(histogram: &Histogram, width: usize) -> Vec<Line> {
    let bins = histogram.edges.len().saturating_sub(1);
    if bins == 0 || histogram.groups.iter().all(|g| g.values.is_empty()) {
        return empty(&histogram.title, width);
    }
    let merge = bins.div_ceil((MOST / histogram.groups.len().max(1)).max(8));
    let starts: Vec<usize> = (0..bins).step_by(merge).collect();
    let edge = |i: usize| number(histogram.edges[i.min(bins)]);
    let labels = starts.iter().map(|&i| format!("{} … {}", edge(i), edge(i + merge))).collect();
    let sums = |values: &[f64]| {
        let values = &values[..values.len().min(bins)];
        values.chunks(merge).map(|part| part.iter().filter(|v| v.is_finite()).sum()).collect()
    };
    let groups = histogram.groups.iter().map(|g| Group { name: g.name.clone(), values: sums(&g.values) }).collect();
    let bars = Bars { title: histogram.title.clone(), x_label: histogram.x_label.clone(), labels, groups };
    super::bars::draw(&bars, width)
}
