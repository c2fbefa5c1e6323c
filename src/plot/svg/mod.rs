//! Charts as SVG documents.

pub mod bars;
mod canvas;
pub mod curve;
mod frame;
pub mod heatmap;
pub mod histogram;
pub mod spans;

use self::canvas::{Canvas, Text};
use super::palette::{GREY, INK};
use super::{columns, palette};
use crate::words::ui;

/// Pixels; pictures grow downwards only.
const WIDTH: f64 = 640.0;
const MARGIN: f64 = 16.0;
const TITLE: f64 = 16.0;
const SMALL: f64 = 12.0;

/// Draws the title and a row of named colours; returns the height they take.
fn header(canvas: &mut Canvas, title: &str, legend: &[(String, palette::Rgb)]) -> f64 {
    let mut y = 14.0;
    if !title.is_empty() {
        let title = canvas::cut(title, WIDTH - 2.0 * MARGIN, TITLE * 1.06);
        canvas.text(MARGIN, y + 13.0, &title, &Text { bold: true, ..Text::new(TITLE, INK) });
        y += 26.0;
    }
    if legend.is_empty() {
        return y;
    }
    let mut x = MARGIN;
    for (name, colour) in legend {
        let name = canvas::cut(name, WIDTH - 2.0 * MARGIN - 18.0, SMALL);
        let wide = 18.0 + canvas::measure(&name, SMALL);
        if x > MARGIN && x + wide > WIDTH - MARGIN {
            x = MARGIN;
            y += 18.0;
        }
        canvas.round(x, y + 1.0, 12.0, *colour);
        canvas.text(x + 18.0, y + 11.0, &name, &Text::new(SMALL, GREY));
        x += wide + 16.0;
    }
    y + 22.0
}

/// The named colours of a chart's groups; a lone group without a name needs none.
fn legend<'a>(names: impl Iterator<Item = &'a String>) -> Vec<(String, palette::Rgb)> {
    let all: Vec<_> = names.enumerate().map(|(i, name)| (columns::one_line(name), palette::series(i))).collect();
    if all.len() < 2 && all.iter().all(|(name, _)| name.is_empty()) { Vec::new() } else { all }
}

fn empty(title: &str) -> String {
    canvas::document(WIDTH, 110.0, |canvas| {
        let y = header(canvas, title, &[]);
        canvas.text(WIDTH / 2.0, y + 34.0, ui::NOTHING_TO_DRAW.text(), &Text { middle: true, ..Text::new(14.0, GREY) });
    })
}
