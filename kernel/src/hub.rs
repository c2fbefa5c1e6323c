//! A bound socket and its peers. Each peer has a queue of its own, so that one who stops reading holds up nobody; what
//! is queued is written in order, and past a limit the connection of that one is closed.
//!
//! Written here because zeromq's sockets die of a frame that promises 2^50 bytes, let a stalled subscriber hold up the
//! others (XPUB) or lose messages (PUB), and cannot say when everything is written.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::log;
use crate::zmtp::{self, Incoming};

/// What may wait for a peer who does not read; beyond it the connection is closed and the client reconnects.
const BACKLOG: usize = 256 << 20;
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Messages read ahead of the kernel.
const AHEAD: usize = 256;

/// A message, and who sent it.
#[derive(Debug)]
pub struct Arrival {
    pub peer: u64,
    pub identity: Bytes,
    pub frames: Vec<Bytes>,
}

pub struct Peer {
    /// As the peer named itself, else a name made up here.
    pub identity: Bytes,
    /// What it subscribed to.
    pub topics: Vec<Bytes>,
    queue: UnboundedSender<Bytes>,
    /// Bytes queued and not yet handed to the system.
    backlog: Arc<AtomicUsize>,
    writer: AbortHandle,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

/// By order of arrival.
type Peers = BTreeMap<u64, Peer>;

#[derive(Clone)]
pub struct Hub {
    role: &'static str,
    peers: Arc<Mutex<Peers>>,
    arrivals: Sender<Arrival>,
}

impl Hub {
    /// Binds `tcp://ADDRESS:PORT` or `ipc://PATH` as a socket of type `role`; needs a runtime.
    pub async fn bind(url: &str, role: &'static str) -> io::Result<(Self, Receiver<Arrival>)> {
        let (arrivals, receiver) = channel(AHEAD);
        let hub = Self { role, peers: Arc::default(), arrivals };
        let address = url.strip_prefix("tcp://").map(|address| address.replace('*', "0.0.0.0"));
        match (address, url.strip_prefix("ipc://")) {
            (Some(address), _) => hub.clone().accept_tcp(TcpListener::bind(address).await?),
            (None, Some(path)) => hub.clone().accept_ipc(path)?,
            (None, None) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither tcp:// nor ipc://")),
        }
        Ok((hub, receiver))
    }

    /// The peers of this moment; not to be held across an await.
    pub fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Queues encoded frames for a peer; false if it is gone, or is let go because it does not read.
    pub fn send(&self, peer: u64, bytes: Bytes) -> bool {
        let mut peers = self.peers();
        let sent = peers.get(&peer).is_some_and(|peer| peer.put(bytes));
        if !sent {
            peers.remove(&peer);
        }
        sent
    }

    /// Waits until everything is handed to the system, at most `limit`.
    pub async fn drain(&self, limit: Duration) {
        let empty = async {
            while self.peers().values().any(|peer| peer.backlog.load(Ordering::Acquire) > 0) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if timeout(limit, empty).await.is_err() {
            log::warn("a client did not read its last messages", self.role);
        }
    }

    fn accept_tcp(self, listener: TcpListener) {
        tokio::spawn(async move {
            for id in 0.. {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        // A matter of speed alone.
                        let _ = stream.set_nodelay(true);
                        let (read, write) = stream.into_split();
                        tokio::spawn(self.clone().serve(id, read, write));
                    }
                    Err(error) => refused(error).await,
                }
            }
        });
    }

    #[cfg(unix)]
    fn accept_ipc(self, path: &str) -> io::Result<()> {
        let listener = tokio::net::UnixListener::bind(path)?;
        tokio::spawn(async move {
            for id in 0.. {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let (read, write) = stream.into_split();
                        tokio::spawn(self.clone().serve(id, read, write));
                    }
                    Err(error) => refused(error).await,
                }
            }
        });
        Ok(())
    }

    #[cfg(not(unix))]
    fn accept_ipc(self, _: &str) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "ipc:// needs Unix sockets"))
    }

    async fn serve<R, W>(self, id: u64, mut read: R, mut write: W)
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let identity = match timeout(HANDSHAKE, zmtp::greet(self.role, "", &mut read, &mut write)).await {
            Ok(Ok(identity)) if identity.is_empty() => Bytes::from([b"\0".as_slice(), &id.to_be_bytes()].concat()),
            Ok(Ok(identity)) => identity,
            Ok(Err(error)) => return log::warn("a client could not connect", error),
            Err(_) => return log::warn("a client could not connect", "no greeting"),
        };
        let (queue, messages) = unbounded_channel();
        let backlog = Arc::new(AtomicUsize::new(0));
        let writer = tokio::spawn(write_all(messages, write, backlog.clone())).abort_handle();
        self.peers().insert(id, Peer { identity: identity.clone(), topics: Vec::new(), queue, backlog, writer });
        let mut read = tokio::io::BufReader::new(read);
        loop {
            match zmtp::next(&mut read).await {
                Ok(Incoming::Message(frames)) => {
                    if self.arrivals.send(Arrival { peer: id, identity: identity.clone(), frames }).await.is_err() {
                        break;
                    }
                }
                Ok(Incoming::Ping(pong)) => drop(self.send(id, pong)),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    log::warn("a client was let go", error);
                    break;
                }
                Err(_) => break,
            }
        }
        self.peers().remove(&id);
    }
}

impl Peer {
    fn put(&self, bytes: Bytes) -> bool {
        let waiting = self.backlog.fetch_add(bytes.len(), Ordering::AcqRel);
        if waiting > 0 && waiting + bytes.len() > BACKLOG {
            log::warn("a client stopped reading and was let go", format!("{waiting} bytes waited, at most {BACKLOG}"));
            return false;
        }
        self.queue.send(bytes).is_ok()
    }
}

/// Out of file descriptors, most likely: wait for some to come free.
async fn refused(error: io::Error) {
    log::warn("cannot accept a client", error);
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// Writes what is queued until the queue or the stream ends; `backlog` counts down.
pub async fn write_all<W: AsyncWrite + Unpin>(mut messages: UnboundedReceiver<Bytes>, mut write: W, backlog: Arc<AtomicUsize>) {
    while let Some(bytes) = messages.recv().await {
        if write.write_all(&bytes).await.is_err() {
            break;
        }
        backlog.fetch_sub(bytes.len(), Ordering::AcqRel);
    }
    backlog.store(0, Ordering::Release);
}
