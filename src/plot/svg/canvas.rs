//! Drawing in fractional pixels on plotters' SVG backend, which counts in whole units.

use plotters::backend::DrawingBackend;
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, FontTransform, RGBAColor, RGBColor, ShapeStyle};
use unicode_width::UnicodeWidthChar;

use crate::plot::columns;
use crate::plot::palette::{Rgb, WHITE};

/// Units a pixel.
const UNITS: f64 = 4.0;
const SANS: &str = "Inter, Segoe UI, Helvetica Neue, Arial, Noto Sans, Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif";
const MONO: &str = "Menlo, Consolas, DejaVu Sans Mono, Noto Sans Mono CJK SC, PingFang SC, Microsoft YaHei, monospace";

pub struct Canvas<'a> {
    backend: SVGBackend<'a>,
}

/// How a text looks; it starts at its point unless `end` or `middle`, and stands on its point.
#[derive(Clone, Copy)]
pub struct Text {
    pub size: f64,
    pub colour: Rgb,
    pub bold: bool,
    pub mono: bool,
    pub middle: bool,
    pub end: bool,
    /// Reads upwards.
    pub upwards: bool,
}

impl Text {
    pub fn new(size: f64, colour: Rgb) -> Self {
        Self { size, colour, bold: false, mono: false, middle: false, end: false, upwards: false }
    }
}

/// A document of `width` by `height` pixels on a white card with round corners.
pub fn document(width: f64, height: f64, paint: impl FnOnce(&mut Canvas)) -> String {
    let (w, h) = (units(width), units(height));
    let mut drawn = String::new();
    let mut canvas = Canvas { backend: SVGBackend::with_string(&mut drawn, (w as u32, h as u32)) };
    paint(&mut canvas);
    drop(canvas);
    // The document's own head takes the place of the backend's; it names the font once for all texts.
    let body = drawn.split_once('\n').map_or("", |(_, body)| body).replace(&format!(" font-family=\"{SANS}\""), "");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"{SANS}\" stroke-linejoin=\"round\" stroke-linecap=\"round\">\n\
         <rect width=\"{w}\" height=\"{h}\" rx=\"{}\" fill=\"{}\"/>\n{body}",
        units(8.0),
        WHITE.hex()
    )
}

/// Drawing into a string cannot fail, so results are dropped throughout.
impl Canvas<'_> {
    pub fn path(&mut self, points: &[(f64, f64)], colour: Rgb, thick: f64) {
        let _ = self.backend.draw_path(points.iter().map(|&p| spot(p)), &style(colour, 1.0, thick));
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Rgb, thick: f64) {
        let _ = self.backend.draw_line(spot(from), spot(to), &style(colour, 1.0, thick));
    }

    pub fn area(&mut self, points: &[(f64, f64)], colour: Rgb, opacity: f64) {
        let _ = self.backend.fill_polygon(points.iter().map(|&p| spot(p)), &style(colour, opacity, 1.0));
    }

    pub fn rect(&mut self, from: (f64, f64), to: (f64, f64), colour: Rgb, opacity: f64) {
        let _ = self.backend.draw_rect(spot(from), spot(to), &style(colour, opacity, 1.0), true);
    }

    /// A square with soft corners, `side` pixels; the sign of a colour in a legend.
    pub fn round(&mut self, x: f64, y: f64, side: f64, colour: Rgb) {
        let inner = [(x + 2.0, y + 2.0), (x + side - 2.0, y + 2.0), (x + side - 2.0, y + side - 2.0), (x + 2.0, y + side - 2.0)];
        self.area(&inner, colour, 1.0);
        self.path(&[inner[0], inner[1], inner[2], inner[3], inner[0]], colour, 4.0);
    }

    pub fn dot(&mut self, at: (f64, f64), radius: f64, colour: Rgb) {
        let _ = self.backend.draw_circle(spot(at), units(radius) as u32, &style(colour, 1.0, 1.0), true);
    }

    pub fn text(&mut self, x: f64, y: f64, text: &str, look: &Text) {
        let text = columns::one_line(text);
        if text.is_empty() {
            return;
        }
        let weight = if look.bold { FontStyle::Bold } else { FontStyle::Normal };
        let turn = if look.upwards { FontTransform::Rotate270 } else { FontTransform::None };
        // The backend divides by 1.24.
        let size = (look.size * UNITS).round() * 1.24;
        let font = FontDesc::new(FontFamily::Name(if look.mono { MONO } else { SANS }), size, weight).transform(turn);
        let h_pos = match (look.middle, look.end) {
            (true, _) => HPos::Center,
            (_, true) => HPos::Right,
            _ => HPos::Left,
        };
        // The backend's vertical anchors move the text by -0.5ex at the bottom: undone here, so that y is the baseline.
        let drop = look.size * 0.26;
        let (x, y) = if look.upwards { (x + drop, y) } else { (x, y + drop) };
        let Rgb(r, g, b) = look.colour;
        let look = font.color(&RGBColor(r, g, b)).pos(Pos::new(h_pos, VPos::Bottom));
        let _ = self.backend.draw_text(&text, &look, spot((x, y)));
    }
}

/// Estimated width in pixels of a text in the sans-serif font, a little generous.
pub fn measure(text: &str, size: f64) -> f64 {
    text.chars().map(|c| char_share(c) * size).sum()
}

/// Width in pixels of a text in the monospace font.
pub fn measure_mono(text: &str, size: f64) -> f64 {
    text.chars().map(|c| [0.0, 0.61, 1.0][c.width().unwrap_or(1).min(2)] * size).sum()
}

fn char_share(c: char) -> f64 {
    match c.width() {
        Some(0) => 0.0,
        Some(2) => 1.0,
        _ => match c {
            'i' | 'j' | 'l' | 'I' | 't' | 'f' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' | '!' | '·' => 0.36,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.92,
            'A'..='Z' => 0.7,
            _ => 0.6,
        },
    }
}

/// The text, or as much as fits in `width` pixels with a `…`.
pub fn cut(text: &str, width: f64, size: f64) -> String {
    let text = columns::one_line(text);
    if measure(&text, size) <= width {
        return text;
    }
    let mut used = size * 0.6;
    let fits = |c: &char| {
        used += char_share(*c) * size;
        used <= width
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{kept}…")
}

fn units(pixels: f64) -> i32 {
    (pixels * UNITS).round() as i32
}

fn spot((x, y): (f64, f64)) -> (i32, i32) {
    (units(x), units(y))
}

fn style(colour: Rgb, opacity: f64, thick: f64) -> ShapeStyle {
    let color = RGBAColor(colour.0, colour.1, colour.2, opacity);
    ShapeStyle { color, filled: true, stroke_width: units(thick) as u32 }
}
