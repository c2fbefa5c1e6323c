//! The other end of the sockets: a terminal that joins a running kernel through its connection file.
//!
//! [`Client`] has the methods of `lantern::cell::Desk` that a front end needs, under the same names, so that a
//! terminal can hold either. `link` speaks to the sockets, `talk` keeps track of who asked what, `cell` turns messages
//! into events, `answers` replies into what the desk would have said.

mod answers;
mod cell;
mod link;
mod talk;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use lantern::Error;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use wire::{Completeness, Completion, Event, Execute, HistoryEntry, HistoryQuery, Report};

use crate::{cursor, sockets};
use talk::{Ask, To};

/// How long a kernel may take to say that it is there.
const HELLO: Duration = Duration::from_secs(10);
/// How long completion and its like may keep a person waiting; after that there is no answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A handle; clones share one connection, which ends with the last of them.
///
/// Cells of this client run behind those of other clients, for they share the session.
#[derive(Clone)]
pub struct Client {
    asks: UnboundedSender<Ask>,
    state: Arc<State>,
}

/// What the connection's thread lets others read.
#[derive(Default)]
struct State {
    /// The kernel works, for this client or another.
    busy: AtomicBool,
    gone: AtomicBool,
    /// `kernel_info_reply`, as it came when the connection was made.
    info: std::sync::OnceLock<Value>,
}

impl Client {
    /// Connects to the kernel of a connection file, and waits until its outputs are sure to arrive.
    ///
    /// # Errors
    /// `NotFound` or `BadConnection` for the file; `NoKernelThere` if nothing answers.
    pub fn connect(connection_file: &Path) -> Result<Self, Report> {
        Self::join(connection_file).map_err(|error| error.report())
    }

    fn join(connection_file: &Path) -> Result<Self, Error> {
        let info = sockets::connection(connection_file)?;
        let (asks, asked) = tokio::sync::mpsc::unbounded_channel();
        let (ready, wait) = channel();
        let state = Arc::new(State::default());
        let (shared, address) = (state.clone(), info.shell_url());
        let nobody = |cause: String| Error::NoKernelThere { address: address.clone(), cause };
        let talk = move || talk::run(&info, asked, &shared, &ready);
        std::thread::Builder::new().name("client".to_owned()).spawn(talk).map_err(|e| nobody(e.to_string()))?;
        match wait.recv_timeout(HELLO) {
            Ok(Ok(())) => Ok(Self { asks, state }),
            Ok(Err(cause)) => Err(nobody(cause.to_string())),
            Err(_) => Err(nobody(format!("{} s", HELLO.as_secs()))),
        }
    }

    /// Queues a cell. Its last event is [`Event::Done`]; if the kernel goes away the receiver ends without one.
    ///
    /// Charts, tables and progress come as [`Event::Show`] in all the forms that the kernel sends (SVG or HTML, and
    /// text), with an id where they are redrawn in place.
    pub fn execute(&self, request: Execute) -> Receiver<Event> {
        let (events, receiver) = channel();
        self.put(Ask::Execute { request, events });
        receiver
    }

    /// Stops this client's running cell or, when it has none, what the kernel is doing. Returns at once.
    pub fn interrupt(&self) {
        self.put(Ask::Request { kind: "interrupt_request", content: json!({}), to: To::Nobody });
    }

    /// The same, and waits until the kernel has taken it: nothing that is sent after that is stopped by it. False if it does not say so in time.
    pub fn interrupt_and_wait(&self) -> bool {
        self.ask("interrupt_request", json!({})).is_some()
    }

    /// Answers [`Event::Input`]; `None` ends the input.
    pub fn answer(&self, text: Option<String>) {
        self.put(Ask::Answer(text));
    }

    /// The words that could stand at `cursor` (a byte offset into `code`).
    pub fn complete(&self, code: &str, cursor: usize) -> Completion {
        let position = cursor::to_point(code, cursor);
        let reply = self.ask("complete_request", json!({ "code": code, "cursor_pos": position }));
        reply.map(|content| answers::completion(code, &content)).unwrap_or_default()
    }

    /// Help for the magic on the cursor's line.
    pub fn inspect(&self, code: &str, cursor: usize) -> Option<String> {
        let position = cursor::to_point(code, cursor);
        let reply = self.ask("inspect_request", json!({ "code": code, "cursor_pos": position, "detail_level": 0 }))?;
        reply["data"]["text/plain"].as_str().map(str::to_owned)
    }

    /// Complete if the kernel does not say: then Enter runs the cell.
    pub fn is_complete(&self, code: &str) -> Completeness {
        self.ask("is_complete_request", json!({ "code": code })).map_or(Completeness::Complete, |content| answers::completeness(&content))
    }

    pub fn history(&self, query: &HistoryQuery) -> Vec<HistoryEntry> {
        self.ask("history_request", answers::history_request(query)).map(|content| answers::history(&content)).unwrap_or_default()
    }

    /// Whether the kernel is working, for this client or another.
    pub fn busy(&self) -> bool {
        self.state.busy.load(Ordering::SeqCst)
    }

    /// Whether the kernel has gone away; nothing will be answered any more.
    pub fn gone(&self) -> bool {
        self.state.gone.load(Ordering::SeqCst)
    }

    /// What the kernel calls itself: `lantern` for one of ours.
    pub fn implementation(&self) -> String {
        let info = self.state.info.get().and_then(|info| info["implementation"].as_str());
        info.unwrap_or_default().to_owned()
    }

    /// Ends the connection; the kernel and the session go on.
    pub fn close(self) {
        self.put(Ask::Close);
    }

    /// The content of the reply, if it comes in time and is no error.
    fn ask(&self, kind: &'static str, content: Value) -> Option<Value> {
        let (sender, reply) = channel();
        self.put(Ask::Request { kind, content, to: To::Waiter(sender) });
        reply.recv_timeout(PATIENCE).ok().filter(|content| content["status"] != "error")
    }

    fn put(&self, ask: Ask) {
        // Fails only when the connection has ended: `gone` says so, and receivers are at their end.
        let _ = self.asks.send(ask);
    }
}
