//! Charts as pictures, where the terminal can draw them: kitty's protocol, iTerm2's, or sixel.
//!
//! What a terminal can do is found out when the first picture is due, not before; text is what every terminal can.

mod choose;
mod iterm;
mod keys;
mod kitty;
mod query;
mod raster;
mod sixel;

pub use keys::Keys;

use lantern::plot;
use wire::{Chart, Form};

use self::choose::{Plan, plan};
use self::query::Asked;
use self::raster::Painter;
use crate::terminal::Terminal;

/// A way to send a picture to a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Kitty,
    ITerm,
    Sixel,
}

/// What stands in one place of the screen: a chart, or something in several forms.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Chart(Chart),
    Forms(Vec<Form>),
}

/// A picture ready to be written at its upper left corner; it covers `columns` x `rows` cells and the caller moves the cursor back.
#[derive(Clone, Debug)]
pub struct Picture {
    pub columns: usize,
    pub rows: usize,
    /// Names the picture to the terminal, where it has names (kitty).
    pub id: u32,
    pub bytes: String,
}

/// Draws for one terminal.
pub struct Easel {
    protocol: Protocol,
    /// Pixels of a cell.
    cell: (u32, u32),
    painter: Painter,
    last_id: u32,
}

impl Easel {
    /// `cell`: pixels of a character cell, where the terminal says them.
    pub fn new(protocol: Protocol, cell: Option<(u32, u32)>) -> Self {
        // A sixel picture is not scaled by the terminal: cells guessed too small leave a gap, cells guessed too large cover text.
        let guess = if protocol == Protocol::Sixel { (7, 14) } else { (10, 20) };
        let cell = cell.filter(|&(w, h)| (4..=100).contains(&w) && (6..=200).contains(&h)).unwrap_or(guess);
        // Another program's pictures on the same terminal have other numbers.
        Self { protocol, cell, painter: Painter::default(), last_id: (std::process::id() & 0x7fff) << 8 }
    }

    /// The picture of `content` in at most `columns` x `rows` cells; nothing where text says it better or it cannot be drawn.
    /// With `id` it takes the place of the picture of that name.
    pub fn picture(&mut self, content: &Content, id: Option<u32>, (columns, rows): (usize, usize)) -> Option<Picture> {
        let art = art(content)?;
        let room = (columns.min(400) as u32, rows.min(200) as u32);
        let (pixmap, (columns, rows)) = self.painter.paint(&art, self.cell, room)?;
        let id = id.unwrap_or_else(|| {
            self.last_id += 1;
            self.last_id
        });
        let bytes = match self.protocol {
            Protocol::Kitty => kitty::show(&pixmap.encode_png().ok()?, id, (columns, rows)),
            Protocol::ITerm => iterm::show(&pixmap.encode_png().ok()?, (columns, rows)),
            Protocol::Sixel => sixel::encode(&pixmap),
        };
        Some(Picture { columns: columns as usize, rows: rows as usize, id, bytes })
    }

    /// What takes a picture away that text does not overwrite; may be empty.
    pub fn remove(&self, id: u32) -> String {
        if self.protocol == Protocol::Kitty { kitty::delete(id) } else { String::new() }
    }
}

/// Asks the terminal, or knows.
pub type Look = Box<dyn FnMut() -> Asked>;

/// How to find out what the terminal on standard output draws; nothing where it is text alone.
pub fn look() -> Option<Look> {
    let known = |protocol| Asked { done: true, protocol: Some(protocol), cell: query::driver_cell(), ..Asked::default() };
    match plan(Terminal::stdout().live, &|name| std::env::var(name).ok()) {
        Plan::Text => None,
        Plan::Use(protocol) => Some(Box::new(move || known(protocol))),
        Plan::Ask => Some(Box::new(|| {
            let asked = query::ask();
            Asked { cell: query::driver_cell().or(asked.cell), ..asked }
        })),
    }
}

/// A picture before it has a size.
enum Art {
    Svg(String),
    Png(Vec<u8>),
}

fn art(content: &Content) -> Option<Art> {
    match content {
        // Running text is better as text: it can be read and copied.
        Content::Chart(chart) if plot::html(chart).is_some() => None,
        Content::Chart(chart) => Some(Art::Svg(plot::svg(chart))),
        Content::Forms(forms) => {
            let body = |mime: &str| forms.iter().find(|form| form.mime == mime).map(|form| &form.body);
            let png = || base64(body("image/png")?).map(Art::Png);
            body("image/svg+xml").map(|svg| Art::Svg(svg.clone())).or_else(png)
        }
    }
}

/// Whether `content` has anything to show as a picture.
pub fn is_art(content: &Content) -> bool {
    match content {
        Content::Chart(chart) => !matches!(chart, Chart::Spans(_)),
        Content::Forms(forms) => forms.iter().any(|form| matches!(form.mime.as_str(), "image/svg+xml" | "image/png")),
    }
}

/// Base64 may come in lines.
fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    let text: String = text.split_ascii_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use resvg::tiny_skia::{Color, Pixmap};

    use super::*;

    fn forms(mime: &str, body: String) -> Content {
        Content::Forms(vec![Form::new(mime, body), Form::new(Form::TEXT, "in words")])
    }

    #[test]
    fn pictures_come_from_svg_and_png_and_keep_their_shape() {
        let mut easel = Easel::new(Protocol::Kitty, Some((9, 18)));
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" width="180" height="90"><rect width="180" height="90"/></svg>"#;
        let picture = easel.picture(&forms("image/svg+xml", svg.into()), None, (80, 40)).unwrap();
        assert_eq!((picture.columns, picture.rows), (20, 5));
        let again = easel.picture(&forms("image/svg+xml", svg.into()), Some(picture.id), (10, 40)).unwrap();
        assert_eq!((again.columns, again.rows, again.id), (10, 3, picture.id), "in half the room");
        let mut pixmap = Pixmap::new(90, 180).unwrap();
        pixmap.fill(Color::BLACK);
        let png = base64::engine::general_purpose::STANDARD.encode(pixmap.encode_png().unwrap());
        let picture = easel.picture(&forms("image/png", png[..40].to_owned() + "\n" + &png[40..]), None, (80, 40)).unwrap();
        assert_eq!((picture.columns, picture.rows), (10, 10));
        assert_ne!(picture.id, again.id);
    }

    #[test]
    fn what_cannot_be_drawn_is_left_to_text() {
        let mut easel = Easel::new(Protocol::ITerm, None);
        for content in [forms("image/svg+xml", "<svg".into()), forms("image/png", "AAAA".into()), forms("text/html", "<b>".into())] {
            assert!(easel.picture(&content, None, (80, 24)).is_none(), "{content:?}");
        }
        let spans = Content::Chart(Chart::Spans(wire::Spans::default()));
        assert!(!is_art(&spans) && easel.picture(&spans, None, (80, 24)).is_none());
        assert!(easel.picture(&Content::Chart(Chart::Bars(wire::Bars::default())), None, (80, 0)).is_none(), "no room");
        assert!(!easel.remove(1).contains("a=d") && Easel::new(Protocol::Kitty, None).remove(1).contains("i=1,"));
    }
}
