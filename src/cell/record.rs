//! What one cell has shown so far: the end of its text, the last state of each chart, table and bar.

use std::time::Instant;

use wire::{Event, Outcome, Stream, value};

use crate::plot::number;
use crate::words::ui;

/// Of a cell's text this much is kept, in bytes; it may grow to twice as much before it is cut.
const TEXT: usize = 64 << 10;
/// Charts, tables and values kept.
const SHOWN: usize = 64;
/// Of a cell's own code the header shows this many characters.
const CODE: usize = 60;

#[derive(Debug)]
pub struct Record {
    pub count: usize,
    code: String,
    begun: Instant,
    /// In the order in which they first appeared.
    pieces: Vec<Event>,
    /// Earlier text or pictures are gone.
    cut: bool,
    /// Cleared when the next output comes.
    clear: bool,
    outcome: Option<(Outcome, Instant)>,
}

impl Record {
    pub fn new(count: usize, code: &str) -> Self {
        let (pieces, begun) = (Vec::new(), Instant::now());
        Self { count, code: code.to_owned(), begun, pieces, cut: false, clear: false, outcome: None }
    }

    /// A bar that never came to its end tells nothing any more.
    pub fn end(&mut self, outcome: Outcome) {
        self.pieces.retain(|piece| !matches!(piece, Event::Progress { n, of, .. } if n < of));
        self.outcome = Some((outcome, Instant::now()));
    }

    pub fn note(&mut self, event: &Event) {
        match event {
            Event::Clear { wait: true } => self.clear = true,
            Event::Clear { wait: false } => self.forget(),
            // Questions are for the one who runs the cell, pages come with its reply.
            Event::Input { .. } | Event::Page { .. } | Event::Done(_) => {}
            _ => {
                if self.clear {
                    self.forget();
                }
                self.keep(event);
            }
        }
    }

    fn forget(&mut self) {
        (self.clear, self.cut) = (false, false);
        self.pieces.clear();
    }

    fn keep(&mut self, event: &Event) {
        if let Event::Print { stream, text } = event {
            match self.pieces.last_mut() {
                Some(Event::Print { stream: last, text: before }) if last == stream => before.push_str(text),
                _ => self.pieces.push(event.clone()),
            }
            return self.shorten();
        }
        if let Some(old) = self.pieces.iter_mut().find(|piece| event.replaces(piece)) {
            *old = event.clone();
            return;
        }
        self.pieces.push(event.clone());
        let others = self.pieces.iter().filter(|piece| !matches!(piece, Event::Print { .. })).count();
        if others > SHOWN
            && let Some(at) = self.pieces.iter().position(|piece| !matches!(piece, Event::Print { .. }))
        {
            self.pieces.remove(at);
            self.cut = true;
        }
    }

    /// Cuts the oldest text, once there is twice too much.
    fn shorten(&mut self) {
        let length = |piece: &Event| if let Event::Print { text, .. } = piece { text.len() } else { 0 };
        let total: usize = self.pieces.iter().map(length).sum();
        if total <= 2 * TEXT {
            return;
        }
        let mut surplus = total - TEXT;
        self.cut = true;
        for piece in &mut self.pieces {
            let Event::Print { text, .. } = piece else { continue };
            // On the border of a character, and of a line if one is near.
            let at = (surplus..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            let at = text[at..].find('\n').filter(|more| *more < 1024).map_or(at, |more| at + more + 1);
            surplus = surplus.saturating_sub(text.len());
            text.drain(..at);
            if surplus == 0 {
                break;
            }
        }
        self.pieces.retain(|piece| !matches!(piece, Event::Print { text, .. } if text.is_empty()));
    }

    /// A line that says which cell this is, then what it shows.
    pub fn replay(&self) -> Vec<Event> {
        let print = |text: String| Event::Print { stream: Stream::Out, text };
        let mut code: String = self.code.trim().lines().next().unwrap_or_default().chars().take(CODE).collect();
        if code.len() < self.code.trim().len() {
            code.push('…');
        }
        let time = number::duration(self.seconds());
        let phrase = if self.outcome.is_none() { ui::ATTACH_RUNNING } else { ui::ATTACH_ENDED };
        let header = phrase.with(&[("number", &self.count), ("time", &time), ("code", &code)]);
        let gap = self.cut.then(|| print(format!("{}\n", ui::ATTACH_CUT)));
        [print(format!("{header}\n"))].into_iter().chain(gap).chain(self.pieces.iter().cloned()).collect()
    }

    pub fn state(&self) -> value::Attach {
        let text = |piece: &Event| if let Event::Print { text, .. } = piece { text.clone() } else { String::new() };
        value::Attach {
            cell: self.count as u64,
            code: self.code.clone(),
            running: self.outcome.is_none(),
            error: self.outcome.as_ref().and_then(|(outcome, _)| outcome.error.as_ref()).map(|report| report.message.clone()),
            seconds: self.seconds(),
            text: self.pieces.iter().map(text).collect(),
        }
    }

    /// How long it ran, or has been running.
    fn seconds(&self) -> f64 {
        self.outcome.as_ref().map_or_else(|| self.begun.elapsed().as_secs_f64(), |(outcome, _)| outcome.seconds)
    }

    /// What is said at its end: its error, if it has one.
    pub fn last_word(&self) -> Option<Event> {
        let report = self.outcome.as_ref()?.0.error.as_ref()?;
        let hint = report.hint.as_ref().map(|hint| format!("  → {hint}\n")).unwrap_or_default();
        Some(Event::Print { stream: Stream::Err, text: format!("{}\n{hint}", report.message) })
    }
}

#[cfg(test)]
mod tests {
    use wire::{Chart, Curve, Form, Report, Table};

