//! The private channel: a socket in a folder that only this person can enter, and a secret that must come first.
//!
//! Each engine has a secret of its own; with the next one it is worth nothing, and who came in with it is no longer heard. Where there are no
//! Unix sockets it is the loopback address with the same secret.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wire::engine::{Role, Said};
use wire::lab::{Answer, Ask, receive, receive_within, send};

use super::lend;
use super::remote::Remote;
use crate::{Error, Result};

/// A stranger who connects and says nothing is let go after this.
const HELLO: Duration = Duration::from_secs(5);

/// The longest frame of one who has not said the secret, in bytes.
const STRANGER: usize = 256;

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// What the channel brings.
pub enum Heard {
    Ask { mark: u64, ask: Ask, line: Line },
    Said(Said),
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
    pub fn more(&self, timeout: Duration) -> std::result::Result<Ask, RecvTimeoutError> {
        self.more.recv_timeout(timeout)
    }
}

/// Who is heard, and by whom.
#[derive(Default)]
struct Listening {
    token: String,
    /// Counts the secrets; 0: there has been none, nobody is let in.
    age: u64,
    listener: Option<Sender<Heard>>,
}

#[derive(Clone)]
struct Switchboard {
    line: Arc<Mutex<Listening>>,
    remote: Remote,
}

pub struct Post {
    /// Dropped with the session, and its socket with it.
    folder: tempfile::TempDir,
    pub address: String,
    board: Switchboard,
}

impl Post {
    /// `remote` gets the engine's end, and what it says between cells.
    ///
    /// # Errors
    /// No folder or socket can be made.
    pub fn open(remote: &Remote) -> Result<Self> {
        let failed = |e: std::io::Error| Error::Internal { doing: "the channel for Rust cells".into(), cause: e.to_string() };
        let folder = private_folder().map_err(failed)?;
        let board = Switchboard { line: Arc::default(), remote: remote.clone() };
        let address = listen(&folder, &board).map_err(failed)?;
        Ok(Self { folder, address, board })
    }

    /// For builds and logs of this session.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The secret of the next engine. That of the one before it opens nothing any more.
    pub fn renew(&self) -> String {
        let mut line = self.board.line();
        line.token = std::iter::repeat_with(rand_hex).take(4).collect();
        line.age += 1;
        line.token.clone()
    }

    /// From now on everything that comes goes here.
    pub fn listen(&self) -> Receiver<Heard> {
        let (sender, receiver) = channel();
        self.board.line().listener = Some(sender);
        receiver
    }
}

/// One that only its owner can enter.
fn private_folder() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("lantern-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

/// From the system's source of randomness, by way of the keys of the standard library's hash maps.
fn rand_hex() -> String {
    use std::hash::{BuildHasher, Hasher};
    format!("{:016x}", std::collections::hash_map::RandomState::new().build_hasher().finish())
}

#[cfg(unix)]
fn listen(folder: &tempfile::TempDir, board: &Switchboard) -> std::io::Result<String> {
    if std::env::var_os("LANTERN_LAB_TCP").is_some() {
        return listen_tcp(board);
    }
    let path = folder.path().join("lab");
    let listener = std::os::unix::net::UnixListener::bind(&path)?;
    let board = board.clone();
    std::thread::Builder::new().name("lab".into()).spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let _ = stream.set_read_timeout(Some(HELLO));
            let Ok(twin) = stream.try_clone() else { continue };
            let settle = twin.try_clone();
            board.welcome(stream, twin, move || settle.is_ok_and(|s| s.set_read_timeout(None).is_ok()));
        }
    })?;
    Ok(format!("unix:{}", path.display()))
}

#[cfg(not(unix))]
fn listen(_folder: &tempfile::TempDir, board: &Switchboard) -> std::io::Result<String> {
    listen_tcp(board)
}

fn listen_tcp(board: &Switchboard) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("tcp:{}", listener.local_addr()?);
    let board = board.clone();
    std::thread::Builder::new().name("lab".into()).spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let _ = stream.set_nodelay(true);
            let _ = stream.set_read_timeout(Some(HELLO));
            let Ok(twin) = stream.try_clone() else { continue };
            let settle: std::io::Result<TcpStream> = twin.try_clone();
            board.welcome(stream, twin, move || settle.is_ok_and(|s| s.set_read_timeout(None).is_ok()));
        }
    })?;
    Ok(address)
}

impl Switchboard {
    fn line(&self) -> MutexGuard<'_, Listening> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a connection on a thread of its own, if it knows the secret.
    fn welcome<S: Stream + 'static>(&self, mut stream: S, twin: S, settle: impl FnOnce() -> bool + Send + 'static) {
        let board = self.clone();
        // Without a thread the connection is simply dropped.
        let _ = std::thread::Builder::new().name("lab-peer".into()).spawn(move || {
            let Some(age) = receive_within::<String>(&mut stream, STRANGER).ok().and_then(|given| board.age_of(&given)) else { return };
            let Ok(role) = receive_within::<Role>(&mut stream, STRANGER) else { return };
            if settle() {
                board.serve(age, role, stream, twin);
            }
        });
    }

    /// The age of the secret, if it is the one that counts now.
    fn age_of(&self, given: &str) -> Option<u64> {
        let line = self.line();
        // All bytes are compared: how long it takes tells nothing.
        let differ = given.bytes().zip(line.token.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b));
        (line.age > 0 && given.len() == line.token.len() && differ == 0).then_some(line.age)
    }

    fn serve<S: Stream + 'static>(&self, age: u64, role: Role, mut stream: S, twin: S) {
        match role {
            Role::Lab => {
                let mut lends = true;
                while let Ok((mark, ask)) = receive::<(u64, Ask)>(&mut stream) {
                    let ((answer, answered), (next, more)) = (channel(), channel());
                    if !self.tell(age, Heard::Ask { mark, ask, line: Line { answer, more } }) {
                        return;
                    }
                    loop {
                        // Nobody listens between cells.
                        let answer = answered.recv().unwrap_or_else(|_| Answer::Failed { report: Error::Busy {}.report() });
                        if lend::deliver(&mut stream, &answer, &mut lends).is_err() {
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
                if !self.connect(age, Box::new(twin)) {
                    return;
                }
                while let Ok(said) = receive::<Said>(&mut stream) {
                    let Some(said) = self.remote.take(said) else { continue };
                    if !self.tell(age, Heard::Said(said)) {
                        return;
                    }
                }
                self.tell(age, Heard::EngineGone);
            }
            Role::Output => {
                while let Ok(said) = receive::<Said>(&mut stream) {
                    let printed = said == Said::Printed;
                    if !self.tell(age, Heard::Said(said)) || (printed && send(&mut stream, &true).is_err()) {
                        return;
                    }
                }
                self.tell(age, Heard::OutputGone);
            }
        }
    }

    fn connect(&self, age: u64, orders: Box<dyn Stream>) -> bool {
        let line = self.line();
        if line.age == age {
            self.remote.connect(orders);
        }
        line.age == age
    }

    /// False: whoever said it belongs to an engine that is no more, and is not heard.
    fn tell(&self, age: u64, heard: Heard) -> bool {
        let line = self.line();
        if line.age == age
            && let Some(listener) = &line.listener
        {
            // Where no cell runs, nobody waits for it.
            let _ = listener.send(heard);
        }
        line.age == age
    }
}

#[cfg(all(test, unix))]
mod tests;
