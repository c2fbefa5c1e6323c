//! Runs cells one at a time, in order, on a thread of its own, so that the sockets answer meanwhile.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lantern::Error;
use lantern::cell::Desk;
use serde_json::{Map, Value, json};
use wire::{Execute, Outcome, Report};

use crate::display;
use crate::message::Request;
use crate::outbox::{Channel, Outbox};
use crate::publish::Publish;

/// After an error, cells sent before the client could know of it are still on their way for this long.
const IN_FLIGHT: Duration = Duration::from_millis(10);

/// The handle: queue a cell, interrupt it, answer its question.
#[derive(Clone)]
pub struct Cells {
    queue: Sender<Arc<Request>>,
    state: Arc<State>,
    desk: Desk,
}

#[derive(Default)]
struct State {
    /// Cells queued or running.
    waiting: AtomicUsize,
    /// A cell waits for `input_reply`.
    asking: AtomicBool,
    closing: AtomicBool,
    /// The running cell was interrupted: what is queued behind it is not wanted either.
    interrupted: AtomicBool,
}

impl Cells {
    /// Starts the thread.
    pub fn start(desk: Desk, outbox: Outbox) -> io::Result<Self> {
        let (queue, requests) = channel();
        let state = Arc::new(State::default());
        let worker =
            Worker { desk: desk.clone(), outbox, state: state.clone(), requests: Mutex::new(requests), ahead: VecDeque::new(), count: 0 };
        std::thread::Builder::new().name("cells".to_owned()).spawn(|| worker.run())?;
        Ok(Self { queue, state, desk })
    }

    pub fn push(&self, request: Arc<Request>) {
        self.state.waiting.fetch_add(1, Ordering::SeqCst);
        // Fails only when the thread is gone, and then nothing answers any more.
        let _ = self.queue.send(request);
    }