    use super::*;

    fn print(text: &str) -> Event {
        Event::Print { stream: Stream::Out, text: text.into() }
    }

    fn chart(title: &str) -> Event {
        Event::Chart { id: Some("loss".into()), chart: Chart::Curve(Curve { title: title.into(), ..Curve::default() }) }
    }

    fn bar(n: u64) -> Event {
        Event::Progress { id: "p".into(), n, of: 9, label: String::new() }
    }

    fn kept(events: &[Event]) -> Record {
        let mut record = Record::new(3, "%train\n!ls");
        events.iter().for_each(|event| record.note(event));
        record
    }

    #[test]
    fn the_last_state_stands_where_the_first_was() {
        let record = kept(&[print("a"), chart("1"), bar(1), print("b"), chart("2"), print("c"), bar(2), Event::Page { text: "p".into() }]);
        assert_eq!(record.pieces, [print("a"), chart("2"), bar(2), print("bc")]);
        assert!(matches!(&record.replay()[0], Event::Print { text, .. } if text.contains("%train…") && text.contains('3')));
    }

    #[test]
    fn what_is_cleared_is_gone() {
        assert_eq!(kept(&[print("a"), chart("1"), Event::Clear { wait: false }, print("b")]).pieces, [print("b")]);
        let waits = [print("a"), Event::Clear { wait: true }];
        assert_eq!(kept(&waits).pieces, [print("a")]);
        assert_eq!(kept(&[waits.as_slice(), &[chart("2")]].concat()).pieces, [chart("2")]);
    }

    #[test]
    fn text_and_pictures_are_bounded_and_the_end_is_kept() {
        let lines: Vec<Event> = (0..40_000).map(|i| print(&format!("行 {i}\n"))).collect();
        let record = kept(&lines);
        let state = record.state();
        assert!((TEXT / 2..=2 * TEXT).contains(&state.text.len()) && state.text.ends_with("行 39999\n") && state.text.starts_with("行 "));
        assert!(record.cut && matches!(&record.replay()[1], Event::Print { text, .. } if text.starts_with('…')));
        let long = kept(&["x".repeat(TEXT), "y".repeat(TEXT), "模".repeat(TEXT)].map(|text| print(&text)));
        assert!((TEXT - 2..=TEXT).contains(&long.state().text.len()));
        let tables: Vec<Event> = (0..200).map(|i| Event::Table(Table { headings: vec![i.to_string()], rows: Vec::new() })).collect();
        let record = kept(&tables);
        assert_eq!(record.pieces, tables[200 - SHOWN..]);
    }

    #[test]
    fn pieces_of_two_streams_are_cut_from_the_oldest() {
        let side = |text: &str| Event::Print { stream: Stream::Err, text: text.repeat(TEXT / 2) };
        let record = kept(&[side("a"), print(&"b".repeat(TEXT)), side("c"), print(&"d".repeat(TEXT / 2)), print("e")]);
        let text = record.state().text;
        assert!(!text.contains('a') && text.ends_with('e') && text.contains('c'), "{}", text.len());
        assert!(text.len() <= TEXT + 1, "{}", text.len());
    }

    #[test]
    fn an_error_is_the_last_word() {
        let mut record = kept(&[Event::Value { forms: vec![Form::new(Form::TEXT, "1")] }, bar(2)]);
        assert_eq!((record.last_word(), record.pieces.len()), (None, 2));
        let report = Report { message: "no".into(), hint: Some("yes".into()), ..Report::default() };
        record.end(Outcome { count: 3, error: Some(report), seconds: 2.0 });
        assert_eq!(record.last_word(), Some(Event::Print { stream: Stream::Err, text: "no\n  → yes\n".into() }));
        assert_eq!(record.pieces.len(), 1, "no bar");
        let state = record.state();
        assert_eq!((state.running, state.error.as_deref(), state.seconds), (false, Some("no"), 2.0));
    }
}
