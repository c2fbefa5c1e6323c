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
            // The colour says what the shade says without colours.
            Some(tone @ Tone::Heat { .. }) if matches!(self.depth, Depth::Many | Depth::Full) => {
                let text: String = piece.text.chars().map(|c| if plot::SHADES.contains(&c) { ' ' } else { c }).collect();
                line.text.push_str(&self.code(&self.tone(tone), &text));
            }
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
            (Tone::Series(i), Depth::Many | Depth::Full) => format!("38;5;{}", SERIES[i % SERIES.len()]),
            (Tone::Series(i), _) => SERIES_16[i % SERIES_16.len()].to_string(),
            (Tone::Span(i), Depth::Many | Depth::Full) => format!("97;48;5;{}", SPANS[i % SPANS.len()]),
            (Tone::Heat { at, both }, Depth::Full) => {
                let ([r, g, b], [ir, ig, ib]) = plot::heat_colour(*at, *both);
                format!("38;2;{ir};{ig};{ib};48;2;{r};{g};{b}")
            }
            (Tone::Heat { at, both }, Depth::Many) => {
                let (back, ink) = plot::heat_colour(*at, *both);
                let back = if *both { cube(back) } else { HEAT[usize::from(*at) * HEAT.len() / 256] };
                format!("38;5;{};48;5;{back}", cube(ink))
            }
            (Tone::Heat { .. }, _) => "39".to_owned(),
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

/// Viridis in the palette: each step is lighter than the one before, which the nearest colours are not.
const HEAT: [u8; 12] = [53, 54, 55, 25, 31, 36, 41, 77, 112, 148, 184, 226];

/// The nearest colour of the palette's 6 x 6 x 6 cube, or of its greys.
fn cube(colour: [u8; 3]) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let nearest = |c: u8| (0..6).min_by_key(|i| LEVELS[*i].abs_diff(c)).unwrap_or(0);
    let far = |other: [u8; 3]| (0..3).map(|i| u32::from(colour[i].abs_diff(other[i])).pow(2)).sum::<u32>();
    let [r, g, b] = colour.map(nearest);
    let mean = colour.iter().map(|c| u32::from(*c)).sum::<u32>() / 3;
    let step = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + 10 * step; 3];
    let in_cube = [LEVELS[r], LEVELS[g], LEVELS[b]];
    if far(grey) < far(in_cube) { 232 + step } else { (16 + 36 * r + 6 * g + b) as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_near_in_the_palette() {
        assert_eq!((cube([0, 0, 0]), cube([255, 255, 255]), cube([255, 0, 0])), (16, 231, 196));
        assert_eq!((cube([31, 158, 137]), cube([128, 128, 128])), (36, 244));
    }

    #[test]
    fn a_heatmap_has_colours_for_shades() {
        let names = || vec!["a".to_owned(), "b".to_owned()];
        let map = wire::Heatmap { columns: names(), rows: names(), values: vec![0.0, 0.25, 0.5, 1.0], ..wire::Heatmap::default() };
        let chart = Chart::Heatmap(map);
        let lines = Paint { depth: Depth::Many }.chart(&chart, 40);
        assert!(lines[1].text.contains("\x1b[38;5;231;48;5;53m    0 \x1b[0m"), "{:?}", lines[1].text);
        assert!(!lines.iter().any(|line| line.text.contains(['█', '░'])));
        let full = Paint { depth: Depth::Full }.chart(&chart, 40);
        assert!(full[2].text.contains("\x1b[38;2;31;41;55;48;2;253;231;37m    1 \x1b[0m"), "{:?}", full[2].text);
        let plain = Paint { depth: Depth::None }.chart(&chart, 40);
        assert_eq!(plain[1].text, "a ·   0 ░0.25");
    }
}
