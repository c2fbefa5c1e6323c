//! What can happen to a request, and trying again.

use std::time::{Duration, Instant};

use super::endpoint::Endpoints;
use crate::Error;
use crate::stop::Stop;

/// How often the cancel flag is asked.
pub const LOOK: Duration = Duration::from_millis(50);

/// Why there is no answer that can be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// The cancel flag was raised.
    Stopped,
    /// Another try may do: cut, silent, overloaded. `moved`: bytes were gained.
    Passing { cause: String, wait: Option<Duration>, moved: bool },
    /// The server's definite no; `code` is what the hub calls it, else empty.
    Refused { status: u16, code: String },
    /// Something here, not there.
    Failed(Error),
}

impl Trouble {
    pub fn passing(cause: impl Into<String>) -> Self {
        Self::Passing { cause: cause.into(), wait: None, moved: false }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// `attempt` again after passing troubles, at most `attempts` times in a row without gain.
pub fn persist<T>(rules: &Endpoints, attempts: u32, stop: &Stop, mut attempt: impl FnMut() -> Result<T, Trouble>) -> Result<T, Trouble> {
    let mut failures = 0;
    loop {
        match attempt() {
            Err(Trouble::Passing { cause, wait, moved }) => {
                failures = if moved { 1 } else { failures + 1 };
                let pause = wait.unwrap_or(rules.pause * failures);
                if failures >= attempts || pause > rules.longest_wait {
                    return Err(Trouble::Passing { cause, wait, moved });
                }
                rest(pause, stop)?;
            }
            other => return other,
        }
    }
}

/// Waits, but not for longer than the cancel flag allows.
pub fn rest(pause: Duration, stop: &Stop) -> Result<(), Trouble> {
    let until = Instant::now() + pause;
    loop {
        if stop.raised() {
            return Err(Trouble::Stopped);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(LOOK));
    }
}
