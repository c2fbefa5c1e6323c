//! Events of a running cell -> IOPub messages: text gathered for a moment, charts redrawn in place but not too often.
//!
//! Drawing happens here, off the session's thread. Order is kept, except that a redraw may skip states in between;
//! the last state of each chart is always sent.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wire::{Chart, Event, Form, Outcome, Stream};

use crate::bar::Bar;
use crate::display;
use crate::message::Request;
use crate::outbox::Outbox;

/// Text is gathered this long, or until it has [`CHUNK`] bytes.
const GATHER: Duration = Duration::from_millis(60);
const CHUNK: usize = 256 << 10;
/// At most four redraws a second.
const REDRAW: Duration = Duration::from_millis(250);

pub struct Publish<'a> {
    outbox: &'a Outbox,
    parent: &'a Arc<Request>,
    /// A silent cell publishes nothing.
    silent: bool,
    /// The cell's number.
    count: usize,
    stream: Stream,
    text: String,
    text_due: Option<Instant>,
    displays: Vec<Display>,
    /// For the pager, sent with the reply.
    pub pages: Vec<String>,
}

/// A chart or bar with an id, in this cell.
struct Display {
    id: String,
    shown: bool,
    /// Not drawn again before this.
    due: Instant,
    pending: Option<Picture>,
    bar: Option<Bar>,
    /// As it was sent last.
    last: Value,
}

enum Picture {
    Chart(Chart),
    /// As the display's bar stands.
    Bar,
    Forms(Vec<Form>),
}

impl<'a> Publish<'a> {
    pub fn new(outbox: &'a Outbox, parent: &'a Arc<Request>, silent: bool, count: usize) -> Self {
        let (text, displays, pages) = (String::new(), Vec::new(), Vec::new());
        Self { outbox, parent, silent, count, stream: Stream::Out, text, text_due: None, displays, pages }
    }

