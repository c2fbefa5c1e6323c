//! Horizontal bars in eighths of a column.

use wire::Bars;

use super::{Line, bare, empty, legend, named, piece, title};
use crate::plot::Tone;
use crate::plot::columns::{columns, cut, one_line, pad_left, pad_right};
use crate::plot::number;

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Fewer columns than this are no bar: only values are written.
const LEAST: usize = 4;

pub fn draw(bars: &Bars, width: usize) -> Vec<Line> {
    if bars.labels.is_empty() || bars.groups.is_empty() {
        return empty(&bars.title, width);
    }
    let mut lines = title(&bars.title, width);
    let many = bars.groups.len() > 1;
    if named(bars.groups.iter().map(|g| &g.name)) {
        let entries: Vec<_> = bars.groups.iter().enumerate().map(|(i, g)| (sign(i, many), g.name.clone())).collect();
        lines.extend(legend(&entries, width));
    }
    let layout = Layout::new(bars, width);
    for (row, label) in bars.labels.iter().enumerate() {
        for group in 0..bars.groups.len() {
            let label = if group == 0 { one_line(label) } else { String::new() };
            lines.push(layout.line(bars, row, group, &label));
        }
    }
    if !bars.x_label.is_empty() {
        let name = cut(&one_line(&bars.x_label), width);
        lines.push(vec![bare(" ".repeat((layout.label + 1).min(width - columns(&name)))), piece(name, Tone::Dim)]);
    }
    lines
}

/// The sign of a group; letters tell several apart where there is no colour.
fn sign(group: usize, many: bool) -> super::Piece {
    let letter = char::from(b'a' + (group % 26) as u8);
    piece(if many { format!("█{letter}") } else { "█".to_owned() }, Tone::Series(group))
}

struct Layout {
    label: usize,
    bar: usize,
    value: usize,
    /// Ends of the scale; zero lies between.
    lo: f64,
    hi: f64,
    many: bool,
}

impl Layout {
    fn new(bars: &Bars, width: usize) -> Self {
        let values = || bars.groups.iter().flat_map(|g| g.values.iter().copied()).filter(|v| v.is_finite());
        let lo = values().fold(0.0, f64::min).max(-1e300);
        let hi = values().fold(0.0, f64::max).min(1e300);
        let hi = if hi - lo > 1e-290 { hi } else { 1.0 };
        let many = bars.groups.len() > 1;
        let label = bars.labels.iter().map(|l| columns(&one_line(l))).max().unwrap_or(0).min(width * 2 / 5);
        let value = values().map(|v| columns(&number(v))).max().unwrap_or(1);
        let bar = width.saturating_sub(label + value + 2 + usize::from(many) * 2);
        Self { label, bar: if bar < LEAST { 0 } else { bar }, value, lo, hi, many }
    }

    fn line(&self, bars: &Bars, row: usize, group: usize, label: &str) -> Line {
        let value = bars.groups[group].values.get(row).copied().unwrap_or(f64::NAN);
        let mut line = vec![piece(format!("{} ", pad_right(&cut(label, self.label), self.label)), Tone::Axis)];
        if self.many {
            line.push(piece(format!("{} ", char::from(b'a' + (group % 26) as u8)), Tone::Dim));
        }
        let text = if value.is_finite() { number(value) } else { "–".to_owned() };
        if self.bar > 0 {
            let drawn = if value.is_finite() { self.bar_text(value) } else { String::new() };
            let rest = " ".repeat(self.bar.saturating_sub(columns(&drawn)) + 1);
            line.push(piece(drawn, Tone::Series(group)));
            line.push(bare(rest));
        }
        line.push(bare(pad_left(&text, self.value)));
        line
    }

    /// From zero rightwards in eighths; leftwards in whole columns, for blocks only fill from the left.
    fn bar_text(&self, value: f64) -> String {
        let scale = self.bar as f64 / (self.hi - self.lo);
        let zero = ((-self.lo * scale).round() as usize).min(self.bar);
        if value < 0.0 {
            let full = ((-value * scale).round() as usize).clamp(1, zero.max(1));
            return format!("{}{}", " ".repeat(zero.saturating_sub(full)), "█".repeat(full));
        }
        let room = (self.bar - zero) * 8;
        let least = usize::from(value > 0.0);
        let eighths = ((value * scale * 8.0).round() as usize).max(least).min(room);
        format!("{}{}{}", " ".repeat(zero), "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
    }
}
