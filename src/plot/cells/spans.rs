//! Running text with separators and notes; without colour, brackets tell the tones apart.

use wire::Spans;

use super::{Line, bare, empty, legend, piece, title};
use crate::plot::Tone;
use crate::plot::columns::{columns, pad_right};
use crate::plot::spans::{Unit, lines, running};

/// Around spans of the first, second, … tone in running text without colour.
const BRACKETS: [(&str, &str); 5] = [("", ""), ("[", "]"), ("{", "}"), ("⟨", "⟩"), ("«", "»")];

/// `bracketed`: the tones will be dropped.
pub fn draw(spans: &Spans, width: usize, bracketed: bool) -> Vec<Line> {
    if spans.spans.is_empty() {
        return empty(&spans.title, width);
    }
    let mut all = title(&spans.title, width);
    if !spans.legend.is_empty() {
        let sign = |i: usize| {
            let (open, close) = if bracketed { BRACKETS[i % BRACKETS.len()] } else { ("", "") };
            piece(format!("{open}…{close}"), Tone::Span(i))
        };
        let entries: Vec<_> = spans.legend.iter().enumerate().map(|(i, name)| (sign(i), name.clone())).collect();
        all.extend(legend(&entries, width));
    }
    let flowing = running(spans);
    let marked = bracketed && !spans.legend.is_empty();
    for line in lines(spans, width, usize::from(!flowing), usize::from(marked)) {
        let (text, notes) = if flowing { (flow(&line, marked), Vec::new()) } else { tokens(&line, marked) };
        all.push(text);
        if notes.iter().any(|n| !n.text.trim().is_empty()) {
            all.push(notes);
        }
    }
    all
}

fn brackets(unit: &Unit, marked: bool) -> (&'static str, &'static str) {
    let (open, close) = if marked { BRACKETS[unit.tone % BRACKETS.len()] } else { ("", "") };
    (if unit.starts { open } else { "" }, if unit.ends { close } else { "" })
}

fn flow(line: &[Unit], marked: bool) -> Line {
    let text = |unit: &Unit| {
        let (open, close) = brackets(unit, marked);
        piece(format!("{open}{}{close}", unit.text), Tone::Span(unit.tone))
    };
    line.iter().map(text).collect()
}

/// Tokens between separators, and their notes below.
fn tokens(line: &[Unit], marked: bool) -> (Line, Line) {
    let (mut texts, mut notes) = (Vec::new(), Vec::new());
    for (i, unit) in line.iter().enumerate() {
        if i > 0 {
            texts.push(piece(if unit.starts { "│" } else { " " }, Tone::Dim));
            notes.push(bare(" "));
        }
        let (open, close) = brackets(unit, marked);
        let text = format!("{open}{}{close}", unit.text);
        let wide = columns(&text).max(columns(&unit.note));
        let rest = wide - columns(&text);
        texts.push(piece(text, Tone::Span(unit.tone)));
        if rest > 0 {
            texts.push(bare(" ".repeat(rest)));
        }
        notes.push(piece(pad_right(&unit.note, wide), Tone::Dim));
    }
    (texts, notes)
}