    /// Publishes until the cell is done; `ask` is called for each `Event::Input`. None: the session ended without a word.
    pub fn run(&mut self, events: &Receiver<Event>, mut ask: impl FnMut(&str, bool)) -> Option<Outcome> {
        let outcome = loop {
            let event = match self.deadline() {
                Some(at) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Done(outcome)) => break Some(outcome),
                Ok(Event::Input { prompt, password }) => {
                    self.flush_text();
                    ask(&prompt, password);
                }
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break None,
            }
            self.flush_due();
        };
        self.flush_text();
        (0..self.displays.len()).for_each(|i| self.draw(i));
        outcome
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Print { stream, text } => self.print(stream, &text),
            Event::Chart { id: None, chart } => self.show(display::chart(&chart), None),
            Event::Chart { id: Some(id), chart } => self.redraw(id, Picture::Chart(chart), Duration::ZERO),
            // What is over within the first moment never shows a bar.
            Event::Progress { id, n, of, label } => self.progress(&id, n, of, &label),
            Event::Table(table) => {
                // A table sums up: what stands above it gets its last state first.
                (0..self.displays.len()).for_each(|i| self.draw(i));
                self.show(display::table(&table), None);
            }
            Event::Show { id: None, forms } => self.show(display::forms(&forms), None),
            Event::Show { id: Some(id), forms } => self.redraw(id, Picture::Forms(forms), Duration::ZERO),
            Event::Value { forms } => self.value(&forms),
            Event::Clear { wait } => self.clear(wait),
            Event::Page { text } => self.pages.push(text),
            Event::Input { .. } | Event::Done(_) => {}
        }
    }

    fn print(&mut self, stream: Stream, text: &str) {
        if stream != self.stream {
            self.flush_text();
            self.stream = stream;
        }
        self.text.push_str(text);
        self.text_due.get_or_insert_with(|| Instant::now() + GATHER);
        if self.text.len() >= CHUNK {
            self.flush_text();
        }
    }

    fn progress(&mut self, id: &str, n: u64, of: u64, label: &str) {
        let now = Instant::now();
        let at = self.display(format!("progress-{id}"), REDRAW);
        match &mut self.displays[at].bar {
            Some(bar) => bar.update(n, of, label, now),
            bar => *bar = Some(Bar::new(id, n, of, label, now)),
        }
        self.pend(at, Picture::Bar);
    }

    fn redraw(&mut self, id: String, picture: Picture, delay: Duration) {
        let at = self.display(id, delay);
        self.pend(at, picture);
    }

    /// The display of this id; a new one is not drawn before `delay`.
    fn display(&mut self, id: String, delay: Duration) -> usize {
        self.displays.iter().position(|display| display.id == id).unwrap_or_else(|| {
            self.displays.push(Display { id, shown: false, due: Instant::now() + delay, pending: None, bar: None, last: Value::Null });
            self.displays.len() - 1
        })
    }

    fn pend(&mut self, at: usize, picture: Picture) {
        self.displays[at].pending = Some(picture);
        if Instant::now() >= self.displays[at].due {
            self.draw(at);
        }
    }

    fn clear(&mut self, wait: bool) {
        self.flush_text();
        // What was cleared cannot be updated: the next picture is a new one.
        self.displays.clear();
        self.send("clear_output", json!({ "wait": wait }));
    }

    /// When something that waits must go out.
    fn deadline(&self) -> Option<Instant> {
        let displays = self.displays.iter().filter(|display| display.pending.is_some()).map(|display| display.due);
        displays.chain(self.text_due).min()
    }

    fn flush_due(&mut self) {
        if self.text_due.is_none() && self.displays.is_empty() {
            return;
        }
        let now = Instant::now();
        if self.text_due.is_some_and(|due| due <= now) {
            self.flush_text();
        }
        for i in 0..self.displays.len() {
            if self.displays[i].due <= now {
                self.draw(i);
            }
        }
    }

    fn flush_text(&mut self) {
        self.text_due = None;
        if self.text.is_empty() {
            return;
        }
        let name = match self.stream {
            Stream::Out => "stdout",
            Stream::Err => "stderr",
        };
        let text = std::mem::take(&mut self.text);
        self.send("stream", json!({ "name": name, "text": text }));
    }

    /// Draws what is pending, the first time as a new display.
    fn draw(&mut self, i: usize) {
        let Some(picture) = self.displays[i].pending.take() else { return };
        let shown = self.displays[i].shown;
        let data = match picture {
            Picture::Bar => match &self.displays[i].bar {
                Some(bar) if shown || !bar.is_over() => bar.data(Instant::now()),
                _ => return,
            },
            Picture::Chart(chart) => display::chart(&chart),
            Picture::Forms(forms) => display::forms(&forms),
        };
        self.displays[i].due = Instant::now() + REDRAW;
        if self.displays[i].last == data {
            return;
        }
        self.displays[i].last.clone_from(&data);
        let id = format!("{}-{}", self.parent.header.msg_id, self.displays[i].id);
        if shown {
            self.send("update_display_data", json!({ "data": data, "metadata": {}, "transient": { "display_id": id } }));
        } else {
            self.show(data, Some(id));
        }
        self.displays[i].shown = true;
    }

    fn value(&mut self, forms: &[Form]) {
        self.flush_text();
        self.send("execute_result", json!({ "data": display::forms(forms), "metadata": {}, "execution_count": self.count }));
    }

    fn show(&mut self, data: Value, id: Option<String>) {
        self.flush_text();
        let transient = id.map_or_else(|| json!({}), |id| json!({ "display_id": id }));
        self.send("display_data", json!({ "data": data, "metadata": {}, "transient": transient }));
    }

    fn send(&self, kind: &str, content: Value) {
        if !self.silent {
            self.outbox.publish(self.parent, kind, content);
        }
    }
}

#[cfg(test)]
mod tests;
