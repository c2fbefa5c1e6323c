//! In the program that runs the cells: what they print goes to the session as it is written, evcxr's words to evcxr.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use wire::engine::{Role, Said};
use wire::lab::{connect, receive, send};

use super::process::LIMIT;
use super::sieve::{Piece, Sieve};

/// evcxr's name for this kind of process.
const RUNNER: &str = "EVCXR_IS_RUNTIME";
/// Its words after which the output must be complete, and what they mean.
const COMPLETE: &[u8] = b"EVCXR_EXECUTION_COMPLETE";
const PANIC: &[u8] = b"EVCXR_PANIC_NOTIFICATION";
const RETURNED: &[u8] = b"EVCXR_ERROR_OCCURRED";

/// Does nothing unless this process runs cells; if the session cannot be reached, evcxr's way of line by line remains.
pub fn divert() {
    if std::env::var_os(RUNNER).is_none() {
        return;
    }
    bound();
    let Ok((reader, writer)) = connect(Role::Output) else { return };
    let Ok((words, out, err)) = pipes() else { return };
    let carrier = Carrier { reader, writer, words, out, err, errors: Vec::new() };
    std::thread::spawn(move || carrier.carry());
    last_words();
}

/// What a cell takes beyond the limit it does not get: it dies of it, and not the session.
fn bound() {
    let Some(limit) = std::env::var(LIMIT).ok().and_then(|limit| limit.parse().ok()) else { return };
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // Of Linux all memory that is not a file's; elsewhere of the address space, for there is nothing better.
    #[cfg(target_os = "linux")]
    let kind = libc::RLIMIT_DATA;
    #[cfg(not(target_os = "linux"))]
    let kind = libc::RLIMIT_AS;
    // SAFETY: a plain structure, read by the call. A limit that the system refuses is none.
    unsafe {
        libc::setrlimit(kind, &raw const limit);
    }
}

/// A program that aborts (a crash ends so too) first lets what it printed go out.
fn last_words() {
    extern "C" fn wait(signal: libc::c_int) {
        // SAFETY: nothing but calls that a signal handler may make.
        unsafe {
            for _ in 0..100 {
                let (mut out, mut err): (libc::c_int, libc::c_int) = (0, 0);
                libc::ioctl(1, libc::FIONREAD, &raw mut out);
                libc::ioctl(2, libc::FIONREAD, &raw mut err);
                libc::usleep(1000);
                if out == 0 && err == 0 {
                    break;
                }
            }
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
    // SAFETY: the handler lives as long as the program.
    unsafe {
        libc::signal(libc::SIGABRT, wait as *const () as libc::sighandler_t);
    }
}

/// evcxr's own end of standard output, and the reading ends of what standard output and error are from now on.
fn pipes() -> std::io::Result<(File, File, File)> {
    let words = duplicate(1)?;
    Ok((File::from(words), replace(1)?, replace(2)?))
}

fn duplicate(fd: RawFd) -> std::io::Result<OwnedFd> {
    // SAFETY: plain descriptors; the result is owned by nobody else.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    // SAFETY: checked to be a descriptor.
    if copy < 0 { Err(std::io::Error::last_os_error()) } else { Ok(unsafe { OwnedFd::from_raw_fd(copy) }) }
}

/// Makes `fd` the writing end of a new pipe and returns the reading end.
fn replace(fd: RawFd) -> std::io::Result<File> {
    let (reader, writer) = std::io::pipe()?;
    // SAFETY: both are open descriptors.
    if unsafe { libc::dup2(writer.as_raw_fd(), fd) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(File::from(OwnedFd::from(reader)))
}

struct Carrier {
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    words: File,
    out: File,
    err: File,
    /// Standard error that ends inside a character.
    errors: Vec<u8>,
}

impl Carrier {
    fn carry(mut self) {
        let (mut sieve, mut open, mut buffer) = (Sieve::default(), Vec::new(), vec![0; 64 << 10]);
        loop {
            let [out, err] = self.ready(-1);
            if err {
                self.errors();
            }
            if !out {
                continue;
            }
            let Ok(n) = self.out.read(&mut buffer) else { return };
            if n == 0 {
                return;
            }
            for piece in sieve.push(&buffer[..n]) {
                match piece {
                    Piece::Text(text) => {
                        open.extend(text);
                        self.print(false, &mut open);
                    }
                    Piece::Mark(n) => {
                        self.errors();
                        self.say(&Said::Mark { n });
                    }
                    Piece::Word(word) => self.word(&word),
                }
            }
        }
    }

    /// Whether there is something to read from standard output and error; waits `timeout` ms, -1 for ever.
    fn ready(&self, timeout: i32) -> [bool; 2] {
        let poll = |file: &File| libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let mut both = [poll(&self.out), poll(&self.err)];
        // SAFETY: the array lives through the call.
        unsafe { libc::poll(both.as_mut_ptr(), 2, timeout) };
        both.map(|poll| poll.revents != 0)
    }

    /// All that standard error holds at this moment.
    fn errors(&mut self) {
        let mut buffer = vec![0; 64 << 10];
        while self.ready(0)[1] {
            let Ok(n @ 1..) = self.err.read(&mut buffer) else { return };
            let mut text = std::mem::take(&mut self.errors);
            text.extend_from_slice(&buffer[..n]);
            self.print(true, &mut text);
            self.errors = text;
        }
    }

    /// A character that is only half there waits for its other half.
    fn print(&mut self, error: bool, bytes: &mut Vec<u8>) {
        let whole = match std::str::from_utf8(bytes) {
            Err(broken) if broken.error_len().is_none() => broken.valid_up_to(),
            _ => bytes.len(),
        };
        let text: Vec<u8> = bytes.drain(..whole).collect();
        if !text.is_empty() {
            self.say(&Said::Print { error, text: String::from_utf8_lossy(&text).into_owned() });
        }
    }

    fn word(&mut self, word: &[u8]) {
        match word {
            PANIC => self.say(&Said::Panicked),
            RETURNED => self.say(&Said::Returned),
            COMPLETE => {
                self.errors();
                self.say(&Said::Printed);
                // The session has it all: now evcxr may end the cell.
                let _ = receive::<bool>(&mut self.reader);
            }
            _ => {}
        }
        let _ = self.words.write_all(word).and_then(|()| self.words.write_all(b"\n"));
    }

    fn say(&mut self, said: &Said) {
        let _ = send(&mut self.writer, said);
    }
}
