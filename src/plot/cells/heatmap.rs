//! A grid of shaded blocks: with the values where there is room for them, otherwise two columns a cell.

use wire::Heatmap;

use super::{Line, bare, empty, piece, title};
use crate::plot::columns::{columns, cut, one_line, pad_left, pad_right};
use crate::plot::extent::Extent;
use crate::plot::{Tone, heat_range, number, shrunk};
use crate::words::ui;

/// From low to high; a front end with colours leaves them out.
pub const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];
const MOST_ROWS: usize = 64;

pub fn draw(map: &Heatmap, width: usize) -> Vec<Line> {
    let label = map.rows.iter().map(|l| columns(&one_line(l))).max().unwrap_or(0).min(width / 4);
    let room = (width.saturating_sub(label + 4) / 2).max(1);
    let (small, block) = shrunk(map, MOST_ROWS, room);
    let Some((range, both)) = heat_range(&small) else {
        return empty(&map.title, width);
    };
    let mut lines = title(&map.title, width);
    let cell = Cell::new(&small, (range, both), room * 2);
    let keyed = small.columns.iter().any(|c| columns(&one_line(c)) > cell.wide - usize::from(cell.values));
    // The same names on both sides: the rows carry the numbers, and no key is needed.
    let same = keyed && small.rows == small.columns;
    let numbers = if same { small.rows.len().to_string().len() + 1 } else { 0 };
    let pad = " ".repeat(label + numbers + 1);
    lines.push(vec![bare(pad), piece(header(&small, keyed, &cell), Tone::Axis)]);
    for (row, name) in small.rows.iter().enumerate() {
        let number = if same { format!("{} ", pad_left(&(row + 1).to_string(), numbers - 1)) } else { String::new() };
        let name = format!("{number}{} ", pad_right(&cut(&one_line(name), label), label));
        let mut line = vec![piece(name, Tone::Axis)];
        line.extend((0..small.columns.len()).map(|column| cell.piece(value(&small, row, column))));
        lines.push(line);
    }
    lines.push(scale(range, both));
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

fn value(map: &Heatmap, row: usize, column: usize) -> f64 {
    map.values.get(row * map.columns.len() + column).copied().unwrap_or(f64::NAN)
}

/// How one cell is written.
struct Cell {
    range: Extent,
    both: bool,
    /// A shade and the value, not two shades.
    values: bool,
    /// Columns.
    wide: usize,
}

impl Cell {
    fn new(map: &Heatmap, (range, both): (Extent, bool), room: usize) -> Self {
        let widest = map.values.iter().filter(|v| v.is_finite()).map(|v| columns(&short(*v))).max().unwrap_or(0);
        let values = (widest + 2) * map.columns.len() <= room;
        Self { range, both, values, wide: if values { widest + 2 } else { 2 } }
    }

    fn piece(&self, value: f64) -> super::Piece {
        if !value.is_finite() {
            return bare(" ".repeat(self.wide));
        }
        let at = self.range.place(value).clamp(0.0, 1.0);
        let shade = SHADES[((at * 5.0) as usize).min(4)];
        let text = match self.values {
            true => format!("{shade}{} ", pad_left(&short(value), self.wide - 2)),
            false => shade.to_string().repeat(2),
        };
        piece(text, Tone::Heat { at: (at * 255.0).round() as u8, both: self.both })
    }
}

/// A value inside a cell.
fn short(value: f64) -> String {
    let plain = value.fract() == 0.0 || value.abs() < 0.005 || value.abs() >= 100.0;
    if plain { number(value) } else { format!("{value:.2}") }
}

fn scale(range: Extent, both: bool) -> Line {
    let mut line = vec![piece(format!("{} ", number(range.lo)), Tone::Dim)];
    let steps = SHADES.len() * 2;
    line.extend((0..steps).map(|i| {
        let at = (255 * i / (steps - 1)) as u8;
        piece(SHADES[i / 2], Tone::Heat { at, both })
    }));
    line.push(piece(format!(" {}", number(range.hi)), Tone::Dim));
    line
}

/// Column names where they fit over their cells, otherwise numbers: all that have room, or every fifth.
fn header(map: &Heatmap, keyed: bool, cell: &Cell) -> String {
    let end = if cell.values { " " } else { "" };
    if !keyed {
        return map.columns.iter().map(|name| pad_left(&one_line(name), cell.wide - end.len()) + end).collect();
    }
    let every = if map.columns.len() > 9 && !cell.values { 5 } else { 1 };
    let mut text = String::new();
    for number in (every..=map.columns.len()).step_by(every) {
        let label = number.to_string();
        text.push_str(&(pad_left(&label, (number * cell.wide - end.len()).saturating_sub(text.len())) + end));
    }
    text
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
