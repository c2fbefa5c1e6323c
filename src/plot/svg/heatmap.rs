//! A grid of colours with a colour bar.

use wire::Heatmap;

use super::canvas::{Canvas, Text, cut, document, measure};
use super::{MARGIN, SMALL, WIDTH, empty, header};
use crate::plot::extent::Extent;
use crate::plot::palette::{GREY, INK, heat};
use crate::plot::{heat_range, number, shrunk};
use crate::words::ui;

const MOST: usize = 160;
const LABEL: f64 = 11.0;
/// Room for the colour bar and its numbers.
const SCALE: f64 = 78.0;

pub fn draw(map: &Heatmap) -> String {
    let (small, block) = shrunk(map, MOST, MOST);
    let Some((range, both)) = heat_range(&small) else {
        return empty(&map.title);
    };
    let layout = Layout::new(&small, &map.title);
    let note = block != (1, 1);
    let height = layout.bottom() + layout.under + if note { 20.0 } else { 0.0 } + 8.0;
    document(WIDTH, height, |canvas| {
        header(canvas, &map.title, &[]);
        layout.draw_cells(canvas, &small, range, both);
        layout.draw_rows(canvas, &small);
        layout.draw_columns(canvas, &small);
        layout.draw_scale(canvas, range, both);
        let look = Text { middle: true, ..Text::new(SMALL, GREY) };
        let middle = layout.left + layout.cell.0 * small.columns.len() as f64 / 2.0;
        let end = layout.bottom() + layout.under - 4.0;
        canvas.text(middle, end, &map.x_label, &look);
        canvas.text(21.0, (layout.top + layout.bottom()) / 2.0, &map.y_label, &Text { upwards: true, ..look });
        if note {
            let text = ui::CELL_IS_MEAN.with(&[("rows", &block.0), ("columns", &block.1)]);
            canvas.text(middle, end + 19.0, &text, &look);
        }
    })
}

struct Layout {
    left: f64,
    top: f64,
    /// Width and height of a cell.
    cell: (f64, f64),
    rows: usize,
    columns: usize,
    /// Column labels read upwards.
    upright: bool,
    /// Room below the cells for column labels and the axis name.
    under: f64,
}

impl Layout {
    fn new(map: &Heatmap, title: &str) -> Self {
        let longest = |labels: &[String]| labels.iter().map(|l| measure(l, LABEL)).fold(0.0, f64::max);
        let left = MARGIN + longest(&map.rows).min(150.0) + if map.y_label.is_empty() { 8.0 } else { 26.0 };
        let top = if title.is_empty() { 16.0 } else { 44.0 };
        let room = WIDTH - left - SCALE - MARGIN;
        let wide = (room / map.columns.len() as f64).min(64.0);
        let tall = wide.min(28.0).min((640.0 / map.rows.len() as f64).max(3.0));
        let label = longest(&map.columns);
        let upright = label > wide - 4.0;
        let under = if upright { label.min(110.0) + 12.0 } else { 22.0 } + if map.x_label.is_empty() { 0.0 } else { 20.0 };
        Self { left, top, cell: (wide, tall), rows: map.rows.len(), columns: map.columns.len(), upright, under }
    }

    fn bottom(&self) -> f64 {
        self.top + self.cell.1 * self.rows as f64
    }

    fn draw_cells(&self, canvas: &mut Canvas, map: &Heatmap, range: Extent, both: bool) {
        let (wide, tall) = self.cell;
        let roomy = map.values.iter().all(|&v| measure(&short(v), 10.0) < wide - 4.0) && tall >= 16.0;
        // Small cells overlap a little, so that no hairlines of the background show.
        let gap = if wide.min(tall) >= 8.0 { 1.0 } else { -0.5 };
        for (i, &value) in map.values.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            let x = self.left + wide * (i % self.columns) as f64;
            let y = self.top + tall * (i / self.columns) as f64;
            let colour = heat(range.place(value), both);
            canvas.rect((x, y), (x + wide - gap, y + tall - gap), colour, 1.0);
            if roomy {
                let look = Text { middle: true, ..Text::new(10.0, colour.ink()) };
                canvas.text(x + (wide - gap) / 2.0, y + tall / 2.0 + 3.5, &short(value), &look);
            }
        }
    }

    fn draw_rows(&self, canvas: &mut Canvas, map: &Heatmap) {
        let every = (13.0 / self.cell.1).ceil() as usize;
        for (i, label) in map.rows.iter().enumerate().step_by(every.max(1)) {
            let y = self.top + self.cell.1 * (i as f64 + 0.5) + 4.0;
            canvas.text(self.left - 6.0, y, &cut(label, 150.0, LABEL), &Text { end: true, ..Text::new(LABEL, INK) });
        }
    }

    fn draw_columns(&self, canvas: &mut Canvas, map: &Heatmap) {
        let every = if self.upright { (13.0 / self.cell.0).ceil() as usize } else { 1 };
        for (i, label) in map.columns.iter().enumerate().step_by(every.max(1)) {
            let x = self.left + self.cell.0 * (i as f64 + 0.5);
            let look = Text::new(LABEL, INK);
            if self.upright {
                let look = Text { end: true, upwards: true, ..look };
                canvas.text(x + 4.0, self.bottom() + 6.0, &cut(label, 110.0, LABEL), &look);
            } else {
                canvas.text(x, self.bottom() + 15.0, label, &Text { middle: true, ..look });
            }
        }
    }

    fn draw_scale(&self, canvas: &mut Canvas, range: Extent, both: bool) {
        let x = self.left + self.cell.0 * self.columns as f64 + 14.0;
        let tall = (self.bottom() - self.top).clamp(60.0_f64.min(self.bottom() - self.top), 200.0);
        let steps = 40;
        for i in 0..steps {
            let at = 1.0 - (f64::from(i) + 0.5) / f64::from(steps);
            let y = self.top + tall * f64::from(i) / f64::from(steps);
            canvas.rect((x, y), (x + 10.0, (y + tall / f64::from(steps) + 0.5).min(self.top + tall)), heat(at, both), 1.0);
        }
        let look = Text::new(LABEL, GREY);
        canvas.text(x + 14.0, self.top + 9.0, &number(range.hi), &look);
        if tall > 30.0 {
            canvas.text(x + 14.0, self.top + tall, &number(range.lo), &look);
        }
        if tall > 60.0 {
            canvas.text(x + 14.0, self.top + tall / 2.0 + 4.0, &number((range.lo + range.hi) / 2.0), &look);
        }
    }
}

/// A value inside a cell.
fn short(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() < 0.005 || value.abs() >= 100.0 { number(value) } else { format!("{value:.2}") }
}
