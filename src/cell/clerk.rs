//! The session's thread: cells from the queue, one after the other; between them the engine of Rust cells is made ready.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wire::{Event, Execute, HistoryEntry, Outcome, Report};

use super::attach::Recorder;
use super::pending::Pending;
use super::reads::Reads;
use super::remarks::Remarks;
use super::run;
use super::split::{Segment, split};
use crate::rust::Rust;
use crate::session::Session;
use crate::stop::Stop;
use crate::store::History;
use crate::{Error, magic};

/// What the thread is asked to do.
pub enum Work {
    Cell(Cell),
    /// Something waits in [`Reads`].
    Reads,
    /// A person types Rust, or a file of cells holds some.
    Rust,
}

pub struct Cell {
    pub request: Execute,
    pub events: Sender<Event>,
}

pub struct Clerk {
    pub session: Session,
    pub rust: Arc<Mutex<Rust>>,
    pub reads: Reads,
    pub history: Arc<History>,
    pub recorder: Arc<Recorder>,
    pub pending: Arc<Pending>,
    pub answered: Receiver<Option<String>>,
    pub remarks: Remarks,
    pub captures: magic::Captures,
    pub count: usize,
}

impl Clerk {
    pub fn serve(&mut self, queue: &Receiver<Work>) {
        while let Some(cell) = self.next(queue) {
            if holds_rust(&cell.request.code) {
                // It starts while the magics before it run.
                self.engine(Rust::expect);
            }
            let outcome = self.run(&cell);
            self.pending.end_one();
            self.recorder.end(&outcome);
            let _ = cell.events.send(Event::Done(outcome));
        }
    }

    /// The next cell. While none comes, the engine of Rust cells starts, and goes again if nobody needs it.
    fn next(&mut self, queue: &Receiver<Work>) -> Option<Cell> {
        loop {
            let work = match self.engine(|rust| rust.patience()).flatten() {
                Some(patience) => queue.recv_timeout(patience),
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match work {
                Ok(Work::Cell(cell)) => return Some(cell),
                Ok(Work::Reads) => self.reads.serve(&mut self.session),
                Ok(Work::Rust) => drop(self.engine(Rust::expect)),
                Err(RecvTimeoutError::Timeout) => drop(self.engine(Rust::idle)),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Nothing where a cell runs in it, beside the queue: then it is in use.
    fn engine<T>(&self, work: impl FnOnce(&mut Rust) -> T) -> Option<T> {
        self.rust.try_lock().ok().map(|mut rust| work(&mut rust))
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
        let mut out = magic::Out::new(&say, prompter, stop.clone()).serving(&between).with_captures(self.captures.clone());
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

/// Whether a cell has Rust in it.
pub fn holds_rust(code: &str) -> bool {
    matches!(split(code).last(), Some(Segment::Rust { .. }))
}
