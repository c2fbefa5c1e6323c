//! Output on a terminal: text scrolls, charts and progress stand at the bottom and are redrawn in place.
//!
//! Text that comes while a chart stands leaves the chart above it; the next state of that chart is drawn anew below.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use lantern::plot;
use wire::{Event, Form, Report, Stream};

use crate::board::{Board, Part};
use crate::cursor::Cursor;
use crate::graphics::{Content, Keys, Look, is_art};
use crate::message;
use crate::paint::Paint;
use crate::plain::ended;
use crate::sheet::Sheet;
use crate::terminal;
use crate::view::View;

/// At most eight redraws a second.
const REDRAW: Duration = Duration::from_millis(125);
/// Between these a terminal shows nothing of what changes; one that does not know them ignores them.
const HOLD: &str = "\x1b[?2026h";
const RELEASE: &str = "\x1b[?2026l";

pub struct Screen<O: Write, E: Write> {
    out: O,
    err: E,
    err_paint: Paint,
    /// Whether the error stream goes to the same terminal.
    err_here: bool,
    size: fn() -> (usize, usize),
    /// Whether the terminal wraps lines anew when it gets narrower.
    rewraps: bool,
    /// Finds out whether the terminal draws pictures, when the first is due.
    look: Option<Look>,
    keys: Keys,
    cursor: Cursor,
    board: Board,
    /// What stands at the bottom and is ours to redraw.
    drawn: Sheet,
    /// Pictures of this cell that are not redrawn any more.
    hung: Vec<u32>,
    /// The size of the terminal when it was drawn.
    drawn_for: (usize, usize),
    stale: bool,
    next: Instant,
    clear_first: bool,
}

impl<O: Write, E: Write> Screen<O, E> {
    pub fn new(out: O, err: E, paints: (Paint, Paint), err_here: bool, size: fn() -> (usize, usize), look: Option<Look>) -> Self {
        let (out_paint, err_paint) = paints;
        let (board, cursor, next) = (Board::new(out_paint), Cursor::default(), Instant::now());
        let (drawn, hung) = (Sheet::default(), Vec::new());
        let rewraps = terminal::rewraps();
        let (drawn_for, stale, clear_first, keys) = (size(), false, false, Keys::default());
        Self { out, err, err_paint, err_here, size, rewraps, look, keys, cursor, board, drawn, hung, drawn_for, stale, next, clear_first }
    }

    fn print(&mut self, stream: Stream, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        if std::mem::take(&mut self.clear_first) {
            self.clear(true)?;
        }
        self.leave(false)?;
        if stream == Stream::Out || self.err_here {
            self.cursor.advance(text, (self.size)().0);
        }
        match stream {
            Stream::Out => self.out.write_all(text.as_bytes()),
            Stream::Err => {
                self.out.flush()?;
                self.err.write_all(text.as_bytes())?;
                self.err.flush()
            }
        }
    }

    /// Text that starts a line of its own.
    fn block(&mut self, stream: Stream, text: &str) -> io::Result<()> {
        self.leave(false)?;
        self.line_start()?;
        self.print(stream, text)
    }

    fn put(&mut self, id: Option<String>, content: Content) -> io::Result<()> {
        if std::mem::take(&mut self.clear_first) {
            // A chart alone is replaced without a blank moment in between.
            match self.cursor == Cursor::default() && !self.board.has_left() {
                true => self.board.clear_blocks(),
                false => self.clear(true)?,
            }
        }
        self.stale |= self.board.put(id, content);
        Ok(())
    }

    /// Something in several forms: a picture, or what is replaced later, stands on the board; other text scrolls.
    fn forms(&mut self, id: Option<String>, forms: Vec<Form>) -> io::Result<()> {
        let content = Content::Forms(forms);
        match content {
            Content::Forms(forms) if id.is_none() && !is_art(&Content::Forms(forms.clone())) => {
                self.leave(true)?;
                self.block(Stream::Out, &ended(Form::text(&forms).to_owned()))
            }
            content => self.put(id, content),
        }
    }

    /// Leaves what is drawn where it is, without progress lines and up to date; charts that wait for their turn wait on, unless `all`.
    fn leave(&mut self, all: bool) -> io::Result<()> {
        let waiting = self.board.split(all);
        if !self.drawn.is_empty() || !self.board.is_empty() {
            self.look(Instant::now() + Duration::from_secs(60))?;
            let parts = self.board.parts(None, (self.size)());
            self.draw(&parts)?;
        }
        self.cursor.rows += self.rows_drawn();
        self.hung.extend(std::mem::take(&mut self.drawn).pictures.iter().map(|(_, picture)| picture.id));
        self.board.leave(waiting);
        Ok(())
    }

    /// Asks whether pictures are possible, when the first is due.
    fn look(&mut self, now: Instant) -> io::Result<()> {
        if self.look.is_none() || !self.board.has_art(now) {
            return Ok(());
        }
        self.line_start()?;
        self.out.flush()?;
        if let Some(easel) = self.look.as_mut().and_then(|look| self.keys.ask(look)) {
            (self.board.easel, self.look) = (easel, None);
        }
        Ok(())
    }

