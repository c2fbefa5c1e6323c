//! Horizontal bars, grouped, with their values.

use wire::Bars;

use super::canvas::{Canvas, Text, cut, document, measure};
use super::{MARGIN, SMALL, WIDTH, empty, header, legend};
use crate::plot::extent::Extent;
use crate::plot::number;
use crate::plot::palette::{AXIS, GREY, INK, series};

pub fn draw(bars: &Bars) -> String {
    if bars.labels.is_empty() || bars.groups.is_empty() {
        return empty(&bars.title);
    }
    let thick = if bars.groups.len() == 1 { 16.0 } else { 12.0 };
    let row = thick * bars.groups.len() as f64 + 8.0;
    let names = legend(bars.groups.iter().map(|g| &g.name));
    let top = header_height(&bars.title, &names);
    let height = top + row * bars.labels.len() as f64 + if bars.x_label.is_empty() { 16.0 } else { 34.0 };
    document(WIDTH, height, |canvas| {
        header(canvas, &bars.title, &names);
        let layout = Layout::new(bars, top, row, thick);
        let end = top + row * bars.labels.len() as f64;
        canvas.line((layout.zero, top), (layout.zero, end), AXIS, 1.0);
        for (i, label) in bars.labels.iter().enumerate() {
            layout.draw_row(canvas, bars, i, label);
        }
        let middle = (layout.left + WIDTH - MARGIN) / 2.0;
        canvas.text(middle, height - 13.0, &bars.x_label, &Text { middle: true, ..Text::new(SMALL, GREY) });
    })
}

/// The height a header takes, found by drawing it on a scratch canvas.
fn header_height(title: &str, names: &[(String, crate::plot::palette::Rgb)]) -> f64 {
    let mut top = 0.0;
    document(WIDTH, 100.0, |canvas| top = header(canvas, title, names));
    top + 4.0
}

struct Layout {
    left: f64,
    right: f64,
    zero: f64,
    top: f64,
    row: f64,
    thick: f64,
    range: Extent,
}

impl Layout {
    fn new(bars: &Bars, top: f64, row: f64, thick: f64) -> Self {
        let values = || bars.groups.iter().flat_map(|g| g.values.iter().copied());
        let range = Extent::of(values()).map_or(Extent { lo: 0.0, hi: 1.0 }, |_| {
            let lo = values().filter(|v| v.is_finite()).fold(0.0, f64::min).max(-1e300);
            let hi = values().filter(|v| v.is_finite()).fold(0.0, f64::max).min(1e300);
            if hi - lo > 1e-290 { Extent { lo, hi } } else { Extent { lo: 0.0, hi: 1.0 } }
        });
        let widest = bars.labels.iter().map(|l| measure(l, SMALL)).fold(0.0, f64::max).min(WIDTH * 0.4);
        let value = values().map(|v| measure(&number(v), 11.0)).fold(0.0, f64::max) + 8.0;
        let left = MARGIN + widest + 10.0 + if range.lo < 0.0 { value } else { 0.0 };
        let right = WIDTH - MARGIN - value;
        let zero = left + range.place(0.0) * (right - left);
        Self { left, right, zero, top, row, thick, range }
    }

    fn draw_row(&self, canvas: &mut Canvas, bars: &Bars, index: usize, label: &str) {
        let y = self.top + self.row * index as f64 + 4.0;
        let label = cut(label, WIDTH * 0.4, SMALL);
        let start = MARGIN + bars.labels.iter().map(|l| measure(l, SMALL)).fold(0.0, f64::max).min(WIDTH * 0.4);
        canvas.text(start, y + self.row / 2.0, &label, &Text { end: true, ..Text::new(SMALL, INK) });
        for (i, group) in bars.groups.iter().enumerate() {
            let value = group.values.get(index).copied().unwrap_or(f64::NAN);
            let y = y + self.thick * i as f64;
            let drawn = if value.is_finite() { value } else { 0.0 };
            let tip = self.left + self.range.place(drawn) * (self.right - self.left);
            canvas.rect((self.zero.min(tip), y + 1.0), (self.zero.max(tip), y + self.thick - 1.0), series(i), 1.0);
            let text = if value.is_finite() { number(value) } else { "–".to_owned() };
            let look = Text { end: drawn < 0.0, ..Text::new(11.0, GREY) };
            let x = if drawn < 0.0 { tip - 6.0 } else { tip + 6.0 };
            canvas.text(x, y + self.thick / 2.0 + 4.0, &text, &look);
        }
    }
}
