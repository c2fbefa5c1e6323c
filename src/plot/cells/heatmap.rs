//! A grid of shaded blocks, two columns a cell.

use wire::Heatmap;

use super::{Line, bare, empty, piece, title};
use crate::plot::columns::{columns, cut, one_line, pad_left, pad_right};
use crate::plot::extent::Extent;
use crate::plot::{Tone, heat_range, number, shrunk};
use crate::words::ui;

const SHADES: [&str; 5] = ["··", "░░", "▒▒", "▓▓", "██"];
const MOST_ROWS: usize = 64;

pub fn draw(map: &Heatmap, width: usize) -> Vec<Line> {
    let label = map.rows.iter().map(|l| columns(&one_line(l))).max().unwrap_or(0).min(width / 4);
    let room = (width.saturating_sub(label + 4) / 2).max(1);
    let (small, block) = shrunk(map, MOST_ROWS, room);
    let Some((range, _)) = heat_range(&small) else {
        return empty(&map.title, width);
    };
    let mut lines = title(&map.title, width);
    let keyed = small.columns.iter().any(|c| columns(&one_line(c)) > 2);
    // The same names on both sides: the rows carry the numbers, and no key is needed.
    let same = keyed && small.rows == small.columns;
    let numbers = if same { small.rows.len().to_string().len() + 1 } else { 0 };
    let pad = " ".repeat(label + numbers + 1);
    lines.push(vec![bare(pad), piece(header(&small, keyed), Tone::Axis)]);
    for (row, name) in small.rows.iter().enumerate() {
        let number = if same { format!("{} ", pad_left(&(row + 1).to_string(), numbers - 1)) } else { String::new() };
        let name = format!("{number}{} ", pad_right(&cut(&one_line(name), label), label));
        lines.push(vec![piece(name, Tone::Axis), bare(shades(&small, row, range))]);
    }
    let scale = format!("{} {} {}", number(range.lo), SHADES.concat(), number(range.hi));
    lines.push(vec![piece(scale, Tone::Dim)]);
    if keyed && !same {
        lines.extend(key(&small, width));
    }
    if block != (1, 1) {
        lines.push(vec![piece(ui::CELL_IS_MEAN.with(&[("rows", &block.0), ("columns", &block.1)]), Tone::Dim)]);
    }
    let names: Vec<_> = [("↓ ", &map.y_label), ("→ ", &map.x_label)].into_iter().filter(|(_, name)| !name.is_empty()).collect();
    if !names.is_empty() {
        let text: Vec<_> = names.into_iter().map(|(sign, name)| format!("{sign}{}", one_line(name))).collect();
        lines.push(vec![piece(cut(&text.join("   "), width), Tone::Dim)]);
    }
    lines
}

/// Column names of at most two columns, otherwise numbers: all up to nine, every fifth of more.
fn header(map: &Heatmap, keyed: bool) -> String {
    if !keyed {
        return map.columns.iter().map(|name| pad_left(&one_line(name), 2)).collect();
    }
    let every = if map.columns.len() > 9 { 5 } else { 1 };
    let mut text = String::new();
    for number in (every..=map.columns.len()).step_by(every) {
        let label = number.to_string();
        text.push_str(&pad_left(&label, (number * 2).saturating_sub(text.len())));
    }
    text
}

fn shades(map: &Heatmap, row: usize, range: Extent) -> String {
    let shade = |column: usize| {
        let value = map.values.get(row * map.columns.len() + column).copied().unwrap_or(f64::NAN);
        if value.is_finite() { SHADES[((range.place(value) * 5.0) as usize).min(4)] } else { "  " }
    };
    (0..map.columns.len()).map(shade).collect()
}

/// The names behind the column numbers, wrapped.
fn key(map: &Heatmap, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for (i, name) in map.columns.iter().enumerate() {
        let entry = cut(&format!("{} {}", i + 1, one_line(name)), width);
        if !line.is_empty() && columns(&line) + 2 + columns(&entry) > width {
            lines.push(vec![piece(std::mem::take(&mut line), Tone::Dim)]);
        }
        if !line.is_empty() {
            line.push_str("  ");
        }
        line.push_str(&entry);
    }
    lines.push(vec![piece(line, Tone::Dim)]);
    lines
}
