//! A canvas of braille cells, two by four dots each, that text can be laid over.

use super::{Line, bare, piece};
use crate::plot::Tone;
use crate::plot::columns::columns;

/// Bits of the dots in a braille cell by column and row, as Unicode numbers them.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

pub struct Braille {
    columns: usize,
    rows: usize,
    cells: Vec<Cell>,
}

#[derive(Clone, Default)]
struct Cell {
    dots: u8,
    series: usize,
    text: Option<char>,
    /// The right half of a wide character.
    covered: bool,
}

impl Braille {
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, cells: vec![Cell::default(); columns * rows] }
    }

    /// Sets a dot; `x` runs over two dots a column, `y` over four a row, from the top left.
    pub fn dot(&mut self, x: usize, y: usize, series: usize) {
        let (x, y) = (x.min(self.columns * 2 - 1), y.min(self.rows * 4 - 1));
        let cell = &mut self.cells[y / 4 * self.columns + x / 2];
        cell.dots |= DOTS[x % 2][y % 4];
        cell.series = series;
    }

    /// A line of dots; later series are dotted, so that they stay apart without colour.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), series: usize) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0) as usize;
        let every = 1 + series % 3;
        for i in 0..=steps {
            let share = i as f64 / steps as f64;
            let x = (from.0 + (to.0 - from.0) * share).round() as usize;
            let y = (from.1 + (to.1 - from.1) * share).round() as usize;
            if (x + y).is_multiple_of(every) {
                self.dot(x, y, series);
            }
        }
    }

    /// Whether a text of `wide` columns at this cell covers no other text.
    pub fn free(&self, column: usize, row: usize, wide: usize) -> bool {
        let start = row * self.columns + column;
        column + wide <= self.columns && self.cells[start..start + wide].iter().all(|c| c.text.is_none() && !c.covered)
    }

    /// Dots under a text that would be hidden by it.
    pub fn hidden(&self, column: usize, row: usize, wide: usize) -> u32 {
        let start = row * self.columns + column;
        self.cells[start..start + wide].iter().map(|c| c.dots.count_ones()).sum()
    }

    /// Lays a text over the dots; the caller has seen that it fits.
    pub fn write(&mut self, column: usize, row: usize, text: &str) {
        let mut at = row * self.columns + column;
        for c in text.chars() {
            let wide = columns(c.encode_utf8(&mut [0; 4]));
            if wide == 0 {
                continue;
            }
            self.cells[at].text = Some(c);
            if wide == 2 {
                self.cells[at + 1].covered = true;
            }
            at += wide;
        }
    }

    /// One row as pieces of equal tone.
    pub fn row(&self, row: usize) -> Line {
        let mut line: Line = Vec::new();
        for cell in &self.cells[row * self.columns..(row + 1) * self.columns] {
            if cell.covered {
                continue;
            }
            let next = match cell {
                Cell { text: Some(c), .. } => piece(*c, Tone::Mark),
                Cell { dots: 0, .. } => bare(' '),
                Cell { dots, series, .. } => piece(char::from_u32(0x2800 + u32::from(*dots)).unwrap_or(' '), Tone::Series(*series)),
            };
            match line.last_mut() {
                Some(last) if last.tone == next.tone => last.text.push_str(&next.text),
                _ => line.push(next),
            }
        }
        line
    }
}
