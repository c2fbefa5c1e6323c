//! The private channel: a socket in a folder that only this person can enter, and a secret that must come first.
//!
//! Where there are no Unix sockets it is the loopback address with the same secret.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wire::engine::{Role, Said};
use wire::lab::{Answer, Ask, receive, send};

use crate::{Error, Result};

/// A stranger who connects and says nothing is let go after this.
const HELLO: Duration = Duration::from_secs(5);

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// What the channel brings.
pub enum Heard {
    Ask {
        mark: u64,
        ask: Ask,
        line: Line,
    },
    Said(Said),
    /// The engine has connected; orders go here.
    Engine(Box<dyn Stream>),
    EngineGone,
    OutputGone,
}

/// The connection on which something was asked.
pub struct Line {
    answer: Sender<Answer>,
    more: Receiver<Ask>,
}

impl Line {
    /// Sends an answer; who asked may be gone.
    pub fn say(&self, answer: Answer) {
        let _ = self.answer.send(answer);
    }

    /// What is asked after an answer that was not the last.
    pub fn more(&self, timeout: Duration) -> Result<Ask, RecvTimeoutError> {
        self.more.recv_timeout(timeout)
    }
}

type Current = Arc<Mutex<Option<Sender<Heard>>>>;

pub struct Post {
    /// Dropped with the session, and its socket with it.
    folder: tempfile::TempDir,
    pub address: String,
    pub token: String,
    current: Current,
}

impl Post {
    /// # Errors
    /// No folder or socket can be made.
    pub fn open() -> Result<Self> {
        let failed = |e: std::io::Error| Error::Internal { doing: "the channel for Rust cells".into(), cause: e.to_string() };
        // tempfile makes folders that only their owner can enter.
        let folder = tempfile::Builder::new().prefix("lantern-").tempdir().map_err(failed)?;
        let token: String = std::iter::repeat_with(rand_hex).take(4).collect();
        let current = Current::default();
        let address = listen(&folder, &token, &current).map_err(failed)?;
        Ok(Self { folder, address, token, current })
    }

    /// For builds and logs of this session.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// From now on everything that comes goes here.
    pub fn listen(&self) -> Receiver<Heard> {
        let (sender, receiver) = channel();
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }
}

/// From the system's source of randomness, by way of the keys of the standard library's hash maps.
fn rand_hex() -> String {
    use std::hash::{BuildHasher, Hasher};
    format!("{:016x}", std::collections::hash_map::RandomState::new().build_hasher().finish())
}

#[cfg(unix)]
fn listen(folder: &tempfile::TempDir, token: &str, current: &Current) -> std::io::Result<String> {
    if std::env::var_os("LANTERN_LAB_TCP").is_some() {
        return listen_tcp(token, current);
    }
    let path = folder.path().join("lab");
    let listener = std::os::unix::net::UnixListener::bind(&path)?;
    let (token, current) = (token.to_owned(), current.clone());
    std::thread::Builder::new().name("lab".into()).spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let _ = stream.set_read_timeout(Some(HELLO));
            let Ok(twin) = stream.try_clone() else { continue };
            let settle = twin.try_clone();
            welcome(stream, twin, &token, &current, move || settle.is_ok_and(|s| s.set_read_timeout(None).is_ok()));
        }
    })?;
    Ok(format!("unix:{}", path.display()))
}

#[cfg(not(unix))]
fn listen(_folder: &tempfile::TempDir, token: &str, current: &Current) -> std::io::Result<String> {
    listen_tcp(token, current)
}

fn listen_tcp(token: &str, current: &Current) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("tcp:{}", listener.local_addr()?);
    let (token, current) = (token.to_owned(), current.clone());
    std::thread::Builder::new().name("lab".into()).spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let _ = stream.set_nodelay(true);
            let _ = stream.set_read_timeout(Some(HELLO));
            let Ok(twin) = stream.try_clone() else { continue };
            let settle: std::io::Result<TcpStream> = twin.try_clone();
            welcome(stream, twin, &token, &current, move || settle.is_ok_and(|s| s.set_read_timeout(None).is_ok()));
        }
    })?;
    Ok(address)
}

/// Serves a connection on a thread of its own, if it knows the secret.
fn welcome<S: Stream + 'static>(mut stream: S, twin: S, token: &str, current: &Current, settle: impl FnOnce() -> bool + Send + 'static) {
    let (token, current) = (token.to_owned(), current.clone());
    // Without a thread the connection is simply dropped.
    let _ = std::thread::Builder::new().name("lab-peer".into()).spawn(move || {
        let known = receive::<String>(&mut stream).is_ok_and(|given| given == token);
        let Some(role) = known.then(|| receive::<Role>(&mut stream).ok()).flatten() else { return };
        if settle() {
            serve(role, stream, twin, &current);
        }
    });
}

fn serve<S: Stream + 'static>(role: Role, mut stream: S, twin: S, current: &Current) {
    match role {
        Role::Lab => {
            while let Ok((mark, ask)) = receive::<(u64, Ask)>(&mut stream) {
                let ((answer, answered), (next, more)) = (channel(), channel());
                tell(current, Heard::Ask { mark, ask, line: Line { answer, more } });
                loop {
                    // Nobody listens between cells.
                    let answer = answered.recv().unwrap_or_else(|_| Answer::Failed { report: Error::Busy {}.report() });
                    if send(&mut stream, &answer).is_err() {
                        return;
                    }
                    if !matches!(answer, Answer::Activation { .. }) {
                        break;
                    }
                    let Ok((_, ask)) = receive::<(u64, Ask)>(&mut stream) else { return };
                    // A call that was given up does not wait for it: its last answer is there.
                    let _ = next.send(ask);
                }
            }
        }
        Role::Engine => {
            tell(current, Heard::Engine(Box::new(twin)));
            while let Ok(said) = receive::<Said>(&mut stream) {
                tell(current, Heard::Said(said));
            }
            tell(current, Heard::EngineGone);
        }
        Role::Output => {
            while let Ok(said) = receive::<Said>(&mut stream) {
                let printed = said == Said::Printed;
                tell(current, Heard::Said(said));
                if printed && send(&mut stream, &true).is_err() {
                    break;
                }
            }
            tell(current, Heard::OutputGone);
        }
    }
}

/// The receiver may be gone: then no cell waits for it.
fn tell(current: &Current, heard: Heard) {
    if let Some(sender) = &*current.lock().unwrap_or_else(PoisonError::into_inner) {
        let _ = sender.send(heard);
    }
}
