//! Output for pipes, files and dumb terminals: text as it comes, each chart once in its last state, no progress.

use std::io::{self, Write};

use lantern::plot;
use wire::{Event, Form, Report, Stream};

use crate::graphics::Content;
use crate::message;
use crate::paint::Paint;
use crate::terminal;
use crate::view::View;

pub struct Plain<O: Write, E: Write> {
    out: O,
    err: E,
    out_paint: Paint,
    err_paint: Paint,
    /// Charts with an id, in the order in which they first came.
    charts: Vec<(String, Content)>,
    /// The last text did not end its line.
    open_line: bool,
    /// Charts of this cell that are out already.
    printed: Vec<(String, Content)>,
}

impl<O: Write, E: Write> Plain<O, E> {
    pub fn new(out: O, err: E, out_paint: Paint, err_paint: Paint) -> Self {
        Self { out, err, out_paint, err_paint, charts: Vec::new(), open_line: false, printed: Vec::new() }
    }

    fn print(&mut self, stream: Stream, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.open_line = !text.ends_with('\n');
        match stream {
            Stream::Out => self.out.write_all(text.as_bytes()),
            Stream::Err => {
                self.out.flush()?;
                self.err.write_all(text.as_bytes())
            }
        }
    }

    /// Starts a new line if text was left open, then prints.
    fn block(&mut self, stream: Stream, text: &str) -> io::Result<()> {
        if self.open_line {
            self.print(Stream::Out, "\n")?;
        }
        self.print(stream, text)
    }

    fn content(&mut self, content: &Content) -> io::Result<()> {
        let text = match content {
            Content::Chart(chart) => {
                let lines = self.out_paint.chart(chart, terminal::size().0);
                lines.iter().map(|line| format!("{}\n", line.text.trim_end())).collect()
            }
            Content::Forms(forms) => ended(Form::text(forms).to_owned()),
        };
        self.block(Stream::Out, &text)
    }

    /// Without an id it is out at once; with one, in its last state.
    fn put(&mut self, id: Option<String>, content: Content) -> io::Result<()> {
        let Some(id) = id else { return self.content(&content) };
        match self.charts.iter_mut().find(|(known, _)| *known == id) {
            Some((_, kept)) => *kept = content,
            None => self.charts.push((id, content)),
        }
        Ok(())
    }
}

impl<O: Write, E: Write> Plain<O, E> {
    /// Prints the charts that wait, unless they are out as they are.
    fn charts(&mut self) -> io::Result<()> {
        for (id, chart) in std::mem::take(&mut self.charts) {
            let known = self.printed.iter().position(|(known, _)| *known == id);
            match known {
                Some(i) if self.printed[i].1 == chart => continue,
                Some(i) => drop(self.printed.remove(i)),
                None => {}
            }
            self.content(&chart)?;
            self.printed.push((id, chart));
        }
        Ok(())
    }
}

impl<O: Write, E: Write> View for Plain<O, E> {
    fn begin(&mut self) {
        self.printed.clear();
    }

    fn show(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Print { stream, text } => self.print(stream, &text),
            Event::Chart { id, chart } => self.put(id, Content::Chart(chart)),
            Event::Table(table) => {
                // A table sums up: the charts before it stand above it.
                self.charts()?;
                self.block(Stream::Out, &ended(plot::table_text(&table, terminal::size().0)))
            }
            Event::Show { id, forms } => self.put(id, Content::Forms(forms)),
            Event::Value { forms } => self.put(None, Content::Forms(forms)),
            Event::Page { text } => self.block(Stream::Out, &ended(text)),
            Event::Clear { .. } => {
                self.charts.clear();
                Ok(())
            }
            Event::Progress { .. } | Event::Input { .. } | Event::Done(_) => Ok(()),
        }
    }

    fn rest(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.err.flush()
    }

    fn settle(&mut self) -> io::Result<()> {
        self.block(Stream::Out, "")?;
        self.rest()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.charts()?;
        self.rest()
    }

    fn error(&mut self, report: &Report, place: Option<&str>, code: &str) -> io::Result<()> {
        let text = message::error(report, place, code, self.err_paint);
        self.block(Stream::Err, &text)?;
        self.rest()
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        self.block(Stream::Err, &ended(text.to_owned()))?;
        self.rest()
    }
}

/// With exactly the line ends it has, and one at the end.
pub fn ended(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
