//! Output on a terminal: text scrolls, charts and progress stand at the bottom and are redrawn in place.
//!
//! Text that comes while a chart stands leaves the chart above it; the next state of that chart is drawn anew below.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use lantern::plot;
use wire::{Chart, Event, Form, Report, Stream};

use crate::cursor::Cursor;
use crate::message;
use crate::meter::Meter;
use crate::paint::{Line, Paint};
use crate::plain::ended;
use crate::view::View;

/// At most eight redraws a second.
const REDRAW: Duration = Duration::from_millis(125);
/// A chart that text has pushed up is not drawn again at once: samples between steps would repeat it each time.
const AGAIN: Duration = Duration::from_secs(3);

pub struct Screen<O: Write, E: Write> {
    out: O,
    err: E,
    out_paint: Paint,
    err_paint: Paint,
    /// Whether the error stream goes to the same terminal.
    err_here: bool,
    size: fn() -> (usize, usize),
    cursor: Cursor,
    blocks: Vec<Block>,
    meters: Vec<(String, Meter)>,
    /// Charts left above text in this cell, as they were drawn last.
    left: Vec<(String, Chart)>,
    /// Widths of the lines that stand at the bottom and are ours to redraw.
    drawn: Vec<usize>,
    stale: bool,
    next: Instant,
    clear_first: bool,
}

struct Block {
    id: Option<String>,
    chart: Chart,
    /// Not drawn before.
    from: Instant,
}

impl<O: Write, E: Write> Screen<O, E> {
    pub fn new(out: O, err: E, paints: (Paint, Paint), err_here: bool, size: fn() -> (usize, usize)) -> Self {
        let (out_paint, err_paint) = paints;
        let next = Instant::now();
        let (blocks, meters, left, drawn) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let cursor = Cursor::default();
        Self { out, err, out_paint, err_paint, err_here, size, cursor, blocks, meters, left, drawn, stale: false, next, clear_first: false }
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

    fn chart(&mut self, id: Option<String>, chart: Chart) -> io::Result<()> {
        if std::mem::take(&mut self.clear_first) {
            // A chart alone is replaced without a blank moment in between.
            match self.cursor == Cursor::default() && self.left.is_empty() {
                true => self.blocks.clear(),
                false => self.clear(true)?,
            }
        }
        let same = |known: &Option<String>| id.is_some() && *known == id;
        if let Some(block) = self.blocks.iter_mut().find(|block| same(&block.id)) {
            self.stale |= block.chart != chart;
            block.chart = chart;
            return Ok(());
        }
        let mut from = Instant::now();
        if let Some((_, before)) = self.left.iter().find(|(known, _)| Some(known) == id.as_ref()) {
            if *before == chart {
                return Ok(());
            }
            from += AGAIN;
        }
        self.blocks.push(Block { id, chart, from });
        self.stale = true;
        Ok(())
    }

    fn progress(&mut self, id: String, n: u64, of: u64, label: &str) {
        let now = Instant::now();
        let known = self.meters.iter().position(|(known, _)| *known == id);
        self.stale = true;
        match known {
            Some(i) if of > 0 && n >= of => drop(self.meters.remove(i)),
            Some(i) => self.meters[i].1.update(label, n, of, now),
            None if of > 0 && n >= of => {}
            None => self.meters.push((id, Meter::new(label, n, of, now))),
        }
    }

    /// Leaves what is drawn where it is, without progress lines and up to date; charts that wait for their turn wait on, unless `all`.
    fn leave(&mut self, all: bool) -> io::Result<()> {
        let now = Instant::now();
        let (ready, waiting) = std::mem::take(&mut self.blocks).into_iter().partition(|block| all || block.from <= now);
        self.blocks = ready;
        if !self.drawn.is_empty() || !self.blocks.is_empty() {
            let lines = self.lines(None);
            self.draw(&lines)?;
        }
        self.cursor.rows += self.rows_drawn();
        self.drawn.clear();
        for Block { id, chart, .. } in std::mem::replace(&mut self.blocks, waiting) {
            let Some(id) = id else { continue };
            self.left.retain(|(known, _)| *known != id);
            self.left.push((id, chart));
        }
        Ok(())
    }

    /// The lines at the bottom as they should be; with `now`, progress too.
    fn lines(&self, now: Option<Instant>) -> Vec<Line> {
        let width = (self.size)().0.saturating_sub(1).max(20);
        let ready = self.blocks.iter().filter(|block| now.is_none_or(|now| block.from <= now));
        let mut lines: Vec<Line> = ready.flat_map(|block| self.out_paint.chart(&block.chart, width)).collect();
        if let Some(now) = now {
            lines.extend(self.meters.iter().map(|(_, meter)| meter.line(self.out_paint, width, now)));
        }
        lines
    }

    /// Writes `lines` over those drawn before, in one piece.
    fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        self.stale = false;
        let up = self.rows_drawn();
        let mut text = String::new();
        if self.drawn.is_empty() && !lines.is_empty() {
            self.line_start()?;
        } else if up > 0 && up < (self.size)().1 {
            text += &format!("\x1b[{up}A\r");
        }
        for line in lines {
            text += &line.text;
            text += "\x1b[K\n";
        }
        if up > 0 {
            text += "\x1b[J";
        }
        self.drawn = lines.iter().map(|line| line.width).collect();
        self.out.write_all(text.as_bytes())
    }

    /// Rows that the drawn lines take now: a terminal made narrower has wrapped them.
    fn rows_drawn(&self) -> usize {
        let columns = (self.size)().0;
        self.drawn.iter().map(|width| width.div_ceil(columns).max(1)).sum()
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
        self.blocks.clear();
        self.left.clear();
        self.drawn.clear();
        self.cursor = Cursor::default();
        Ok(())
    }
}

impl<O: Write, E: Write> View for Screen<O, E> {
    fn begin(&mut self) {
        self.left.clear();
        self.cursor = Cursor::default();
        self.stale = false;
        self.clear_first = false;
    }

    fn show(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Print { stream, text } => self.print(stream, &text),
            Event::Chart { id, chart } => self.chart(id, chart),
            Event::Progress { id, n, of, label } => {
                self.progress(id, n, of, &label);
                Ok(())
            }
            Event::Table(table) => {
                // A table sums up: the charts before it stand above it in their last state.
                self.leave(true)?;
                self.block(Stream::Out, &ended(plot::table_text(&table, (self.size)().0)))
            }
            Event::Show { forms, .. } | Event::Value { forms } => self.block(Stream::Out, &ended(Form::text(&forms).to_owned())),
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
        let now = Instant::now();
        if (self.stale || !self.meters.is_empty() && !self.drawn.is_empty()) && now >= self.next {
            let lines = self.lines(Some(now));
            let has_chart = self.blocks.iter().any(|block| block.from <= now);
            // Progress does not break a line of text that is still being written; what is taller than the screen waits for its end.
            let open = self.drawn.is_empty() && self.cursor.column > 0 && !has_chart;
            if !open && lines.len() < (self.size)().1 && !(lines.is_empty() && self.drawn.is_empty()) {
                self.draw(&lines)?;
                self.next = now + REDRAW;
                self.stale = self.blocks.iter().any(|block| block.from > now);
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
        self.meters.clear();
        self.leave(true)?;
        self.line_start()?;
        self.out.flush()
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