    /// Writes `parts` over what was drawn before, in one piece.
    fn draw(&mut self, parts: &[Part]) -> io::Result<()> {
        self.stale = false;
        let up = self.rows_drawn();
        let again = up > 0 && up < (self.size)().1;
        if self.drawn.is_empty() && !parts.is_empty() {
            self.line_start()?;
        }
        let same_place = again && self.drawn_for == (self.size)();
        let (written, sheet) = Sheet::write(parts, same_place.then_some(&self.drawn));
        let before = std::mem::replace(&mut self.drawn, sheet);
        let gone = before.pictures.iter().map(|(_, old)| old.id).filter(|id| !self.drawn.shows(*id));
        let removed: String = gone.map(|id| self.board.remove(id)).collect();
        let below = if up > 0 { "\x1b[J" } else { "" };
        let text = match again {
            true => format!("{HOLD}\x1b[{up}A\r{written}{below}{removed}{RELEASE}"),
            false => format!("{written}{below}{removed}"),
        };
        self.drawn_for = (self.size)();
        self.out.write_all(text.as_bytes())
    }

    /// Rows that the drawn lines take now: a terminal made narrower may have wrapped them.
    fn rows_drawn(&self) -> usize {
        let columns = (self.size)().0;
        self.drawn.rows(columns, self.rewraps)
    }

    fn line_start(&mut self) -> io::Result<()> {
        if self.cursor.column == 0 {
            return Ok(());
        }
        (self.cursor.rows, self.cursor.column) = (self.cursor.rows + 1, 0);
        self.out.write_all(b"\n")
    }

    /// Takes this cell's output away as far as the screen still holds it; a cell that has none yet clears the screen.
    fn clear(&mut self, waited: bool) -> io::Result<()> {
        let up = self.cursor.rows + self.rows_drawn();
        let nothing = up == 0 && self.cursor == Cursor::default();
        let reachable = up < (self.size)().1 && !self.cursor.lost;
        match () {
            () if nothing && waited => {}
            () if nothing => self.out.write_all(b"\x1b[H\x1b[2J")?,
            () if reachable && up > 0 => write!(self.out, "\x1b[{up}A\r\x1b[J")?,
            () => self.out.write_all(b"\r\x1b[J")?,
        }
        let drawn = std::mem::take(&mut self.drawn);
        let pictures = drawn.pictures.iter().map(|(_, picture)| picture.id).chain(self.hung.drain(..));
        let removed: String = pictures.map(|id| self.board.remove(id)).collect();
        self.out.write_all(removed.as_bytes())?;
        self.board.clear();
        self.cursor = Cursor::default();
        Ok(())
    }
}

impl<O: Write, E: Write> View for Screen<O, E> {
    fn begin(&mut self) {
        self.board.begin();
        self.hung.clear();
        self.cursor = Cursor::default();
        self.stale = false;
        self.clear_first = false;
    }

    fn show(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Print { stream, text } => self.print(stream, &text),
            Event::Chart { id, chart } => self.put(id, Content::Chart(chart)),
            Event::Progress { id, n, of, label } => {
                self.board.progress(id, n, of, &label);
                self.stale = true;
                Ok(())
            }
            Event::Table(table) => {
                // A table sums up: the charts before it stand above it in their last state.
                self.leave(true)?;
                self.block(Stream::Out, &ended(plot::table_text(&table, (self.size)().0)))
            }
            Event::Show { id, forms } => self.forms(id, forms),
            Event::Value { forms } => self.forms(None, forms),
            Event::Page { text } => self.block(Stream::Out, &ended(text)),
            Event::Clear { wait: true } => {
                self.clear_first = true;
                Ok(())
            }
            Event::Clear { wait: false } => self.clear(false),
            Event::Input { .. } | Event::Done(_) => Ok(()),
        }
    }

    fn rest(&mut self) -> io::Result<()> {
        let (now, size) = (Instant::now(), (self.size)());
        let resized = !self.drawn.is_empty() && size != self.drawn_for;
        if (self.stale || resized || self.board.has_meters() && !self.drawn.is_empty()) && now >= self.next {
            self.look(now)?;
            let parts = self.board.parts(Some(now), size);
            let rows = parts.iter().map(Part::rows).sum::<usize>();
            // Progress does not break a line of text that is still being written; what is taller than the screen waits for its end.
            let open = self.drawn.is_empty() && self.cursor.column > 0 && !self.board.has_due(now);
            if !open && rows < size.1 && !(rows == 0 && self.drawn.is_empty()) {
                self.draw(&parts)?;
                self.next = now + REDRAW;
                self.stale = self.board.waits(now);
            }
        }
        self.out.flush()
    }

    fn settle(&mut self) -> io::Result<()> {
        self.leave(false)?;
        self.line_start()?;
        self.cursor.lost = true;
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.board.clear_meters();
        self.leave(true)?;
        self.line_start()?;
        self.out.flush()
    }

    fn typed(&mut self) -> String {
        self.keys.take()
    }

    fn error(&mut self, report: &Report, place: Option<&str>, code: &str) -> io::Result<()> {
        let text = message::error(report, place, code, self.err_paint);
        self.block(Stream::Err, &text)
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        self.block(Stream::Err, &ended(text.to_owned()))
    }
}

#[cfg(test)]
mod tests;
