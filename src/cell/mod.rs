//! The desk: all that a front end holds of a session. Cells run on a thread of the session's own; everything else answers at once.

mod attach;
mod beside;
mod complete;
mod hooks;
mod pending;
mod reads;
mod record;
mod remarks;
mod run;
mod rust;
pub mod split;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wire::value::Status;
use wire::{Completeness, Completion, Event, Execute, HistoryEntry, HistoryQuery, Outcome, Report};

pub use attach::{Attached, Ticket};

use crate::magic::Out;
use crate::rust::Rust;
use crate::session::{Session, Shared};
use crate::stop::Stop;
use crate::store::{History, Home, Settings};
use crate::words::Lang;
use crate::{Error, device, magic};
use attach::Recorder;
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
    /// The cells that run beside the queue.
    beside: Mutex<Vec<(Ticket, Stop)>>,
}

/// What the session's thread is told.
enum Work {
    Cell(Cell),
    /// Something waits in [`Reads`].
    Reads,
}

struct Cell {
    request: Execute,
    events: Sender<Event>,
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
        let (reads, rust) = (Reads::default(), Arc::new(Mutex::new(Rust::new(&home))));
        let mut clerk = Clerk {
            session,
            rust: rust.clone(),
            reads: reads.clone(),
            history: history.clone(),
            recorder: recorder.clone(),
            pending: pending.clone(),
            answered,
            remarks: remarks.clone(),
            count: 0,
        };
        let thread = std::thread::Builder::new()
            .name("session".into())
            .stack_size(STACK)
            .spawn(move || clerk.serve(&queue))
            .map_err(|e| Error::Internal { doing: "start of the session's thread".into(), cause: e.to_string() }.report())?;
        let (cells, thread) = (Arc::new(Mutex::new(Some(cells))), Mutex::new(Some(thread)));
        let beside = Mutex::default();
        Ok(Self(Arc::new(Inner { cells, thread, answers, pending, shared, history, recorder, remarks, reads, rust, beside })))
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

    /// The words that could stand at `cursor` (a byte offset into `code`).
    pub fn complete(&self, code: &str, cursor: usize) -> Completion {
        complete::complete(code, cursor, &self.0.shared.read())
    }

    /// Help for the magic on the cursor's line.
    pub fn inspect(&self, code: &str, cursor: usize) -> Option<String> {
        let name = complete::magic_at(code, cursor)?;
        magic::find(name).ok().map(magic::help::text)
    }

    pub fn is_complete(&self, code: &str) -> Completeness {
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

/// The session's thread: takes cells from the queue one after the other.
struct Clerk {
    session: Session,
    rust: Arc<Mutex<Rust>>,
    reads: Reads,
    history: Arc<History>,
    recorder: Arc<Recorder>,
    pending: Arc<Pending>,
    answered: Receiver<Option<String>>,
    remarks: Remarks,
    count: usize,
}

impl Clerk {
    fn serve(&mut self, queue: &Receiver<Work>) {
        while let Ok(work) = queue.recv() {
            let Work::Cell(cell) = work else {
                self.reads.serve(&mut self.session);
                continue;
            };
            let outcome = self.run(&cell);
            self.pending.end_one();
            self.recorder.end(&outcome);
            let _ = cell.events.send(Event::Done(outcome));
        }
    }

    fn run(&mut self, Cell { request, events }: &Cell) -> Outcome {
        let started = Instant::now();
        let keep = request.store_history && !request.silent;
        self.count += usize::from(keep);
        self.recorder.begin((!request.silent).then_some((self.count, &request.code)));
        let say = |event: Event| {
            if !request.silent {
                self.recorder.note(&event);
            }
            let _ = events.send(event);
        };
        let stop = self.session.stop().clone();
        // An answer that came too late for its question is not the answer to this one.
        while self.answered.try_recv().is_ok() {}
        let answered = &self.answered;
        let mut prompter = |question: Event| {
            say(question);
            wait_for_answer(answered, &stop)
        };
        let prompter: Option<magic::Prompter<'_>> = if request.allow_input { Some(&mut prompter) } else { None };
        let reads = self.reads.clone();
        let between = move |session: &mut Session| reads.serve(session);
        let mut out = Out::new(&say, prompter, stop.clone()).serving(&between);
        if !request.silent {
            self.remarks.take().iter().for_each(|remark| out.warn(&format!("{remark}\n")));
        }
        let (session, rust) = (&mut self.session, &*self.rust);
        let run = std::panic::AssertUnwindSafe(|| run::run(&request.code, session, rust, &mut out));
        let result = std::panic::catch_unwind(run).unwrap_or_else(|panic| Err(panicked(&panic)));
        if keep {
            let (input, output) = (request.code.clone(), out.printed().to_owned());
            // A history that cannot be written (a full disk) must not fail the cell.
            let _ = self.history.add(HistoryEntry { session: 0, line: self.count, input, output });
        }
        Outcome { count: self.count, error: result.err(), seconds: started.elapsed().as_secs_f64() }
    }
}

fn wait_for_answer(answered: &Receiver<Option<String>>, stop: &Stop) -> Option<String> {
    loop {
        match answered.recv_timeout(Duration::from_millis(20)) {
            Ok(answer) => return answer,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) if !stop.raised() => {}
            Err(_) => return None,
        }
    }
}

/// A defect of ours must not take the session with it.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Report {
    let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
    Error::Internal { doing: "the cell".into(), cause: text.unwrap_or_default() }.report()
}
