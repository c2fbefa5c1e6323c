//! Running text cut into pieces that fit on lines: the layout that SVG and terminal share.

use wire::Spans;

use super::columns::{columns, one_line, prefix, shown};

/// A stretch of one span on one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Whitespace already made visible.
    pub text: String,
    /// Only at the start of a span.
    pub note: String,
    pub tone: usize,
    pub starts: bool,
    pub ends: bool,
}

impl Unit {
    /// Columns of the text or of the note below it, whichever is wider.
    pub fn columns(&self) -> usize {
        columns(&self.text).max(columns(&self.note))
    }
}

/// Pieces of a text that tell only their meaning (no notes, a legend) may break at spaces; tokens break only when too long.
pub fn running(spans: &Spans) -> bool {
    !spans.legend.is_empty() && spans.spans.iter().all(|s| s.note.is_empty())
}

/// Lines of units, each line at most `width` columns when every unit costs `gap` more, and `edge` more at each end of its span.
/// Line ends in the text end the line.
pub fn lines(spans: &Spans, width: usize, gap: usize, edge: usize) -> Vec<Vec<Unit>> {
    let most = width.saturating_sub(gap + 2 * edge).max(2);
    let width = most + gap + 2 * edge;
    let words = running(spans);
    let mut lines = vec![Vec::new()];
    let mut used = 0;
    for span in &spans.spans {
        let pieces = pieces(&span.text, most, words);
        let count = pieces.len();
        for (i, piece) in pieces.into_iter().enumerate() {
            let note = if i == 0 { super::columns::cut(&one_line(&span.note), most) } else { String::new() };
            let ends_line = piece.ends_with('⏎');
            let unit = Unit { text: piece, note, tone: span.tone, starts: i == 0, ends: i + 1 == count };
            let wide = unit.columns() + gap + edge * (usize::from(unit.starts) + usize::from(unit.ends));
            if used > 0 && used + wide > width {
                lines.push(Vec::new());
                used = 0;
            }
            used += wide;
            if let Some(line) = lines.last_mut() {
                line.push(unit);
            }
            if ends_line {
                lines.push(Vec::new());
                used = 0;
            }
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// A span's visible text, cut after line ends, after spaces where `words`, and where longer than `width`.
fn pieces(text: &str, width: usize, words: bool) -> Vec<String> {
    let visible = shown(text);
    let mut pieces = Vec::new();
    for line in visible.split_inclusive('⏎') {
        let parts: Vec<&str> = if words { line.split_inclusive(' ').collect() } else { vec![line] };
        for mut part in parts {
            while columns(part) > width {
                let end = prefix(part, width).max(part.chars().next().map_or(1, char::len_utf8));
                pieces.push(part[..end].to_owned());
                part = &part[end..];
            }
            if !part.is_empty() {
                pieces.push(part.to_owned());
            }
        }
    }
    if pieces.is_empty() {
        pieces.push("∅".to_owned());
    }
    pieces
}
