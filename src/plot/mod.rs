//! Draws charts and tables: SVG and HTML for notebooks, lines of toned text for terminals. It computes nothing about models.

mod cells;
mod columns;
mod extent;
mod html;
pub mod number;
mod palette;
mod spans;
mod svg;
mod table;
#[cfg(test)]
mod tests;

pub use cells::heatmap::SHADES;
pub use html::{spans_html, table_html};
pub use number::{bytes, duration, number};
pub use table::table_text;

use wire::{Chart, Heatmap};

/// A stretch of a terminal line; `text` holds no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub tone: Option<Tone>,
}

/// What a piece means; a front end chooses the colour. Indices may exceed its palette: wrap around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Title,
    Axis,
    Series(usize),
    Mark,
    Dim,
    Span(usize),
    /// A cell of a heatmap: where its value stands in the range, 0 to 255; with `both` the middle is zero. [`heat_colour`] has its colour.
    Heat {
        at: u8,
        both: bool,
    },
}

/// Red, green, blue of a heatmap's cell, and of text on it; the colours of the pictures.
pub fn heat_colour(at: u8, both: bool) -> ([u8; 3], [u8; 3]) {
    let colour = palette::heat(f64::from(at) / 255.0, both);
    let parts = |palette::Rgb(r, g, b)| [r, g, b];
    (parts(colour), parts(colour.ink()))
}

/// The picture as a stand-alone SVG document, 640 pixels wide, on a white card. Same chart, same bytes.
pub fn svg(chart: &Chart) -> String {
    match chart {
        Chart::Curve(curve) => svg::curve::draw(curve),
        Chart::Bars(bars) => svg::bars::draw(bars),
        Chart::Heatmap(heatmap) => svg::heatmap::draw(heatmap),
        Chart::Histogram(histogram) => svg::histogram::draw(histogram),
        Chart::Spans(spans) => svg::spans::draw(spans),
    }
}

/// Running text as HTML; `None` for the kinds that `svg` draws better.
pub fn html(chart: &Chart) -> Option<String> {
    match chart {
        Chart::Spans(spans) => Some(spans_html(spans)),
        _ => None,
    }
}

/// The picture in text: lines of at most `width` columns. Tones add colour; the text reads without them.
pub fn cells(chart: &Chart, width: usize) -> Vec<Vec<Piece>> {
    let lines = match chart {
        Chart::Curve(curve) => cells::curve::draw(curve, width),
        Chart::Bars(bars) => cells::bars::draw(bars, width),
        Chart::Heatmap(heatmap) => cells::heatmap::draw(heatmap, width),
        Chart::Histogram(histogram) => cells::histogram::draw(histogram, width),
        Chart::Spans(spans) => cells::spans::draw(spans, width, false),
    };
    cells::fitted(lines, width)
}

/// [`cells`] without tones, for pipes and the text twin of a notebook's picture; every line ends with a newline.
pub fn plain(chart: &Chart, width: usize) -> String {
    let lines = match chart {
        Chart::Spans(spans) => cells::fitted(cells::spans::draw(spans, width, true), width),
        _ => cells(chart, width),
    };
    let mut text = String::new();
    for line in lines {
        let line: String = line.into_iter().map(|piece| piece.text).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A heatmap with at most `rows` by `columns` cells, each the mean of a block of finite values, and the block's size.
fn shrunk(map: &Heatmap, rows: usize, columns: usize) -> (Heatmap, (usize, usize)) {
    let (down, across) = (map.rows.len().div_ceil(rows.max(1)).max(1), map.columns.len().div_ceil(columns.max(1)).max(1));
    let every = |labels: &[String], n: usize| labels.iter().step_by(n).cloned().collect::<Vec<_>>();
    let mut small = Heatmap { rows: every(&map.rows, down), columns: every(&map.columns, across), values: Vec::new(), ..map.clone() };
    for row in 0..small.rows.len() {
        for column in 0..small.columns.len() {
            small.values.push(block_mean(map, row * down..(row + 1) * down, column * across..(column + 1) * across));
        }
    }
    (small, (down, across))
}

fn block_mean(map: &Heatmap, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for row in rows.start..rows.end.min(map.rows.len()) {
        for column in columns.start..columns.end.min(map.columns.len()) {
            let value = map.values.get(row * map.columns.len() + column).copied().unwrap_or(f64::NAN);
            if value.is_finite() {
                sum += value;
                count += 1.0;
            }
        }
    }
    sum / count
}

/// The range a heatmap's colours cover, and whether it lies on both sides of zero (then it is symmetric).
fn heat_range(map: &Heatmap) -> Option<(extent::Extent, bool)> {
    let range = extent::Extent::of(map.values.iter().copied())?;
    let both = map.values.iter().any(|&v| v < 0.0) && map.values.iter().any(|&v| v > 0.0);
    let size = range.lo.abs().max(range.hi.abs());
    Some(if both { (extent::Extent { lo: -size, hi: size }, true) } else { (range, false) })
}
