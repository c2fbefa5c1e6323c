//! The end of a cell: its error to all clients, once, and the content of `execute_reply`.

use std::sync::Arc;

use lantern::Error;
use lantern::cell::Desk;
use lantern::cell::split::{Segment, split};
use serde_json::{Map, Value, json};
use wire::{Event, Execute, Outcome, Report};

use crate::display;
use crate::message::Request;
use crate::outbox::Outbox;

/// Publishes the error, if there is one and the cell is not silent, and returns the reply.
pub fn reply(outbox: &Outbox, request: &Arc<Request>, outcome: &Outcome, pages: Vec<String>) -> Value {
    let page = |text: String| json!({ "source": "page", "data": { "text/plain": text }, "start": 0 });
    let payload: Vec<Value> = pages.into_iter().map(page).collect();
    let mut reply = json!({ "status": "ok", "execution_count": outcome.count, "payload": payload, "user_expressions": {} });
    if let Some(report) = &outcome.error {
        let error = display::error(report, request.text("code"));
        if !request.flag("silent", false) {
            outbox.fail(request, error.clone(), report);
        }
        reply["status"] = json!("error");
        for field in ["ename", "evalue", "traceback"] {
            reply[field] = error[field].clone();
        }
    }
    reply
}

/// `user_expressions`: the value of a magic with `--json`; all else has none and gets an error of its own.
/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#execution-results>
pub fn expressions(desk: &Desk, request: &Request) -> Map<String, Value> {
    let Some(asked) = request.content["user_expressions"].as_object() else { return Map::new() };
    asked.iter().map(|(name, code)| (name.clone(), evaluate(desk, code.as_str().unwrap_or_default()))).collect()
}

fn evaluate(desk: &Desk, code: &str) -> Value {
    match value(desk, code) {
        Ok(data) => json!({ "status": "ok", "data": data, "metadata": {} }),
        Err(report) => {
            let mut error = display::error(&report, code);
            error["status"] = json!("error");
            error
        }
    }
}

/// Runs `code` without a trace. A command or a page of help is not run: it could not have a value.
fn value(desk: &Desk, code: &str) -> Result<Value, Report> {
    let none = || Error::NoValue { given: code.to_owned() }.report();
    if !matches!(split(code).as_slice(), [Segment::Magic { .. } | Segment::Rust { .. }]) {
        return Err(none());
    }
    let events = desk.execute(Execute { silent: true, store_history: false, allow_input: false, ..Execute::new(code) });
    let mut found = None;
    for event in events {
        match event {
            Event::Value { forms } => found = Some(display::forms(&forms)),
            Event::Done(Outcome { error: Some(report), .. }) => return Err(report),
            _ => {}
        }
    }
    found.ok_or_else(none)
}
