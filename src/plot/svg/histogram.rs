//! Counts between shared edges; groups lie over each other, translucent.

use wire::Histogram;

use super::canvas::document;
use super::frame::{Axes, Frame};
use super::{WIDTH, empty, header, legend};
use crate::plot::extent::Extent;
use crate::plot::palette::series;
use crate::words::ui;

const HEIGHT: f64 = 320.0;

pub fn draw(histogram: &Histogram) -> String {
    let counts = || histogram.groups.iter().flat_map(|g| g.values.iter().copied());
    let (Some(x), Some(y)) = (Extent::of(histogram.edges.iter().copied()), Extent::of(counts())) else {
        return empty(&histogram.title);
    };
    let y = Extent { lo: 0.0, hi: counts().filter(|c| c.is_finite()).fold(0.0, f64::max).min(1e300).max(y.hi.min(1.0)).max(1e-280) * 1.05 };
    document(WIDTH, HEIGHT, |canvas| {
        let top = header(canvas, &histogram.title, &legend(histogram.groups.iter().map(|g| &g.name)));
        let y_whole = counts().all(|c| c.fract() == 0.0);
        let axes = Axes { x_label: &histogram.x_label, y_label: ui::COUNT.text(), x_whole: false, y_whole };
        let frame = Frame::new(canvas, (x, y), (top.min(HEIGHT * 0.5), HEIGHT), &axes);
        let opacity = if histogram.groups.len() == 1 { 0.85 } else { 0.45 };
        for (i, group) in histogram.groups.iter().enumerate() {
            let outline = outline(&frame, &histogram.edges, &group.values);
            if outline.len() > 2 {
                canvas.area(&outline, series(i), opacity);
                canvas.path(&outline, series(i), 1.25);
            }
        }
    })
}

/// The steps of one group, closed along the axis.
fn outline(frame: &Frame, edges: &[f64], counts: &[f64]) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for (bounds, &count) in edges.windows(2).zip(counts) {
        if !bounds[0].is_finite() || !bounds[1].is_finite() {
            continue;
        }
        let count = if count.is_finite() { count.max(0.0) } else { 0.0 };
        if points.is_empty() {
            points.push(frame.at(bounds[0], 0.0));
        }
        points.push(frame.at(bounds[0], count));
        points.push(frame.at(bounds[1], count));
    }
    if let (Some(&(first, base)), Some(&(last, _))) = (points.first(), points.last()) {
        points.push((last, base));
        points.push((first, base));
    }
    points
}
