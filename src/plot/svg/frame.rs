//! The box that curves and histograms are drawn in: axes, grid, ticks, labels.

use super::canvas::{Canvas, Text, measure};
use super::{SMALL, WIDTH};
use crate::plot::extent::{Extent, Tick, ticks};
use crate::plot::palette::{AXIS, GREY, GRID};

const TICK: f64 = 11.0;

/// A box in pixels and the ranges it shows.
pub struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    pub x: Extent,
    pub y: Extent,
}

pub struct Axes<'a> {
    pub x_label: &'a str,
    pub y_label: &'a str,
    pub x_whole: bool,
    pub y_whole: bool,
}

impl Frame {
    /// Lays the box out below `top` so that the y labels fit on its left, and draws the axes.
    pub fn new(canvas: &mut Canvas, (x, y): (Extent, Extent), (top, height): (f64, f64), axes: &Axes) -> Self {
        let bottom = height - if axes.x_label.is_empty() { 34.0 } else { 50.0 };
        let marks = ticks(y, ((bottom - top) / 45.0) as usize, axes.y_whole);
        let widest = marks.iter().map(|t| measure(&t.label, TICK)).fold(0.0, f64::max);
        let left = 14.0 + widest + if axes.y_label.is_empty() { 10.0 } else { 28.0 };
        let frame = Self { left, right: WIDTH - 22.0, top: top + 6.0, bottom, x, y };
        frame.draw_y(canvas, &marks);
        frame.draw_x(canvas, &ticks(x, ((frame.right - left) / 85.0) as usize, axes.x_whole));
        let look = Text { middle: true, ..Text::new(SMALL, GREY) };
        let room = frame.right - left;
        canvas.text((left + frame.right) / 2.0, height - 13.0, &super::canvas::cut(axes.x_label, room, SMALL), &look);
        let y_label = super::canvas::cut(axes.y_label, bottom - frame.top, SMALL);
        canvas.text(21.0, (frame.top + bottom) / 2.0, &y_label, &Text { upwards: true, ..look });
        frame
    }

    fn draw_y(&self, canvas: &mut Canvas, marks: &[Tick]) {
        for tick in marks {
            let y = self.at(self.x.lo, tick.value).1;
            canvas.line((self.left, y), (self.right, y), GRID, 1.0);
            canvas.text(self.left - 8.0, y + 4.0, &tick.label, &Text { end: true, ..Text::new(TICK, GREY) });
        }
    }

    fn draw_x(&self, canvas: &mut Canvas, marks: &[Tick]) {
        canvas.line((self.left, self.bottom), (self.right, self.bottom), AXIS, 1.0);
        for tick in marks {
            let x = self.at(tick.value, self.y.lo).0;
            canvas.line((x, self.bottom), (x, self.bottom + 4.0), AXIS, 1.0);
            canvas.text(x, self.bottom + 17.0, &tick.label, &Text { middle: true, ..Text::new(TICK, GREY) });
        }
    }

    /// The pixel of a value.
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let right = self.left + self.x.place(x) * (self.right - self.left);
        (right, self.bottom - self.y.place(y) * (self.bottom - self.top))
    }
}
