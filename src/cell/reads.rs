//! What may be asked beside the queue: the session's thread answers it between two steps or tokens of the running cell, or when idle.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::split::{Segment, split};
use super::{Work, lock};
use crate::session::Session;
use crate::stop::Stop;
use crate::{Error, Result, magic};

/// How often one who waits looks whether they were interrupted.
const LOOK: Duration = Duration::from_millis(20);

type Read = Box<dyn FnOnce(&mut Session) + Send>;

/// The reads that wait.
#[derive(Clone, Default)]
pub struct Reads(Arc<Mutex<VecDeque<Read>>>);

impl Reads {
    /// Answers all that wait.
    pub fn serve(&self, session: &mut Session) {
        loop {
            let Some(read) = lock(&self.0).pop_front() else { return };
            // A defect in one must not end the cell between whose steps it is answered; its asker hears that nothing comes.
            let _ = catch_unwind(AssertUnwindSafe(|| read(session)));
        }
    }

    /// Has the session's thread do `read`, and waits for what it gives. `wake` tells the thread, should it be idle.
    ///
    /// # Errors
    /// `Interrupted`; the session has ended.
    pub fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Session) -> T + Send + 'static,
        stop: &Stop,
        wake: &dyn Fn(Work) -> bool,
    ) -> Result<T> {
        let ended = || Error::Internal { doing: "the session".into(), cause: "it has ended".into() };
        let (answer, answered) = channel();
        // One who was interrupted does not wait for it any more.
        lock(&self.0).push_back(Box::new(move |session| drop(answer.send(read(session)))));
        if !wake(Work::Reads) {
            return Err(ended());
        }
        loop {
            match answered.recv_timeout(LOOK) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) if stop.raised() => {
                    return Err(Error::Interrupted { what: crate::words::lab::A_READ.to_string() });
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(ended()),
            }
        }
    }
}

/// What a cell is that may run beside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing but magics that look, and help.
    Magics,
    /// Rust comes after them: it has an engine of its own, and what it asks of the session is judged when it asks.
    Rust,
}

/// `None` for a cell that changes something, or may.
pub fn kind(code: &str) -> Option<Kind> {
    let segments = split(code);
    let looks = |segment: &Segment| match segment {
        Segment::Magic { name, .. } => magic::READS.contains(name),
        Segment::Help { .. } | Segment::Rust { .. } => true,
        Segment::Command { .. } | Segment::Cell { .. } => false,
    };
    if segments.is_empty() || !segments.iter().all(looks) {
        return None;
    }
    Some(if matches!(segments.last(), Some(Segment::Rust { .. })) { Kind::Rust } else { Kind::Magics })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_may_run_beside() {
        let table = [
            ("%status", Some(Kind::Magics)),
            ("%next \"a b\"\n// note\n%train?", Some(Kind::Magics)),
            ("%tokens a\nlab::logits(\"a\")?", Some(Kind::Rust)),
            ("%status\n%load spark", None),
            ("%train", None),
            ("!ls", None),
            ("%nxt a", None),
            ("// nothing", None),
        ];
        for (code, expected) in table {
            assert_eq!(kind(code), expected, "{code}");
        }
    }
}
