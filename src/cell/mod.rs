//! The desk: all that a front end holds of a session. Cells run on a thread of the session's own; everything else answers at once.

mod attach;
mod beside;
mod clerk;
mod complete;
mod hooks;
mod pending;
mod reads;
mod record;
mod remarks;
mod run;
mod rust;
pub mod split;
mod typed;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use wire::value::Status;
use wire::{Completeness, Completion, Event, Execute, HistoryEntry, HistoryQuery, Report};

pub use attach::{Attached, Ticket};

use crate::rust::{Remote, Rust};
use crate::session::{Session, Shared};
use crate::stop::Stop;
use crate::store::{History, Home, Settings};
use crate::words::Lang;
use crate::{Error, device, magic};
use attach::Recorder;
use clerk::{Cell, Clerk, Work};
use pending::Pending;
use reads::Reads;
use remarks::Remarks;

/// The backward pass recurses through every operation of a step.
const STACK: usize = 256 << 20;

/// How a session is set up.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Where cache, history and runs live; `None`: `LANTERN_HOME`, else the platform's place.
    pub home: Option<PathBuf>,
}

impl Setup {
    /// The language that `%lang` chose in an earlier session.
    pub fn lang(&self) -> Option<Lang> {
        Settings::read(&Home::find(self.home.clone()).settings()).lang()
    }
}

/// A handle; clones share one session.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    cells: Arc<Mutex<Option<Sender<Work>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    answers: Sender<Option<String>>,
    pending: Arc<Pending>,
    shared: Arc<Shared>,
    history: Arc<History>,
    recorder: Arc<Recorder>,
    remarks: Remarks,
    reads: Reads,
    rust: Arc<Mutex<Rust>>,
    /// The engine, for hints while a person types.
    remote: Remote,
    /// The thread has been told to expect Rust.
    expected: AtomicBool,
    /// The cells that run beside the queue.
    beside: Mutex<Vec<(Ticket, Stop)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// Starts the session's thread; loads nothing.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn open(setup: Setup) -> Result<Self, Report> {
        let home = Home::find(setup.home);
        let device = device::from_environment().map_err(|error| error.report())?;
        let (stop, shared, history) = (Stop::new(), Arc::<Shared>::default(), Arc::new(History::open(home.history())));
        let (cells, queue) = channel();
        let (answers, answered) = channel();
        let pending = Arc::new(Pending::new(stop.clone()));
        let session = Session::new(stop, shared.clone(), history.clone(), &home, device);
        let recorder = Arc::<Recorder>::default();
        let remarks = Remarks::of(&home);
        let rust = Rust::new(&home);
        let remote = rust.remote();
        let (reads, rust) = (Reads::default(), Arc::new(Mutex::new(rust)));
        let mut clerk = Clerk {
            session,
            rust: rust.clone(),
            reads: reads.clone(),
            history: history.clone(),
            recorder: recorder.clone(),
            pending: pending.clone(),
            answered,
            remarks: remarks.clone(),
            captures: magic::Captures::default(),
            count: 0,
        };
        let thread = std::thread::Builder::new()
            .name("session".into())
            .stack_size(STACK)
            .spawn(move || clerk.serve(&queue))
            .map_err(|e| Error::Internal { doing: "start of the session's thread".into(), cause: e.to_string() }.report())?;
        let (cells, thread) = (Arc::new(Mutex::new(Some(cells))), Mutex::new(Some(thread)));
        let (beside, expected) = (Mutex::default(), AtomicBool::new(false));
        let inner = Inner { cells, thread, answers, pending, shared, history, recorder, remarks, reads, rust, remote, expected, beside };
        Ok(Self(Arc::new(inner)))
    }

    /// What the person should know before they begin; who asks says it, else the first cell does, on the error stream.
    pub fn remarks(&self) -> Vec<String> {
        self.0.remarks.take()
    }

    /// Queues a cell; its last event is [`Event::Done`]. A cell that is `%attach` is answered beside the queue.
    pub fn execute(&self, request: Execute) -> Receiver<Event> {
        if let Some(attached) = self.attach(&request.code) {
            return attached.events;
        }
        let (events, receiver) = channel();
        if let Some(cells) = lock(&self.0.cells).as_ref() {
            self.0.pending.add();
            // After `close` the receiver is simply at its end.
            let _ = cells.send(Work::Cell(Cell { request, events }));
        }
        receiver
    }

    /// Whether [`Desk::attach`] answers this cell.
    pub fn is_attach(code: &str) -> bool {
        attach::asked(code).is_some()
    }

    /// Answers a cell that is `%attach` and nothing else: what the running cell (or else the last one) has shown, and what it shows
    /// until its end. `None` for other cells.
    pub fn attach(&self, code: &str) -> Option<Attached> {
        let (rest, start) = attach::asked(code)?;
        Some(self.0.recorder.attach(rest, start, || self.0.pending.count()))
    }

    /// Stops the running cell within a step, or the next one if it has not begun; does nothing when idle.
    pub fn interrupt(&self) {
        self.0.pending.interrupt();
    }

    /// Answers [`Event::Input`]; `None` ends the input.
    pub fn answer(&self, text: Option<String>) {
        let _ = self.0.answers.send(text);
    }

    /// Says that this code will come, or is being typed: if it holds Rust, what runs it starts.
    pub fn foresee(&self, code: &str) {
        if clerk::holds_rust(code)
            && !self.0.expected.swap(true, Ordering::Relaxed)
            && let Some(cells) = lock(&self.0.cells).as_ref()
        {
            let _ = cells.send(Work::Rust);
        }
    }

    /// The words that could stand at `cursor` (a byte offset into `code`).
    pub fn complete(&self, code: &str, cursor: usize) -> Completion {
        self.foresee(code);
        match typed::rust_at(code, cursor) {
            Some(typed) => typed.complete(&self.0.remote),
            None => complete::complete(code, cursor, &self.0.shared.read()),
        }
    }

    /// Help for the magic on the cursor's line, or what the word of Rust at the cursor is.
    pub fn inspect(&self, code: &str, cursor: usize) -> Option<String> {
        self.foresee(code);
        match typed::rust_at(code, cursor) {
            Some(typed) => typed.hover(&self.0.remote),
            None => magic::help::named(complete::magic_at(code, cursor)?).ok(),
        }
    }

    pub fn is_complete(&self, code: &str) -> Completeness {
        self.foresee(code);
        complete::is_complete(code)
    }

    pub fn history(&self, query: &HistoryQuery) -> Vec<HistoryEntry> {
        self.0.history.query(query)
    }

    pub fn status(&self) -> Status {
        self.0.shared.read().status()
    }

    pub fn busy(&self) -> bool {
        self.0.pending.count() > 0
    }

    /// Ends the session after the cells that are queued.
    pub fn close(self) {
        drop(lock(&self.0.cells).take());
        if let Some(thread) = lock(&self.0.thread).take() {
            let _ = thread.join();
        }
    }
}
