//! Charts as lines of toned text.

pub mod bars;
mod braille;
pub mod curve;
pub mod heatmap;
pub mod histogram;
pub mod spans;

use super::columns::{columns, cut, one_line, prefix};
use super::{Piece, Tone};
use crate::words::ui;

type Line = Vec<Piece>;

fn piece(text: impl Into<String>, tone: Tone) -> Piece {
    Piece { text: text.into(), tone: Some(tone) }
}

fn bare(text: impl Into<String>) -> Piece {
    Piece { text: text.into(), tone: None }
}

/// The title on a line of its own, if there is one.
fn title(text: &str, width: usize) -> Vec<Line> {
    if text.is_empty() { Vec::new() } else { vec![vec![piece(cut(&one_line(text), width), Tone::Title)]] }
}

fn empty(text: &str, width: usize) -> Vec<Line> {
    let mut lines = title(text, width);
    lines.push(vec![piece(ui::NOTHING_TO_DRAW.text(), Tone::Dim)]);
    lines
}

/// Signs and names of groups, wrapped.
fn legend(entries: &[(Piece, String)], width: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut used = 0;
    for (sign, name) in entries {
        let name = cut(&one_line(name), width.saturating_sub(columns(&sign.text) + 1));
        let wide = columns(&sign.text) + 1 + columns(&name);
        let gap = if used > 0 { 3 } else { 0 };
        if lines.is_empty() || used + gap + wide > width {
            lines.push(Vec::new());
            used = 0;
        } else {
            used += gap;
        }
        let Some(line) = lines.last_mut() else { continue };
        if used > 0 {
            line.push(bare("   "));
        }
        line.extend([sign.clone(), bare(format!(" {name}"))]);
        used += wide;
    }
    lines
}

/// Whether groups need naming: several of them, or one that has a name.
fn named<'a>(mut names: impl ExactSizeIterator<Item = &'a String>) -> bool {
    names.len() > 1 || names.any(|n| !n.is_empty())
}

/// Cuts every line to the width: the last guard, lines are laid out to fit.
pub fn fitted(lines: Vec<Line>, width: usize) -> Vec<Line> {
    lines.into_iter().map(|line| fitted_line(line, width)).collect()
}

fn fitted_line(line: Line, width: usize) -> Line {
    let mut left = width;
    let mut kept = Vec::new();
    for mut one in line {
        let wide = columns(&one.text);
        if wide > left {
            one.text.truncate(prefix(&one.text, left));
        }
        left -= columns(&one.text).min(left);
        let cut_here = wide > columns(&one.text);
        if !one.text.is_empty() {
            kept.push(one);
        }
        if cut_here {
            break;
        }
    }
    kept
}
