//! `lab`: what a cell asks of the session, answered with the session's own numbers.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use kernel::client::Client;
use wire::{Event, Execute, Form, Outcome, Report, Stream};

use crate::harness::kernel::{Kernel, printed};

mod hooks;
mod large;
mod reads;
mod snippets;
mod tensors;

/// The compiler runs for each cell, and for the first one everything else is compiled too.
const LIMIT: Duration = Duration::from_secs(240);

fn end(events: &Receiver<Event>) -> (Vec<Event>, Outcome) {
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
fn good(client: &Client, code: &str) -> Vec<Event> {
    let (events, outcome) = end(&client.execute(Execute::new(code)));
    assert_eq!(outcome.error, None, "{code}\n{events:?}");
    events
}

#[track_caller]
fn bad(client: &Client, code: &str) -> (Vec<Event>, Report) {
    let (events, outcome) = end(&client.execute(Execute::new(code)));
    (events, outcome.error.unwrap_or_else(|| panic!("{code} did not fail")))
}

/// What the cell's last expression is worth.
#[track_caller]
fn value(client: &Client, code: &str) -> String {
    let text = |event: &Event| if let Event::Value { forms } = event { Some(Form::text(forms).to_owned()) } else { None };
    good(client, code).iter().find_map(text).unwrap_or_default()
}

/// A cell whose last expression is a `bool`.
#[track_caller]
fn holds(client: &Client, code: &str) {
    assert_eq!(value(client, code), "true", "{code}");
}

/// Standard error.
fn said(events: &[Event]) -> String {
    let text = |event: &Event| match event {
        Event::Print { stream: Stream::Err, text } => text.clone(),
        _ => String::new(),
    };
    events.iter().map(text).collect()
}

/// One session for all of it: the engine's start is what costs.
#[test]
fn lab_answers_with_the_sessions_own_numbers() {
    let kernel = Kernel::start(&["llama-tiny", "gpt2-tiny"]);
    let client = kernel.client();
    hooks::all(&kernel, &client);
    reads::all(&kernel, &client);
    large::all(&client);
    snippets::all(&kernel, &client);
}

fn wait_for(events: &Receiver<Event>, text: &str) {
    while !matches!(events.recv_timeout(LIMIT), Ok(Event::Print { text: said, .. }) if said.contains(text)) {}
}
