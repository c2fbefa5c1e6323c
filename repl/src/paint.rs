//! Roles and chart tones as colours (SGR sequences). The basic sixteen, so that a person's own palette holds; 256 only for many series.

use lantern::plot::{self, Tone};
use unicode_width::UnicodeWidthStr;
use wire::Chart;

use crate::terminal::Depth;

/// What a piece of text is, in the prompt and in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Prompt,
    Magic,
    Unknown,
    Option,
    Value,
    Quoted,
    Command,
    Comment,
    Keyword,
    Note,
    Error,
    Hint,
    Bar,
}

/// Colours text, or leaves it alone at `Depth::None`.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    pub depth: Depth,
}

/// One line ready to write, and its width in columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    pub text: String,
    pub width: usize,
}

impl Paint {
    pub fn role(self, role: Role, text: &str) -> String {
        let code = match role {
            Role::Prompt | Role::Bar => "36",
            Role::Magic => "1;34",
            Role::Unknown => "31",
            Role::Error => "1;31",
            Role::Option => "36",
            Role::Value => "33",
            Role::Quoted | Role::Hint => "32",
            Role::Command | Role::Keyword => "35",
            Role::Comment | Role::Note => "2",
        };
        self.code(code, text)
    }

    /// A chart's lines, none wider than `width` if the renderer keeps its word.
    pub fn chart(self, chart: &Chart, width: usize) -> Vec<Line> {
        if self.depth == Depth::None {
            let text = plot::plain(chart, width);
            return text.lines().map(|line| Line { text: line.to_owned(), width: line.width() }).collect();
        }
        let lines = plot::cells(chart, width);
        lines.iter().map(|pieces| pieces.iter().fold(Line::default(), |line, piece| self.join(line, piece))).collect()
    }

    fn join(self, mut line: Line, piece: &plot::Piece) -> Line {
        line.width += piece.text.width();
        match &piece.tone {
            Some(tone) => line.text.push_str(&self.code(&self.tone(tone), &piece.text)),
            None => line.text.push_str(&piece.text),
        }
        line
    }

    fn tone(self, tone: &Tone) -> String {
        // Blue, orange, green, red, violet, brown: apart for most colour-blind readers too.
        const SERIES: [u8; 6] = [33, 208, 34, 160, 135, 137];
        const SERIES_16: [u8; 6] = [34, 33, 32, 31, 35, 36];
        const SPANS: [u8; 6] = [24, 94, 22, 53, 58, 23];
        const SPANS_16: [u8; 6] = [44, 43, 42, 45, 46, 41];
        match (tone, self.depth) {
            (Tone::Title, _) => "1".to_owned(),
            (Tone::Axis | Tone::Dim, _) => "2".to_owned(),
            (Tone::Mark, _) => "1;35".to_owned(),
            (Tone::Series(i), Depth::Many) => format!("38;5;{}", SERIES[i % SERIES.len()]),
            (Tone::Series(i), _) => SERIES_16[i % SERIES_16.len()].to_string(),
            (Tone::Span(i), Depth::Many) => format!("97;48;5;{}", SPANS[i % SPANS.len()]),
            (Tone::Span(i), _) => format!("30;{}", SPANS_16[i % SPANS_16.len()]),
        }
    }

    fn code(self, code: &str, text: &str) -> String {
        match self.depth {
            Depth::None => text.to_owned(),
            _ if text.is_empty() => String::new(),
            _ => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}
