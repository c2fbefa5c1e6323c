//! `!command`: the system's shell, its output streamed as it comes, an interrupt passed on to it.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use wire::{Stream, Value, value};

use super::Out;
use crate::{Error, Result};

/// How long a command may take to obey an interrupt before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// # Errors
/// `CommandFailed` when it ends with another status than 0, `Interrupted` when it was stopped.
pub fn run(line: &str, out: &mut Out) -> Result<Value> {
    let mut child = spawn(line).map_err(Error::io(line))?;
    let (sender, pieces) = channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, Stream::Out, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, Stream::Err, sender);
    }
    let mut interrupted: Option<Instant> = None;
    loop {
        match pieces.recv_timeout(Duration::from_millis(50)) {
            Ok((Stream::Out, text)) => out.print(&text),
            Ok((Stream::Err, text)) => out.warn(&text),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        match interrupted {
            None if out.stopped() => {
                interrupt(&mut child, false);
                interrupted = Some(Instant::now());
            }
            Some(since) if since.elapsed() > GRACE => {
                interrupt(&mut child, true);
                break;
            }
            _ => {}
        }
    }
    let status = child.wait().map_err(Error::io(line))?;
    let command = line.to_owned();
    match status.code() {
        _ if interrupted.is_some() => Err(Error::Interrupted { what: command }),
        Some(0) => Ok(value::Command { status: 0 }.into()),
        code => Err(Error::CommandFailed { command, status: code.unwrap_or(-1) }),
    }
}

fn spawn(line: &str) -> std::io::Result<Child> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(shell);
    command.arg(flag).arg(line).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own: a terminal's Ctrl-C reaches it through us alone, and its children with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

fn forward(mut pipe: impl Read + Send + 'static, stream: Stream, pieces: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut pending = Vec::new();
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            pending.extend_from_slice(&buffer[..n]);
            let whole = whole_characters(&pending);
            let rest = pending.split_off(whole);
            let text = String::from_utf8_lossy(&pending).into_owned();
            pending = rest;
            if !text.is_empty() && pieces.send((stream, text)).is_err() {
                return;
            }
        }
        if !pending.is_empty() {
            let _ = pieces.send((stream, String::from_utf8_lossy(&pending).into_owned()));
        }
    });
}

/// How many bytes end on the border of a character; invalid bytes count as whole.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

#[cfg(unix)]
fn interrupt(child: &mut Child, kill: bool) {
    let signal = if kill { libc::SIGKILL } else { libc::SIGINT };
    // SAFETY: plain system call; the group was made for this child and it has not been waited for.
    unsafe { libc::killpg(child.id().cast_signed(), signal) };
}

#[cfg(not(unix))]
fn interrupt(child: &mut Child, _kill: bool) {
    let _ = child.kill();
}
