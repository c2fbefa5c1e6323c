//! `%attach`: who looks on at the running cell, and what they are told. It never waits for the session's thread.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard};

use wire::{Event, Form, Json, Outcome, Report, Stream};

use super::lock;
use super::record::Record;
use super::split::{Segment, split};
use crate::magic;
use crate::words::ui;

/// A cell that is `%attach`, being answered.
#[derive(Debug)]
pub struct Attached {
    /// What the other cell has shown and shows; the last is [`Event::Done`].
    pub events: Receiver<Event>,
    /// The other cell's number: `%attach` has none of its own, and leaves no trace in the history.
    pub count: usize,
    /// For `Desk::detach`.
    pub ticket: Ticket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// The arguments of `%attach` if the cell is that and nothing else.
pub fn asked(code: &str) -> Option<(&str, usize)> {
    match split(code).as_slice() {
        [Segment::Magic { name: "attach", rest, start }] => Some((rest, *start)),
        _ => None,
    }
}

/// The running cell or the last one, and those who look on.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    record: Option<Record>,
    running: bool,
    /// Of the running cell.
    followers: Vec<Follower>,
    /// A cell is queued and has not begun.
    waiting: Vec<Follower>,
    tickets: u64,
}

#[derive(Debug)]
struct Follower {
    ticket: Ticket,
    events: Sender<Event>,
}

impl Follower {
    /// One who left is not missed.
    fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }
}

impl Recorder {
    /// A cell begins; `None`: a silent one, which nobody follows.
    pub fn begin(&self, cell: Option<(usize, &str)>) {
        let mut state = self.state();
        let Some((count, code)) = cell else { return };
        let record = Record::new(count, code);
        state.followers = std::mem::take(&mut state.waiting);
        for follower in &state.followers {
            record.replay().into_iter().for_each(|event| follower.tell(event));
        }
        (state.record, state.running) = (Some(record), true);
    }

    pub fn note(&self, event: &Event) {
        let mut state = self.state();
        if let Some(record) = state.record.as_mut() {
            record.note(event);
        }
        if !matches!(event, Event::Input { .. } | Event::Page { .. }) {
            state.followers.retain(|follower| follower.events.send(event.clone()).is_ok());
        }
    }

    /// The cell that began last is over; called after it is no longer counted as waiting, so that nobody waits in vain.
    pub fn end(&self, outcome: &Outcome) {
        let mut state = self.state();
        let (followers, waiting) = (std::mem::take(&mut state.followers), std::mem::take(&mut state.waiting));
        if std::mem::take(&mut state.running)
            && let Some(record) = state.record.as_mut()
        {
            record.end(outcome.clone());
        }
        for follower in waiting {
            state.tell_all(&follower);
        }
        for follower in followers {
            state.close(&follower, None);
        }
    }

    /// For a cell that runs beside the queue: a ticket, and the number of the cell beside which it runs.
    pub fn ticket(&self) -> (Ticket, usize) {
        let mut state = self.state();
        state.tickets += 1;
        (Ticket(state.tickets), state.record.as_ref().map_or(0, |record| record.count))
    }

    /// Answers `%attach REST`; `queued`: cells that run or wait.
    pub fn attach(&self, rest: &str, start: usize, queued: impl FnOnce() -> usize) -> Attached {
        let mut state = self.state();
        state.tickets += 1;
        let ticket = Ticket(state.tickets);
        let (events, receiver) = channel();
        let follower = Follower { ticket, events };
        let count = state.record.as_ref().map_or(0, |record| record.count);
        let parsed = magic::find("attach").and_then(|entry| magic::parse::matches(entry, rest));
        match parsed.map(|matches| matches.get_flag("json")) {
            Err(error) => {
                let end = start + "%attach".len() + rest.trim_end().len();
                state.close(&follower, Some(Report { span: Some((start, end)), ..error.report() }));
            }
            Ok(true) => {
                let json = state.record.as_ref().map(Record::state).unwrap_or_default().to_json();
                follower.tell(Event::Value { forms: vec![Form::new(Form::JSON, json.clone()), Form::new(Form::TEXT, json)] });
                state.close(&follower, None);
            }
            Ok(false) if state.running => {
                state.replay(&follower);
                state.followers.push(follower);
            }
            Ok(false) if queued() > 0 => state.waiting.push(follower),
            Ok(false) => state.tell_all(&follower),
        }
        Attached { events: receiver, count, ticket }
    }

    /// Ends one `%attach`; the cell goes on. False if it had ended.
    pub fn detach(&self, ticket: Ticket) -> bool {
        let mut state = self.state();
        let state = &mut *state;
        let mut left = Vec::new();
        for list in [&mut state.followers, &mut state.waiting] {
            left.extend(list.extract_if(.., |follower| follower.ticket == ticket));
        }
        for follower in &left {
            follower.tell(print(Stream::Out, ui::ATTACH_LEFT.text()));
            follower.tell(Event::Done(Outcome {
                count: state.record.as_ref().map_or(0, |record| record.count),
                error: None,
                seconds: 0.0,
            }));
        }
        !left.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl State {
    fn replay(&self, follower: &Follower) {
        match &self.record {
            Some(record) => record.replay().into_iter().for_each(|event| follower.tell(event)),
            None => follower.tell(print(Stream::Out, ui::ATTACH_NOTHING.text())),
        }
    }

    /// All of a cell that is over.
    fn tell_all(&self, follower: &Follower) {
        self.replay(follower);
        self.close(follower, None);
    }

    fn close(&self, follower: &Follower, error: Option<Report>) {
        let record = self.record.as_ref();
        if error.is_none() {
            record.and_then(Record::last_word).into_iter().for_each(|event| follower.tell(event));
        }
        follower.tell(Event::Done(Outcome { count: record.map_or(0, |record| record.count), error, seconds: 0.0 }));
    }
}

fn print(stream: Stream, line: &str) -> Event {
    Event::Print { stream, text: format!("{line}\n") }
}
