//! A running cell, followed to its end: what it asks is answered, what it prints is shown, an interrupt reaches it.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use wire::Form;
use wire::engine::{Failure, Order, Said};
use wire::lab::{Answer, Ask};

use super::caller::Caller;
use super::post::{Heard, Line};
use super::process::Process;
use super::{LOOK, Serve};
use crate::Error;
use crate::stop::Stop;
use crate::words::ui;

/// From the interrupt until the cell's program is killed: its pending call fails at once, and it may end by itself.
const GRACE: Duration = Duration::from_millis(700);
/// And until the engine is killed too, with what it compiles.
const PATIENCE: Duration = Duration::from_secs(6);
/// Of standard error this much is looked at when the program dies, in bytes.
const LAST_ERRORS: usize = 4096;
/// What a dead program printed last is still on its way for this long, at most.
pub const LAST_WORDS: Duration = Duration::from_millis(300);

/// How a cell ended, other than well.
pub enum End {
    Interrupted {
        lost: bool,
    },
    Panicked,
    Returned,
    Failed(Failure),
    /// It asked for this many bytes and may have so many.
    OutOfMemory {
        asked: u64,
        limit: Option<u64>,
    },
    EngineGone,
}

/// The bytes that the standard library says it could not get before it ends a program.
fn asked(errors: &str) -> Option<u64> {
    errors.rsplit("memory allocation of ").next()?.split_once(" bytes failed")?.0.parse().ok()
}

/// A running cell.
pub struct Cell<'a> {
    heard: &'a Receiver<Heard>,
    /// Heard while a call was answered, and kept for after it.
    later: VecDeque<Heard>,
    process: &'a mut Process,
    desk: &'a mut dyn Serve,
    stop: &'a Stop,
    panicked: bool,
    returned: bool,
    /// Since when, and whether its program was told to die.
    stopped: Option<(Instant, bool)>,
    /// The end of what went to standard error: how the program died may stand there.
    errors: String,
}

impl<'a> Cell<'a> {
    pub fn new(heard: &'a Receiver<Heard>, process: &'a mut Process, desk: &'a mut dyn Serve, stop: &'a Stop) -> Self {
        Self { heard, later: VecDeque::new(), process, desk, stop, panicked: false, returned: false, stopped: None, errors: String::new() }
    }
}

impl Cell<'_> {
    pub fn follow(&mut self) -> Result<(), End> {
        loop {
            self.look_at_stop()?;
            let heard = self.later.pop_front().map_or_else(|| self.heard.recv_timeout(LOOK), Ok);
            match heard {
                Ok(Heard::Ask { mark, ask, line }) => {
                    self.wait_for(mark);
                    let answer = self.answer(ask, &line);
                    line.say(answer);
                }
                Ok(Heard::Said(Said::Ended { forms })) => return self.ended(forms),
                Ok(Heard::Said(Said::Failed { failure })) => return Err(self.failed(failure)),
                Ok(Heard::Said(said)) => self.said(said),
                Ok(Heard::OutputGone) => {}
                Ok(Heard::EngineGone) | Err(RecvTimeoutError::Disconnected) => return Err(self.gone()),
                Err(RecvTimeoutError::Timeout) => self.desk.meanwhile(),
            }
        }
    }

    fn answer(&mut self, ask: Ask, line: &Line) -> Answer {
        if self.stop.raised() {
            return Answer::Failed { report: Error::Interrupted { what: ui::RUST_CALL.to_string() }.report() };
        }
        self.desk.answer(ask, &mut Caller::new(line, self.heard, &mut self.later, self.stop))
    }

    /// Printed text up to the mark comes first.
    fn wait_for(&mut self, mark: u64) {
        if mark == 0 {
            return;
        }
        let until = Instant::now() + LAST_WORDS;
        loop {
            match self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Heard::Said(Said::Mark { n })) if n == mark => return,
                Ok(Heard::Said(said)) => self.said(said),
                // A second thread of the cell asks meanwhile: it is told to try again rather than overtake.
                Ok(Heard::Ask { line, .. }) => line.say(Answer::Failed { report: Error::Busy {}.report() }),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    fn said(&mut self, said: Said) {
        match said {
            Said::Print { error, text } => {
                if error {
                    self.errors.push_str(&text);
                    let surplus = self.errors.len().saturating_sub(LAST_ERRORS);
                    self.errors.drain(..self.errors.ceil_char_boundary(surplus));
                }
                self.desk.print(error, &text);
            }
            Said::Panicked => self.panicked = true,
            Said::Returned => self.returned = true,
            _ => {}
        }
    }

    fn ended(&mut self, forms: Vec<Form>) -> Result<(), End> {
        if self.stopped.is_some() {
            return Err(End::Interrupted { lost: false });
        }
        if self.panicked {
            return Err(End::Panicked);
        }
        if self.returned {
            return Err(End::Returned);
        }
        // A loop at the end of a cell is worth nothing.
        if !forms.is_empty() && Form::text(&forms) != "()" {
            self.desk.value(forms);
        }
        Ok(())
    }

    fn failed(&mut self, failure: Failure) -> End {
        if !matches!(failure, Failure::Died { .. }) {
            return End::Failed(failure);
        }
        let until = Instant::now() + LAST_WORDS;
        while let Ok(heard) = self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
            match heard {
                Heard::Said(said) => self.said(said),
                Heard::OutputGone => break,
                _ => {}
            }
        }
        match asked(&self.errors) {
            _ if self.stopped.is_some() => End::Interrupted { lost: true },
            Some(asked) => End::OutOfMemory { asked, limit: self.process.limit },
            None => End::Failed(failure),
        }
    }

    fn gone(&self) -> End {
        if self.stopped.is_some() { End::Interrupted { lost: true } } else { End::EngineGone }
    }

    /// First the pending call fails, then the cell's program is killed, then the engine.
    fn look_at_stop(&mut self) -> Result<(), End> {
        if !self.stop.raised() {
            return Ok(());
        }
        let (since, told) = *self.stopped.get_or_insert_with(|| (Instant::now(), false));
        if since.elapsed() > PATIENCE {
            self.process.kill();
            return Err(self.gone());
        }
        if since.elapsed() > GRACE && !told {
            self.stopped = Some((since, true));
            let _ = self.process.order(&Order::Kill);
        }
        Ok(())
    }
}
