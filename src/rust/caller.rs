//! Who asked, while the answer is being made: a hook of the cell may be asked in the middle of a forward pass.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use wire::engine::Said;
use wire::lab::{Answer, Array, Ask};

use super::follow::LAST_WORDS;
use super::post::{Heard, Line};
use crate::stop::Stop;
use crate::words::ui;
use crate::{Error, Result};

/// How often it is looked whether the hook has come back. It mostly takes less than this.
const LOOK: Duration = Duration::from_millis(1);

/// What happens until a hook comes back.
pub enum Meanwhile {
    /// It came back: with other numbers, or `None`.
    Changed(Option<Array>),
    /// It asks something itself (or another thread of the cell does); [`Caller::say`] answers.
    Asked(Ask),
    /// It prints.
    Printed { error: bool, text: String },
}

/// The cell at the other end of a call that is being answered.
pub struct Caller<'a> {
    line: &'a Line,
    heard: &'a Receiver<Heard>,
    later: &'a mut VecDeque<Heard>,
    stop: &'a Stop,
    /// Who asked in the meantime.
    asked: Option<Line>,
    ready: VecDeque<Meanwhile>,
}

impl<'a> Caller<'a> {
    pub(super) fn new(line: &'a Line, heard: &'a Receiver<Heard>, later: &'a mut VecDeque<Heard>, stop: &'a Stop) -> Self {
        Self { line, heard, later, stop, asked: None, ready: VecDeque::new() }
    }

    /// Asks the cell's hook.
    pub fn hook(&self, hook: u64, array: Array) {
        self.line.say(Answer::Activation { hook, array });
    }

    /// Answers what was asked in the meantime.
    pub fn say(&mut self, answer: Answer) {
        if let Some(line) = self.asked.take() {
            line.say(answer);
        }
    }

    /// What comes next, after [`Caller::hook`].
    ///
    /// # Errors
    /// `Interrupted`; `HookGone`: it panicked, or its program died.
    pub fn hear(&mut self) -> Result<Meanwhile> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Ok(ready);
            }
            if self.stop.raised() {
                return Err(Error::Interrupted { what: ui::RUST_CALL.to_string() });
            }
            while let Ok(heard) = self.heard.try_recv() {
                self.take(heard);
            }
            if !self.ready.is_empty() {
                continue;
            }
            match self.line.more(LOOK) {
                Ok(Ask::Changed { array }) => self.ready.push_back(Meanwhile::Changed(array)),
                Ok(_) | Err(RecvTimeoutError::Disconnected) => return Err(Error::HookGone {}),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn take(&mut self, heard: Heard) {
        match heard {
            // One at a time: those after it wait for the end of the call.
            Heard::Ask { mark, ask, line } if self.asked.is_none() => {
                self.wait_for(mark);
                self.asked = Some(line);
                self.ready.push_back(Meanwhile::Asked(ask));
            }
            Heard::Said(Said::Print { error, text }) => self.ready.push_back(Meanwhile::Printed { error, text }),
            heard => self.later.push_back(heard),
        }
    }

    /// What was printed before the mark comes first.
    fn wait_for(&mut self, mark: u64) {
        if mark == 0 {
            return;
        }
        let until = Instant::now() + LAST_WORDS;
        loop {
            match self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Heard::Said(Said::Mark { n })) if n == mark => return,
                Ok(Heard::Said(Said::Print { error, text })) => self.ready.push_back(Meanwhile::Printed { error, text }),
                Ok(heard) => self.later.push_back(heard),
                Err(_) => return,
            }
        }
    }
}
