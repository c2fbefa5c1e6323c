//! Connections of this cell to the session: the address and the secret come with the environment.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wire::engine::Role;
use wire::lab::{Answer, Array, Ask, Ends, MARK, connect, receive, send};

use crate::{Error, Result, hooks};

static MARKS: AtomicU64 = AtomicU64::new(0);

/// Those at rest. A call takes one for itself: a hook may ask while the call that it belongs to waits, and so may another thread.
static CONNECTIONS: Mutex<Vec<Ends>> = Mutex::new(Vec::new());

fn connections() -> MutexGuard<'static, Vec<Ends>> {
    CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends a request and waits for its answer; hooks are called meanwhile.
pub fn ask(request: &Ask) -> Result<Answer> {
    let rested = connections().pop();
    let mut ends = match rested {
        Some(ends) => ends,
        None => connect(Role::Lab).map_err(|cause| Error::new("Internal", format!("no session to ask: {cause}")))?,
    };
    let answer = converse(&mut ends, request);
    let answer = answer.map_err(|cause| Error::new("Internal", format!("the session did not answer: {cause}")))?;
    // Each cell is a library of its own that is never taken away, and so is what it holds open: a thousand cells would hold a thousand
    // connections. Making one takes a tenth of a millisecond.
    if cfg!(not(unix)) {
        connections().push(ends);
    }
    match answer {
        Answer::Failed { report } => Err(Error(report)),
        answer => Ok(answer),
    }
}

fn converse((reader, writer): &mut Ends, request: &Ask) -> io::Result<Answer> {
    send(writer, &(mark(request), request.clone()))?;
    loop {
        match receive(reader)? {
            Answer::Activation { hook, array } => {
                let array = hooks::call(hook, array);
                send(writer, &(0_u64, Ask::Changed { array }))?;
            }
            Answer::Lent { shape, dtype, path } => {
                let array = if refused() { Err(io::ErrorKind::Unsupported.into()) } else { Array::read(shape, dtype, &path) };
                send(writer, &(0_u64, Ask::Got { all: array.is_ok() }))?;
                if let Ok(array) = array {
                    return Ok(Answer::Array { array });
                }
            }
            answer => return Ok(answer),
        }
    }
}

/// For a comparison of the two ways that large numbers can take: with this variable set, they come through the channel.
fn refused() -> bool {
    std::env::var_os("LANTERN_LAB_INLINE").is_some()
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
