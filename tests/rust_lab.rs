//! `lab`: what a cell asks of the session, answered with the session's own numbers.

use std::sync::mpsc::Receiver;

use kernel::client::Client;
use wire::Event;

use crate::harness::kernel::{Kernel, printed};
use crate::harness::rust::{self, LIMIT, bad, end, good, said};

mod hooks;
mod large;
mod reads;
mod snippets;
mod tensors;

/// What the cell's last expression is worth.
#[track_caller]
fn value(client: &Client, code: &str) -> String {
    rust::value(&good(client, code))
}

/// A cell whose last expression is a `bool`.
#[track_caller]
fn holds(client: &Client, code: &str) {
    assert_eq!(value(client, code), "true", "{code}");
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
