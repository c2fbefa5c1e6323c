//! A cell that runs beside another one, on a thread of its own: it looks into the session between two steps, and changes nothing.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wire::lab::{Answer, Ask};
use wire::{Event, Form, Outcome, Report};

use super::reads::{Kind, Reads, kind};
use super::rust::{display, magics_as_calls};
use super::split::{Segment, split};
use super::{Attached, Desk, Ticket, Work, lock, run};
use crate::magic::{self, Out};
use crate::rust::{self, Caller, Rust, calls};
use crate::session::{Choosing, Nobody, Session, Shared};
use crate::stop::Stop;
use crate::words::ui;
use crate::{Error, Result};

impl Desk {
    /// Whether [`Desk::beside`] runs this cell now. One with Rust needs the engine, which has one cell at a time.
    pub fn looks(&self, code: &str) -> bool {
        match kind(code) {
            Some(Kind::Magics) => true,
            Some(Kind::Rust) => cfg!(feature = "rust-cells") && self.0.rust.try_lock().is_ok(),
            None => Self::is_attach(code),
        }
    }

    /// Runs a cell beside the one that runs: `%attach`, or one that only looks (`%status`, `%next`, `lab::logits`), which is answered
    /// between two steps. It has no number of its own and leaves no trace. `None` for cells that must wait for their turn.
    pub fn beside(&self, code: &str) -> Option<Attached> {
        if let Some(attached) = self.attach(code) {
            return Some(attached);
        }
        if !self.looks(code) {
            return None;
        }
        let stop = Stop::new();
        let (cells, reads, rust) = (self.0.cells.clone(), self.0.reads.clone(), self.0.rust.clone());
        let wake = Arc::new(move |work| lock(&cells).as_ref().is_some_and(|cells| cells.send(work).is_ok()));
        let beside = Beside { reads, rust, shared: self.0.shared.clone(), stop: stop.clone(), wake };
        let ((ticket, count), (events, receiver)) = (self.0.recorder.ticket(), channel());
        lock(&self.0.beside).push((ticket, stop));
        let (code, desk) = (code.to_owned(), Arc::downgrade(&self.0));
        let run = move || {
            beside.run(&code, count, &events);
            if let Some(desk) = desk.upgrade() {
                lock(&desk.beside).retain(|(known, _)| *known != ticket);
            }
        };
        std::thread::Builder::new().name("beside".into()).spawn(run).ok()?;
        Some(Attached { events: receiver, count, ticket })
    }

    /// Ends an `%attach`, or stops another cell that runs beside the queue; the cell that runs in it goes on. False if it had ended by
    /// itself.
    pub fn detach(&self, ticket: Ticket) -> bool {
        let stopped = lock(&self.0.beside).iter().filter(|(known, _)| *known == ticket).map(|(_, stop)| stop.raise()).count();
        stopped > 0 || self.0.recorder.detach(ticket)
    }
}

/// What such a cell holds of the desk.
struct Beside {
    reads: Reads,
    rust: Arc<Mutex<Rust>>,
    shared: Arc<Shared>,
    /// Of this cell alone.
    stop: Stop,
    wake: Arc<dyn Fn(Work) -> bool + Send + Sync>,
}

impl Beside {
    /// Runs it; the last event is [`Event::Done`]. `count` is the number of the cell beside which it runs.
    fn run(&self, code: &str, count: usize, events: &Sender<Event>) {
        let begun = Instant::now();
        // Whoever left is not missed.
        let say = |event: Event| drop(events.send(event));
        let mut out = Out::new(&say, None, self.stop.clone());
        let error = split(code).iter().find_map(|segment| self.segment(segment, code, events, &mut out).err());
        say(Event::Done(Outcome { count, error, seconds: begun.elapsed().as_secs_f64() }));
    }

