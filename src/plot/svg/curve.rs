//! Lines over a shared axis, with marked points.

use wire::{Curve, Series};

use super::canvas::{Canvas, Text, document, measure};
use super::frame::{Axes, Frame};
use super::{SMALL, WIDTH, empty, header, legend};
use crate::plot::columns::one_line;
use crate::plot::extent::{Extent, runs, thinned};
use crate::plot::palette::{INK, Rgb, WHITE, series};

const HEIGHT: f64 = 360.0;
/// Shorter series show their points.
const FEW: usize = 24;

pub fn draw(curve: &Curve) -> String {
    let Some((x, y)) = ranges(curve) else {
        return empty(&curve.title);
    };
    document(WIDTH, HEIGHT, |canvas| {
        let top = header(canvas, &curve.title, &legend(curve.series.iter().map(|s| &s.name)));
        let x_whole = points(curve).all(|(x, _)| x.fract() == 0.0);
        let axes = Axes { x_label: &curve.x_label, y_label: &curve.y_label, x_whole, y_whole: false };
        let frame = Frame::new(canvas, (x, y.padded(0.06)), (top.min(HEIGHT * 0.5), HEIGHT), &axes);
        for (i, one) in curve.series.iter().enumerate() {
            draw_series(canvas, &frame, one, series(i));
        }
        draw_marks(canvas, &frame, curve);
    })
}

/// The finite points of all series and marks.
fn points(curve: &Curve) -> impl Iterator<Item = (f64, f64)> {
    let marks = curve.marks.iter().map(|m| (m.x, m.y));
    let all = curve.series.iter().flat_map(|s| s.points.iter().copied()).chain(marks);
    all.filter(|(x, y)| x.is_finite() && y.is_finite())
}

/// The x and y ranges; nothing where no point can be drawn.
pub fn ranges(curve: &Curve) -> Option<(Extent, Extent)> {
    let x = Extent::of(points(curve).map(|p| p.0))?;
    let y = Extent::of(points(curve).map(|p| p.1))?;
    Some((x, y))
}

fn draw_series(canvas: &mut Canvas, frame: &Frame, one: &Series, colour: Rgb) {
    for run in runs(&one.points) {
        let place: Vec<_> = run.iter().map(|&(x, y)| frame.at(x, y)).collect();
        let place = thinned(&place);
        if place.len() > 1 {
            canvas.path(&place, colour, 2.0);
        }
        if place.len() == 1 || one.points.len() <= FEW {
            for &at in &place {
                canvas.dot(at, 2.75, colour);
            }
        }
    }
}

fn draw_marks(canvas: &mut Canvas, frame: &Frame, curve: &Curve) {
    let mut taken: Vec<Area> = Vec::new();
    let marks: Vec<_> = curve.marks.iter().filter(|m| m.x.is_finite() && m.y.is_finite()).collect();
    for mark in &marks {
        let (x, y) = frame.at(mark.x, mark.y);
        taken.push(Area { left: x - 5.0, top: y - 5.0, right: x + 5.0, bottom: y + 5.0 });
    }
    for mark in marks {
        let at = frame.at(mark.x, mark.y);
        canvas.dot(at, 6.0, WHITE);
        canvas.dot(at, 4.5, INK);
        let label = super::canvas::cut(&one_line(&mark.label), WIDTH / 2.0, SMALL);
        if label.is_empty() {
            continue;
        }
        let spot = place_label(frame, at, measure(&label, SMALL) + 6.0, &taken);
        canvas.rect((spot.left, spot.top), (spot.right, spot.bottom), WHITE, 0.8);
        canvas.text(spot.left + 3.0, spot.bottom - 4.0, &label, &Text::new(SMALL, INK));
        taken.push(spot);
    }
}

/// A rectangle in pixels.
#[derive(Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn meets(&self, other: &Area) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// The first free place around a point, moved into the frame; above it if all are taken.
fn place_label(frame: &Frame, (x, y): (f64, f64), wide: f64, taken: &[Area]) -> Area {
    let tall = 17.0;
    let tries = [
        (x - wide / 2.0, y - 8.0 - tall),
        (x - wide / 2.0, y + 8.0),
        (x + 9.0, y - tall / 2.0),
        (x - 9.0 - wide, y - tall / 2.0),
        (x - wide / 2.0, y - 10.0 - 2.0 * tall),
        (x - wide / 2.0, y + 10.0 + tall),
    ];
    let inside = |(left, top): (f64, f64)| {
        let left = left.min(frame.right - wide).max(frame.left);
        let top = top.min(frame.bottom - tall).max(frame.top);
        Area { left, top, right: left + wide, bottom: top + tall }
    };
    let free = |area: &Area| taken.iter().all(|other| !area.meets(other));
    tries.into_iter().map(inside).find(free).unwrap_or_else(|| inside(tries[0]))
}
