//! Runs cells one at a time, in order, on a thread of its own, so that the sockets answer meanwhile.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lantern::Error;
use lantern::cell::Desk;
use lantern::words::lab;
use serde_json::{Value, json};
use wire::{Execute, Outcome, Report};

use crate::attach::{Attaches, Whose};
use crate::message::Request;
use crate::outbox::{Channel, Outbox};
use crate::publish::Publish;
use crate::queue::{Place, Queue};
use crate::reply;

/// After an error, cells sent before the client could know of it are still on their way for this long.
const IN_FLIGHT: Duration = Duration::from_millis(10);

/// The handle: queue a cell, interrupt it, answer its question.
#[derive(Clone)]
pub struct Cells {
    queue: Arc<Queue>,
    state: Arc<State>,
    attaches: Attaches,
    desk: Desk,
    outbox: Outbox,
}

#[derive(Default)]
struct State {
    /// A cell waits for `input_reply`.
    asking: AtomicBool,
    closing: AtomicBool,
    /// The running cell was interrupted: what is queued behind it is not wanted either.
    interrupted: AtomicBool,
}

impl Cells {
    /// Starts the thread.
    pub fn start(desk: Desk, outbox: Outbox) -> io::Result<Self> {
        let (queue, state) = (Arc::<Queue>::default(), Arc::<State>::default());
        let worker = Worker { desk: desk.clone(), outbox: outbox.clone(), state: state.clone(), queue: queue.clone(), count: 0 };
        std::thread::Builder::new().name("cells".to_owned()).spawn(|| worker.run())?;
        Ok(Self { queue, state, attaches: Attaches::default(), desk, outbox })
    }

    /// Queues a cell. `%attach` does not wait for those before it, and a cell that only looks does not wait for those of other front
    /// ends.
    pub fn push(&self, request: Arc<Request>) {
        let code = request.text("code");
        let behind_others = self.queue.busy() && self.queue.place(&request.header.session) == Place::Nowhere;
        let beside = Desk::is_attach(code) || behind_others && self.desk.looks(code);
        if beside && !self.state.closing.load(Ordering::SeqCst) {
            return self.attaches.start(request, self.desk.clone(), self.outbox.clone(), self.queue.clone());
        }
        if behind_others && !request.flag("silent", false) {
            self.outbox.publish(&request, "stream", json!({ "name": "stderr", "text": waits(&self.desk) }));
        }
        self.queue.push(request);
    }

    /// Stops what `session` is waiting for: an `%attach` of its own, its running cell, its queued cells. A session that
    /// has none of these is a server that speaks for its clients (or, without a name, a terminal): that ends the
    /// `%attach` cells if there are any, else the running cell. Harmless when there is nothing to stop.
    pub fn interrupt(&self, session: Option<&str>) {
        let place = session.map_or(Place::Nowhere, |session| self.queue.place(session));
        if session.is_some_and(|session| self.attaches.leave(&self.desk, Whose::Of(session))) {
            return;
        }
        match (place, session) {
            (Place::Nowhere, _) if self.attaches.leave(&self.desk, Whose::Served) => {}
            (Place::Waiting, Some(session)) => {
                self.queue.take(session).iter().for_each(|request| abort(&self.outbox, request));
            }
            _ => self.stop(),
        }
    }

    /// Stops the running cell, also where it waits for input.
    fn stop(&self) {
        self.state.interrupted.store(true, Ordering::SeqCst);
        // A cell that was just queued may not have reached the session yet, and an idle session ignores interrupts.
        reach(&self.desk, &self.queue, Duration::from_millis(20));
        self.desk.interrupt();
        self.answer(None);
    }

    /// Hands a line to the cell that waits for one; None: there will be none.
    pub fn answer(&self, line: Option<String>) {
        answer(&self.desk, &self.state, line);
    }

    /// Interrupts, refuses what is queued, and waits until nothing runs, at most `limit`.
    pub async fn close(&self, limit: Duration) {
        self.state.closing.store(true, Ordering::SeqCst);
        self.attaches.leave(&self.desk, Whose::All);
        self.stop();
        let until = Instant::now() + limit;
        while (self.queue.busy() || self.attaches.any()) && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits until a cell that is on its way from `queue` has reached the session, or there is none, at most `limit`.
pub fn reach(desk: &Desk, queue: &Queue, limit: Duration) {
    let until = Instant::now() + limit;
    while queue.busy() && !desk.busy() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
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
    queue: Arc<Queue>,
    /// Of the last numbered cell.
    count: usize,
}

impl Worker {
    fn run(mut self) {
        loop {
            let request = self.queue.next();
            if self.state.closing.load(Ordering::SeqCst) {
                abort(&self.outbox, &request);
            } else {
                self.cell(&request);
            }
            self.queue.done();
        }
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
        self.end(request, &outcome, pages);
    }

    /// The reply, idle, and the end of what was sent with a cell that failed or was stopped.
    fn end(&self, request: &Arc<Request>, outcome: &Outcome, pages: Vec<String>) {
        let mut content = reply::reply(&self.outbox, request, outcome, pages);
        if outcome.error.is_none() {
            content["user_expressions"] = Value::Object(reply::expressions(&self.desk, request));
        }
        let failed = outcome.error.is_some() || self.state.interrupted.load(Ordering::SeqCst);
        let mut refused = Vec::new();
        if failed && request.flag("stop_on_error", true) {
            std::thread::sleep(IN_FLIGHT);
            refused = self.queue.take(&request.header.session);
        }
        self.outbox.reply(Channel::Shell, request, "execute_reply", content);
        self.outbox.idle(request);
        refused.iter().for_each(|request| abort(&self.outbox, request));
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
}

/// Said to one whose cell waits for another front end's.
fn waits(desk: &Desk) -> String {
    let doing = desk.status().doing;
    let doing = if doing == "idle" { lab::ANOTHER_CELL.to_string() } else { doing };
    lab::WAITS.with(&[("doing", &doing)]) + "\n"
}

/// A cell that is not run.
fn abort(outbox: &Outbox, request: &Arc<Request>) {
    outbox.busy(request, false);
    let content = json!({ "status": "aborted", "execution_count": 0, "payload": [], "user_expressions": {} });
    outbox.reply(Channel::Shell, request, "execute_reply", content);
    outbox.idle(request);
}

/// The session's thread ended in the middle of a cell.
pub fn lost() -> Report {
    Error::Internal { doing: "the session".to_owned(), cause: "its thread ended".to_owned() }.report()
}