    fn segment(&self, segment: &Segment, code: &str, events: &Sender<Event>, out: &mut Out) -> Result<(), Report> {
        let Segment::Rust { text, start } = segment else {
            let (code, events, stop) = (code.to_owned(), events.clone(), self.stop.clone());
            let at = run::range(segment).0;
            return self.ask(move |session| {
                let say = |event: Event| drop(events.send(event));
                let segments = split(&code);
                let mut out = Out::new(&say, None, stop);
                segments
                    .iter()
                    .find(|segment| run::range(segment).0 == at)
                    .map_or(Ok(()), |segment| run::magics(segment, session, &mut out))
            })?;
        };
        let span = Some((*start, start + text.trim_end().len()));
        self.rust(text, out).map_err(|error| Report { span, ..error.report() })
    }

    fn rust(&self, text: &str, out: &mut Out) -> Result<()> {
        let mut rust = loop {
            match self.rust.try_lock() {
                Ok(rust) => break rust,
                Err(std::sync::TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(std::sync::TryLockError::WouldBlock) if self.stop.raised() => {
                    return Err(Error::Interrupted { what: ui::RUST_STARTING.to_string() });
                }
                Err(std::sync::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        rust.run(&magics_as_calls(text), &self.stop, &mut Aside { beside: self, out, choosing: None })
    }

    fn ask<T: Send + 'static>(&self, read: impl FnOnce(&mut Session) -> T + Send + 'static) -> Result<T, Report> {
        self.reads.ask(read, &self.stop, &*self.wake).map_err(|error| error.report())
    }

    /// What it may not do now.
    fn refused(&self) -> Report {
        let doing = self.shared.read().doing.clone().unwrap_or_else(|| crate::words::lab::ANOTHER_CELL.to_string());
        Error::Occupied { doing }.report()
    }
}

/// Serves a Rust cell that runs beside another.
struct Aside<'a, 'o> {
    beside: &'a Beside,
    out: &'a mut Out<'o>,
    choosing: Option<Choosing>,
}

impl rust::Serve for Aside<'_, '_> {
    fn answer(&mut self, ask: Ask, _caller: &mut Caller<'_>) -> Answer {
        let failed = |report: Report| Answer::Failed { report };
        match ask {
            Ask::Magic { line } => self.magic(line).unwrap_or_else(failed),
            Ask::Train { .. } | Ask::Hook { .. } => failed(self.beside.refused()),
            Ask::Step => Answer::Step { step: None },
            Ask::Unhook { .. } | Ask::Finish | Ask::Changed { .. } => Answer::Done,
            Ask::Begin { .. } | Ask::Choose { .. } => {
                let mut choosing = self.choosing.take();
                let answered = self.beside.ask(move |session| {
                    let answer = calls::choose(&ask, session, &mut choosing, &mut Nobody);
                    (choosing, answer)
                });
                answered.map_or_else(failed, |(choosing, answer)| {
                    self.choosing = choosing;
                    answer.unwrap_or(Answer::Done)
                })
            }
            ask => match display(&ask, self.out) {
                Some(shown) => shown.unwrap_or_else(failed),
                None => {
                    let look = move |session: &mut Session| calls::look(&ask, session, &mut Nobody);
                    self.beside.ask(look).map_or_else(failed, |answer| answer.unwrap_or(Answer::Done))
                }
            },
        }
    }

    fn print(&mut self, error: bool, text: &str) {
        if error { self.out.warn(text) } else { self.out.print(text) }
    }

    fn value(&mut self, forms: Vec<Form>) {
        self.out.result(forms);
    }

    fn starting(&mut self, on: bool) {
        self.out.progress("rust", u64::from(!on), 1, ui::RUST_STARTING.text());
    }

    fn meanwhile(&mut self) {}
}

impl Aside<'_, '_> {
    fn magic(&mut self, line: String) -> Result<Answer, Report> {
        let name = line.split_whitespace().next().unwrap_or_default();
        if !magic::READS.contains(&name) {
            magic::find(name).map_err(|error| error.report())?;
            return Err(self.beside.refused());
        }
        let stop = self.beside.stop.clone();
        let (events, value) = self.beside.ask(move |session| {
            let said = std::cell::RefCell::new(Vec::new());
            let say = |event: Event| said.borrow_mut().push(event);
            let mut out = Out::new(&say, None, stop);
            let value = super::rust::magic(&line, session, &mut out);
            (said.take(), value)
        })?;
        events.into_iter().for_each(|event| self.out.pass(event));
        value
    }
}
