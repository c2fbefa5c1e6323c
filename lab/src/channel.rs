//! One connection for each cell that asks: the address and the secret come with the environment.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use wire::engine::Role;
use wire::lab::{Answer, Ask, Ends, MARK, connect, receive, send};

use crate::{Error, Result};

static MARKS: AtomicU64 = AtomicU64::new(0);

static CONNECTION: Mutex<Option<Ends>> = Mutex::new(None);

/// Sends a request and waits for its answer.
pub fn ask(request: &Ask) -> Result<Answer> {
    let mut connection = CONNECTION.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut reader, mut writer) = match connection.take() {
        Some(ends) => ends,
        None => connect(Role::Lab).map_err(|cause| Error::new("Internal", format!("no session to ask: {cause}")))?,
    };
    let answer = send(&mut writer, &(mark(request), request.clone())).and_then(|()| receive(&mut reader));
    let answer = answer.map_err(|cause| Error::new("Internal", format!("the session did not answer: {cause}")))?;
    *connection = Some((reader, writer));
    match answer {
        Answer::Failed { report } => Err(Error(report)),
        answer => Ok(answer),
    }
}

/// What shows something must not overtake what was printed before it: the session waits for this mark among the printed text. 0: no matter.
fn mark(request: &Ask) -> u64 {
    use Ask::{Chart, Clear, Input, Magic, Print, Progress, Show, Step, Table, Train};
    if !matches!(
        request,
        Chart { .. }
            | Clear { .. }
            | Input { .. }
            | Magic { .. }
            | Print { .. }
            | Progress { .. }
            | Show { .. }
            | Step
            | Table { .. }
            | Train { .. }
    ) {
        return 0;
    }
    let n = 1 + MARKS.fetch_add(1, Ordering::Relaxed);
    let mut out = std::io::stdout().lock();
    // Where the output is gone, nothing can be overtaken.
    let _ = writeln!(out, "{MARK}{n}").and_then(|()| out.flush());
    n
}
