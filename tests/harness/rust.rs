//! Cells of Rust through a client of a kernel, and what came of them.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use kernel::client::Client;
use wire::{Event, Execute, Form, Outcome, Report, Stream};

/// The compiler runs for each cell, and for the first one everything else is compiled too.
pub const LIMIT: Duration = Duration::from_secs(240);

pub fn end(events: &Receiver<Event>) -> (Vec<Event>, Outcome) {
    let mut found = Vec::new();
    loop {
        match events.recv_timeout(LIMIT) {
            Ok(Event::Done(outcome)) => return (found, outcome),
            Ok(event) => found.push(event),
            Err(error) => panic!("{error} after {found:?}"),
        }
    }
}

#[track_caller]
pub fn good(client: &Client, code: &str) -> Vec<Event> {
    let (events, outcome) = end(&client.execute(Execute::new(code)));
    assert_eq!(outcome.error, None, "{code}\n{events:?}");
    events
}

#[track_caller]
pub fn bad(client: &Client, code: &str) -> (Vec<Event>, Report) {
    let (events, outcome) = end(&client.execute(Execute::new(code)));
    (events, outcome.error.unwrap_or_else(|| panic!("{code} did not fail")))
}

/// What the last expression is worth.
pub fn value(events: &[Event]) -> String {
    let text = |event: &Event| if let Event::Value { forms } = event { Some(Form::text(forms).to_owned()) } else { None };
    events.iter().find_map(text).unwrap_or_default()
}

/// Standard error.
pub fn said(events: &[Event]) -> String {
    let text = |event: &Event| match event {
        Event::Print { stream: Stream::Err, text } => text.clone(),
        _ => String::new(),
    };
    events.iter().map(text).collect()
}
