//! The shell channel: cells are queued, everything else is answered at once, also while a cell runs.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use lantern::Error;
use lantern::cell::Desk;
use serde_json::{Value, json};
use wire::{Completeness, HistoryQuery};

use crate::cells::Cells;
use crate::control::Closing;
use crate::message::{PROTOCOL, Request};
use crate::outbox::{Channel, Outbox};
use crate::sockets::{self, Entrance};
use crate::{cursor, log};

/// Reads requests until the socket closes. Answers are made on a thread of their own: a slow disk must not hold up an interrupt.
pub async fn serve(mut entrance: Entrance, answers: Sender<Arc<Request>>, cells: Cells, closing: Closing) {
    while let Some(request) = sockets::read(&mut entrance).await {
        match request.kind() {
            "execute_request" => cells.push(request),
            "shutdown_request" => closing.ask(Channel::Shell, request),
            // Fails only when the kernel is closing.
            _ => drop(answers.send(request)),
        }
    }
}

/// Hands what the front end's user typed to the cell that asked.
pub async fn stdin(mut entrance: Entrance, cells: Cells) {
    while let Some(reply) = sockets::read(&mut entrance).await {
        if reply.kind() == "input_reply" {
            cells.answer(reply.content["value"].as_str().map(str::to_owned));
        }
    }
}

/// Starts the thread that answers.
pub fn answers(desk: Desk, outbox: Outbox) -> io::Result<Sender<Arc<Request>>> {
    let (queue, requests) = channel::<Arc<Request>>();
    std::thread::Builder::new().name("answers".to_owned()).spawn(move || {
        for request in requests {
            respond(Channel::Shell, &request, &outbox, |request| answer(&desk, request, &outbox));
        }
    })?;
    Ok(queue)
}

/// Busy, the reply that `make` makes if any, idle.
pub fn respond(channel: Channel, request: &Arc<Request>, outbox: &Outbox, make: impl FnOnce(&Request) -> Option<Value>) {
    outbox.busy(request, false);
    let content = catch_unwind(AssertUnwindSafe(|| make(request))).unwrap_or_else(|_| Some(fault(request.kind())));
    if let Some(content) = content {
        outbox.reply(channel, request, &request.kind().replace("_request", "_reply"), content);
    }
    outbox.idle(request);
}

fn answer(desk: &Desk, request: &Request, outbox: &Outbox) -> Option<Value> {
    match request.kind() {
        "kernel_info_request" => Some(kernel_info()),
        "complete_request" => Some(complete(desk, request)),
        "inspect_request" => Some(inspect(desk, request)),
        "is_complete_request" => Some(is_complete(desk, request)),
        "history_request" => Some(history(desk, request)),
        // No target is known here, so no comm is ever open.
        "comm_info_request" => Some(json!({ "status": "ok", "comms": {} })),
        "comm_open" => {
            outbox.publish(request, "comm_close", json!({ "comm_id": request.text("comm_id"), "data": {} }));
            None
        }
        "comm_msg" | "comm_close" => None,
        _ => unknown(request),
    }
}

/// An error for a request this kernel does not know, so that nobody waits for ever; None for other messages.
pub fn unknown(request: &Request) -> Option<Value> {
    log::warn("unknown message", request.kind());
    request.kind().ends_with("_request").then(|| fault(request.kind()))
}

fn fault(kind: &str) -> Value {
    let report = Error::Internal { doing: kind.to_owned(), cause: String::new() }.report();
    json!({ "status": "error", "ename": report.name, "evalue": report.message, "traceback": [] })
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-info>
pub fn kernel_info() -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "status": "ok",
        "protocol_version": PROTOCOL,
        "implementation": "lantern",
        "implementation_version": version,
        "language_info": {
            "name": "lantern",
            "version": version,
            "mimetype": "text/x-rustsrc",
            "file_extension": ".lantern",
            // Magics are IPython's in form; Rust's lexer paints words outside of ASCII as errors.
            "pygments_lexer": "ipython3",
            "codemirror_mode": "rust",
            "nbconvert_exporter": "script",
        },
        "banner": lantern::words::ui::BANNER.with(&[("version", &version)]),
        "help_links": [],
        "debugger": false,
        "supported_features": ["iopub_welcome"],
    })
}

fn complete(desk: &Desk, request: &Request) -> Value {
    let code = request.text("code");
    let completion = desk.complete(code, position(request));
    let (start, end) = (cursor::to_point(code, completion.start), cursor::to_point(code, completion.end));
    let matches: Vec<&str> = completion.candidates.iter().map(|candidate| candidate.text.as_str()).collect();
    let kinds: Vec<Value> = completion
        .candidates
        .iter()
        .map(|c| json!({ "text": c.text, "type": c.kind, "signature": c.note, "start": start, "end": end }))
        .collect();
    let metadata = json!({ "_jupyter_types_experimental": kinds });
    json!({ "status": "ok", "matches": matches, "cursor_start": start, "cursor_end": end, "metadata": metadata })
}

fn inspect(desk: &Desk, request: &Request) -> Value {
    match desk.inspect(request.text("code"), position(request)) {
        Some(text) => json!({ "status": "ok", "found": true, "data": { "text/plain": text }, "metadata": {} }),
        None => json!({ "status": "ok", "found": false, "data": {}, "metadata": {} }),
    }
}

fn is_complete(desk: &Desk, request: &Request) -> Value {
    match desk.is_complete(request.text("code")) {
        Completeness::Complete => json!({ "status": "complete" }),
        Completeness::Incomplete { indent } => json!({ "status": "incomplete", "indent": indent }),
        Completeness::Invalid => json!({ "status": "invalid" }),
    }
}

fn history(desk: &Desk, request: &Request) -> Value {
    let size = |field: &str, default: usize| request.number(field).map_or(default, |n| usize::try_from(n).unwrap_or(0));
    let query = match request.text("hist_access_type") {
        "range" => {
            let session = request.number("session").unwrap_or(0);
            HistoryQuery::Range { session, start: size("start", 0), stop: size("stop", usize::MAX) }
        }
        "search" => {
            let pattern = request.content["pattern"].as_str().unwrap_or("*").to_owned();
            HistoryQuery::Search { pattern, n: size("n", usize::MAX), unique: request.flag("unique", false) }
        }
        _ => HistoryQuery::Tail { n: size("n", 10) },
    };
    let output = request.flag("output", false);
    let entries: Vec<Value> = desk
        .history(&query)
        .into_iter()
        .map(|e| if output { json!([e.session, e.line, [e.input, e.output]]) } else { json!([e.session, e.line, e.input]) })
        .collect();
    json!({ "status": "ok", "history": entries })
}

/// The cursor in bytes; without one, the end.
fn position(request: &Request) -> usize {
    let points = request.number("cursor_pos").and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    cursor::to_byte(request.text("code"), points)
}
