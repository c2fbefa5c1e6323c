//! Lines as braille dots with axes.

use wire::{Curve, Mark};

use super::braille::Braille;
use super::{Line, bare, empty, legend, named, piece, title};
use crate::plot::Tone;
use crate::plot::columns::{columns, cut, one_line, pad_left};
use crate::plot::extent::{Extent, Tick, runs, ticks};
use crate::plot::number;

const ROWS: usize = 12;
/// Fewer columns than this show no line: the last values are written instead.
const LEAST: usize = 10;

pub fn draw(curve: &Curve, width: usize) -> Vec<Line> {
    let Some((x, y)) = crate::plot::svg::curve::ranges(curve) else {
        return empty(&curve.title, width);
    };
    let y = y.padded(0.02);
    let y_ticks = ticks(y, 5, false);
    let left = y_ticks.iter().map(|t| columns(&t.label)).max().unwrap_or(0);
    let Some(across) = width.checked_sub(left + 2).filter(|&n| n >= LEAST) else {
        return summary(curve, width);
    };
    let mut lines = title(&curve.title, width);
    if named(curve.series.iter().map(|s| &s.name)) {
        let sign = |i: usize| piece(["━━", "╍╍", "┈┈"][i % 3], Tone::Series(i));
        let entries: Vec<_> = curve.series.iter().enumerate().map(|(i, s)| (sign(i), s.name.clone())).collect();
        lines.extend(legend(&entries, width));
    }
    if !curve.y_label.is_empty() && curve.y_label != curve.title {
        lines.push(vec![piece(cut(&one_line(&curve.y_label), width), Tone::Dim)]);
    }
    let canvas = paint(curve, x, y, across);
    for row in 0..ROWS {
        let tick = y_ticks.iter().find(|t| row_of(y, t.value) == row);
        let label = tick.map_or("", |t| t.label.as_str());
        let sign = if tick.is_some() { '┤' } else { '│' };
        let mut line = vec![piece(format!("{} {sign}", pad_left(label, left)), Tone::Axis)];
        line.extend(canvas.row(row));
        lines.push(line);
    }
    lines.extend(x_axis(curve, x, left, across));
    lines
}

fn row_of(y: Extent, value: f64) -> usize {
    let down = (1.0 - y.place(value)) * (ROWS * 4 - 1) as f64;
    (down.round() as usize).min(ROWS * 4 - 1) / 4
}

fn paint(curve: &Curve, x: Extent, y: Extent, across: usize) -> Braille {
    let mut canvas = Braille::new(across, ROWS);
    let dot = |(px, py): (f64, f64)| (x.place(px) * (across * 2 - 1) as f64, (1.0 - y.place(py)) * (ROWS * 4 - 1) as f64);
    for (i, series) in curve.series.iter().enumerate() {
        for run in runs(&series.points) {
            let dots = means(run.into_iter().map(dot));
            if let [lone] = dots[..] {
                canvas.line(lone, lone, 0);
            }
            for pair in dots.windows(2) {
                canvas.line(pair[0], pair[1], i);
            }
            // The ends are always there, also where a dotted line skips them.
            for &(dx, dy) in dots.first().into_iter().chain(dots.last()) {
                canvas.dot(dx.round() as usize, dy.round() as usize, i);
            }
        }
    }
    let marks: Vec<_> = curve.marks.iter().filter(|m| m.x.is_finite() && m.y.is_finite()).collect();
    let at = |mark: &Mark| {
        let (dx, dy) = dot((mark.x, mark.y));
        (dx.round() as usize / 2, dy.round() as usize / 4)
    };
    marks.iter().for_each(|mark| canvas.write(at(mark).0.min(across - 1), at(mark).1.min(ROWS - 1), "●"));
    marks.iter().for_each(|mark| write_label(&mut canvas, at(mark), &mark.label, across));
    canvas
}

/// Points that share a column of dots as their mean: thousands of noisy steps would be a solid block otherwise.
fn means(dots: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let dots: Vec<(f64, f64)> = dots.collect();
    let mean = |same: &[(f64, f64)]| (same[0].0, same.iter().map(|dot| dot.1).sum::<f64>() / same.len() as f64);
    dots.chunk_by(|a, b| a.0.round() == b.0.round()).map(mean).collect()
}

/// Puts a label beside, above or below its point, where it hides least; leaves it out where there is no room.
fn write_label(canvas: &mut Braille, (column, row): (usize, usize), label: &str, across: usize) {
    let label = cut(&one_line(label), across.saturating_sub(4));
    let wide = columns(&label);
    if wide == 0 {
        return;
    }
    let centre = column.saturating_sub(wide / 2).min(across - wide);
    let row = row.min(ROWS - 1);
    let mut tries = vec![(column + 2, row)];
    tries.extend(column.checked_sub(wide + 1).map(|start| (start, row)));
    tries.extend(row.checked_sub(1).map(|above| (centre, above)));
    tries.extend(Some((centre, row + 1)).filter(|&(_, below)| below < ROWS));
    tries.extend(row.checked_sub(2).map(|above| (centre, above)));
    tries.extend(Some((centre, row + 2)).filter(|&(_, below)| below < ROWS));
    let free = tries.into_iter().filter(|&(c, r)| canvas.free(c, r, wide));
    if let Some((c, r)) = free.min_by_key(|&(c, r)| canvas.hidden(c, r, wide)) {
        canvas.write(c, r, &label);
    }
}

/// The axis with its signs, then the labels under them and the axis name at the end.
fn x_axis(curve: &Curve, x: Extent, left: usize, across: usize) -> Vec<Line> {
    let whole = curve.series.iter().flat_map(|s| &s.points).all(|p| p.0.fract() == 0.0);
    let ticks = ticks(x, (across / 12).clamp(2, 10), whole);
    let column = |tick: &Tick| ((x.place(tick.value) * (across * 2 - 1) as f64).round() as usize / 2).min(across - 1);
    let mut rule: Vec<char> = vec!['─'; across];
    let (mut labels, mut used) = (String::new(), 0);
    for tick in &ticks {
        let wide = columns(&tick.label);
        let start = column(tick).saturating_sub(wide / 2).min(across.saturating_sub(wide));
        if wide > across || (used > 0 && start < used + 1) {
            continue;
        }
        rule[column(tick)] = '┬';
        labels.push_str(&" ".repeat(start - used));
        labels.push_str(&tick.label);
        used = start + wide;
    }
    let pad = " ".repeat(left + 2);
    let rule: String = rule.into_iter().collect();
    let mut lines =
        vec![vec![piece(format!("{} └{rule}", " ".repeat(left)), Tone::Axis)], vec![piece(format!("{pad}{labels}"), Tone::Axis)]];
    let name = cut(&one_line(&curve.x_label), across);
    if !name.is_empty() {
        let before = " ".repeat((across - columns(&name)) / 2);
        lines.push(vec![bare(format!("{pad}{before}")), piece(name, Tone::Dim)]);
    }
    lines
}

/// Where there is no room for a line: the last value of each series and its range.
fn summary(curve: &Curve, width: usize) -> Vec<Line> {
    let mut lines = title(&curve.title, width);
    for (i, series) in curve.series.iter().enumerate() {
        let finite = || series.points.iter().map(|p| p.1).filter(|y| y.is_finite());
        let Some(last) = finite().next_back() else { continue };
        let (lo, hi) = finite().fold((last, last), |(lo, hi), y| (y.min(lo), y.max(hi)));
        let text = format!("{} {} ({}–{})", one_line(&series.name), number(last), number(lo), number(hi));
        lines.push(vec![piece(text.trim_start(), Tone::Series(i))]);
    }
    lines
}
