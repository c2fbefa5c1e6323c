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
            Event::Table(table) => self.show(display::table(&table), None),
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
            self.displays.push(Display { id, shown: false, due: Instant::now() + delay, pending: None, bar: None });
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
        let id = format!("{}-{}", self.parent.header.msg_id, self.displays[i].id);
        if shown {
            self.send("update_display_data", json!({ "data": data, "metadata": {}, "transient": { "display_id": id } }));
        } else {
            self.show(data, Some(id));
        }
        self.displays[i].shown = true;
        self.displays[i].due = Instant::now() + REDRAW;
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
mod tests {
    use std::sync::mpsc::channel;

    use wire::{Curve, Table};

    use super::*;

    fn print(stream: Stream, text: &str) -> Event {
        Event::Print { stream, text: text.into() }
    }

    fn chart(id: Option<&str>, title: &str) -> Event {
        let chart = Chart::Curve(Curve { title: title.into(), ..Curve::default() });
        Event::Chart { id: id.map(str::to_owned), chart }
    }

    fn bar(n: u64) -> Event {
        Event::Progress { id: "p".into(), n, of: 10, label: "x".into() }
    }

    /// What is published when all of `events` are there at once.
    fn published(events: Vec<Event>, silent: bool) -> Vec<(String, Value)> {
        let (sender, receiver) = channel();
        let done = Event::Done(Outcome { count: 1, error: None, seconds: 0.0 });
        events.into_iter().chain([done]).for_each(|event| sender.send(event).expect("receiver lives"));
        let (outbox, mut items) = Outbox::probe();
        let request = Arc::new(Request::sample("execute_request", json!({ "code": "" })));
        let outcome = Publish::new(&outbox, &request, silent, 1).run(&receiver, |_, _| {});
        assert!(outcome.is_some());
        drop(outbox);
        std::iter::from_fn(|| items.next()).collect()
    }

    fn kinds(messages: &[(String, Value)]) -> Vec<&str> {
        messages.iter().map(|(kind, _)| kind.as_str()).collect()
    }

    #[test]
    fn text_is_gathered_and_keeps_its_order() {
        let events = vec![print(Stream::Out, "a"), print(Stream::Out, "b\r"), print(Stream::Err, "c"), print(Stream::Out, "d")];
        let stream = |name: &str, text: &str| ("stream".to_owned(), json!({ "name": name, "text": text }));
        assert_eq!(published(events, false), [stream("stdout", "ab\r"), stream("stderr", "c"), stream("stdout", "d")]);
    }

    #[test]
    fn charts_with_an_id_are_redrawn_and_the_last_is_always_sent() {
        let mut events: Vec<Event> = (0..100).map(|i| chart(Some("loss"), &i.to_string())).collect();
        events.insert(50, print(Stream::Out, "half"));
        events.push(chart(None, "other"));
        let messages = published(events, false);
        assert_eq!(kinds(&messages), ["display_data", "stream", "display_data", "update_display_data"]);
        let id = &messages[0].1["transient"]["display_id"];
        assert!(id.is_string() && messages[3].1["transient"]["display_id"] == *id);
        assert_eq!(messages[2].1["transient"], json!({}));
    }

    #[test]
    fn what_is_cleared_is_shown_anew() {
        let events = vec![chart(Some("loss"), "1"), print(Stream::Out, "x"), Event::Clear { wait: true }, chart(Some("loss"), "2")];
        assert_eq!(kinds(&published(events, false)), ["display_data", "stream", "clear_output", "display_data"]);
    }

    #[test]
    fn a_bar_that_is_over_at_once_is_never_shown() {
        assert!(published(vec![bar(0), bar(5), bar(10)], false).is_empty());
        assert_eq!(kinds(&published(vec![bar(0), bar(5)], false)), ["display_data"]);
    }

    #[test]
    fn silent_cells_publish_nothing() {
        assert!(published(vec![print(Stream::Out, "x"), chart(None, "c"), Event::Table(Table::default())], true).is_empty());
    }
}
