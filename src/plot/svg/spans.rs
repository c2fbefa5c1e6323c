//! Coloured running text, wrapped, with notes below.

use wire::Spans;

use super::canvas::{Canvas, Text, document, measure_mono};
use super::{MARGIN, WIDTH, empty, header};
use crate::plot::columns::one_line;
use crate::plot::palette::{GREY, INK, span};
use crate::plot::spans::{Unit, lines, running};

const SIZE: f64 = 14.0;
const NOTE: f64 = 10.0;
const COLUMN: f64 = SIZE * 0.61;

pub fn draw(spans: &Spans) -> String {
    if spans.spans.is_empty() {
        return empty(&spans.title);
    }
    let noted = spans.spans.iter().any(|s| !s.note.is_empty());
    let tall = if noted { 40.0 } else { 24.0 };
    // Running text costs no gap; a token costs a column.
    let extra = usize::from(!running(spans));
    let lines = lines(spans, ((WIDTH - 2.0 * MARGIN) / COLUMN) as usize, extra, 0);
    let legend: Vec<_> = spans.legend.iter().enumerate().map(|(i, name)| (one_line(name), span(i))).collect();
    let mut top = 0.0;
    document(WIDTH, 100.0, |canvas| top = header(canvas, &spans.title, &legend));
    document(WIDTH, top + tall * lines.len() as f64 + 12.0, |canvas| {
        header(canvas, &spans.title, &legend);
        for (i, line) in lines.iter().enumerate() {
            draw_line(canvas, line, top + tall * i as f64, extra as f64 * COLUMN);
        }
    })
}

fn draw_line(canvas: &mut Canvas, line: &[Unit], y: f64, extra: f64) {
    let mut x = MARGIN;
    for unit in line {
        let wide = measure_mono(&unit.text, SIZE).max(measure_mono(&unit.note, NOTE)) + extra;
        let gap = if extra > 0.0 || unit.ends { 1.5 } else { 0.0 };
        canvas.rect((x, y), (x + wide - gap, y + 20.0), span(unit.tone), 1.0);
        // Running text keeps its left edge, so that spaces at the end of a piece stay spaces.
        let token = extra > 0.0;
        let at = if token { x + (wide - gap) / 2.0 } else { x };
        canvas.text(at, y + 14.5, &unit.text, &Text { mono: true, middle: token, ..Text::new(SIZE, INK) });
        canvas.text(at, y + 31.0, &unit.note, &Text { mono: true, middle: token, ..Text::new(NOTE, GREY) });
        x += wide;
    }
}