    /// Stops the running cell, also where it waits for input; harmless when there is none.
    pub fn interrupt(&self) {
        self.state.interrupted.store(true, Ordering::SeqCst);
        // A cell that was just queued may not have reached the session yet, and an idle session ignores interrupts.
        for _ in 0..20 {
            if self.desk.busy() || self.state.waiting.load(Ordering::SeqCst) == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.desk.interrupt();
        self.answer(None);
    }

    /// Hands a line to the cell that waits for one; None: there will be none.
    pub fn answer(&self, line: Option<String>) {
        answer(&self.desk, &self.state, line);
    }

    /// Interrupts, refuses what is queued, and waits until the thread is idle, at most `limit`.
    pub async fn close(&self, limit: Duration) {
        self.state.closing.store(true, Ordering::SeqCst);
        self.interrupt();
        let until = Instant::now() + limit;
        while self.state.waiting.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn answer(desk: &Desk, state: &State, line: Option<String>) {
    if state.asking.swap(false, Ordering::SeqCst) {
        desk.answer(line);
    }
}

struct Worker {
    desk: Desk,
    outbox: Outbox,
    state: Arc<State>,
    requests: Mutex<Receiver<Arc<Request>>>,
    /// Taken from `requests` ahead of their time.
    ahead: VecDeque<Arc<Request>>,
    /// Of the last numbered cell.
    count: usize,
}

impl Worker {
    fn run(mut self) {
        while let Some(request) = self.next() {
            if self.state.closing.load(Ordering::SeqCst) {
                self.abort(&request);
            } else {
                self.cell(&request);
            }
            self.state.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn next(&mut self) -> Option<Arc<Request>> {
        if let Some(request) = self.ahead.pop_front() {
            return Some(request);
        }
        self.requests.get_mut().ok()?.recv().ok()
    }

    fn cell(&mut self, request: &Arc<Request>) {
        let execute = Execute {
            code: request.text("code").to_owned(),
            silent: request.flag("silent", false),
            store_history: request.flag("store_history", true),
            allow_input: request.flag("allow_stdin", false),
        };
        let silent = execute.silent;
        self.state.interrupted.store(false, Ordering::SeqCst);
        self.outbox.busy(request, true);
        if !silent {
            let input = json!({ "code": execute.code, "execution_count": self.count + 1 });
            self.outbox.publish(request, "execute_input", input);
        }
        let events = self.desk.execute(execute);
        let mut publish = Publish::new(&self.outbox, request, silent, self.count + 1);
        let outcome = publish.run(&events, |prompt, password| self.ask(request, prompt, password));
        let pages = std::mem::take(&mut publish.pages);
        self.state.asking.store(false, Ordering::SeqCst);
        let outcome = outcome.unwrap_or_else(|| Outcome { count: self.count, error: Some(lost()), seconds: 0.0 });
        if !silent {
            self.count = outcome.count;
        }
        let failed = outcome.error.is_some() || self.state.interrupted.load(Ordering::SeqCst);
        let reply = self.reply(request, silent, &outcome, pages);
        let refused = if failed && request.flag("stop_on_error", true) { self.in_flight(&request.header.session) } else { Vec::new() };
        self.outbox.reply(Channel::Shell, request, "execute_reply", reply);
        self.outbox.idle(request);
        for request in refused {
            self.abort(&request);
            self.state.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn ask(&self, request: &Arc<Request>, prompt: &str, password: bool) {
        self.state.asking.store(true, Ordering::SeqCst);
        let (desk, state) = (self.desk.clone(), self.state.clone());
        let unanswered = move || answer(&desk, &state, None);
        if request.flag("allow_stdin", false) {
            self.outbox.ask(request, prompt, password, unanswered);
        } else {
            unanswered();
        }
    }

    /// The content of `execute_reply`; an error goes to all clients first, once.
    fn reply(&self, request: &Arc<Request>, silent: bool, outcome: &Outcome, pages: Vec<String>) -> Value {
        let payload: Vec<Value> =
            pages.into_iter().map(|text| json!({ "source": "page", "data": { "text/plain": text }, "start": 0 })).collect();
        let mut reply =
            json!({ "status": "ok", "execution_count": outcome.count, "payload": payload, "user_expressions": expressions(request) });
        if let Some(report) = &outcome.error {
            let error = display::error(report, request.text("code"));
            if !silent {
                self.outbox.fail(request, error.clone(), report);
            }
            reply["status"] = json!("error");
            for field in ["ename", "evalue", "traceback"] {
                reply[field] = error[field].clone();
            }
        }
        reply
    }

    /// The cells that `session` sent before it can have seen the error; those of other clients keep their place.
    fn in_flight(&mut self, session: &str) -> Vec<Arc<Request>> {
        let until = Instant::now() + IN_FLIGHT;
        if let Ok(requests) = self.requests.get_mut() {
            self.ahead.extend(std::iter::from_fn(|| requests.recv_timeout(until.saturating_duration_since(Instant::now())).ok()));
        }
        let (refused, kept): (Vec<_>, Vec<_>) = self.ahead.drain(..).partition(|request| request.header.session == session);
        self.ahead = kept.into();
        refused
    }

    fn abort(&self, request: &Arc<Request>) {
        self.outbox.busy(request, false);
        let content = json!({ "status": "aborted", "execution_count": self.count, "payload": [], "user_expressions": {} });
        self.outbox.reply(Channel::Shell, request, "execute_reply", content);
        self.outbox.idle(request);
    }
}

/// Cells hold magics, not expressions: each one gets an honest error.
fn expressions(request: &Request) -> Map<String, Value> {
    let Some(asked) = request.content["user_expressions"].as_object() else { return Map::new() };
    let report = Error::NoRust {}.report();
    let refusal = |code: &Value| {
        let mut error = display::error(&report, code.as_str().unwrap_or_default());
        error["status"] = json!("error");
        error
    };
    asked.iter().map(|(name, code)| (name.clone(), refusal(code))).collect()
}

/// The session's thread ended in the middle of a cell.
fn lost() -> Report {
    Error::Internal { doing: "the session".to_owned(), cause: "its thread ended".to_owned() }.report()
}
