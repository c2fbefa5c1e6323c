//! One connection for each cell that asks: the address and the secret come with the environment.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use wire::engine::Role;
use wire::lab::{ADDRESS, Answer, Ask, MARK, TOKEN, receive, send};

use crate::{Error, Result};

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

static MARKS: AtomicU64 = AtomicU64::new(0);

static CONNECTION: Mutex<Option<Box<dyn Stream>>> = Mutex::new(None);

/// Sends a request and waits for its answer.
pub fn ask(request: &Ask) -> Result<Answer> {
    let mut connection = CONNECTION.lock().unwrap_or_else(PoisonError::into_inner);
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => connect().map_err(|cause| Error::new("Internal", format!("no session to ask: {cause}")))?,
    };
    let answer = send(&mut stream, &(mark(request), request.clone())).and_then(|()| receive(&mut stream));
    let answer = answer.map_err(|cause| Error::new("Internal", format!("the session did not answer: {cause}")))?;
    *connection = Some(stream);
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

fn connect() -> std::io::Result<Box<dyn Stream>> {
    let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "this program was not started by Lantern");
    let address = std::env::var(ADDRESS).map_err(|_| missing())?;
    let token = std::env::var(TOKEN).map_err(|_| missing())?;
    let mut stream: Box<dyn Stream> = match address.split_once(':') {
        #[cfg(unix)]
        Some(("unix", path)) => Box::new(std::os::unix::net::UnixStream::connect(path)?),
        Some(("tcp", address)) => Box::new(TcpStream::connect(address)?),
        _ => return Err(missing()),
    };
    send(&mut stream, &token)?;
    send(&mut stream, &Role::Lab)?;
    Ok(stream)
}
