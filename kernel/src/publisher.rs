//! The IOPub socket. A queue for each subscriber, so that one who stops reading holds up nobody; nothing is dropped
//! but, past a limit, the connection of that one. (zeromq's own XPUB awaits subscribers in turn, its PUB drops the newest.)

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use zeromq::{SocketSend, ZmqMessage, ZmqResult};

use crate::log;
use crate::zmtp::{self, Frame};

/// What may wait for a subscriber who does not read; beyond it the connection is closed and the client reconnects.
const BACKLOG: usize = 256 << 20;
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A subscriber asked for a topic: time to welcome it.
pub struct Subscribed {
    pub peer: u64,
    pub topic: String,
}

pub struct Publisher {
    peers: Peers,
    /// Set while a message is for one subscriber alone.
    pub only: Option<u64>,
}

type Peers = Arc<Mutex<HashMap<u64, Peer>>>;

struct Peer {
    topics: Vec<Bytes>,
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

impl Publisher {
    /// Binds `tcp://ADDRESS:PORT` or `ipc://PATH`; the receiver tells of subscriptions.
    pub async fn bind(url: &str) -> io::Result<(Self, UnboundedReceiver<Subscribed>)> {
        let peers = Peers::default();
        let (tell, subscriptions) = unbounded_channel();
        let address = url.strip_prefix("tcp://").map(|address| address.replace('*', "0.0.0.0"));
        match (address, url.strip_prefix("ipc://")) {
            (Some(address), _) => accept_tcp(TcpListener::bind(address).await?, peers.clone(), tell),
            (None, Some(path)) => accept_ipc(path, peers.clone(), tell)?,
            (None, None) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither tcp:// nor ipc://")),
        }
        Ok((Self { peers, only: None }, subscriptions))
    }

    /// Waits until everything is handed to the system, at most `limit`.
    pub async fn drain(&self, limit: Duration) {
        let waiting = || lock(&self.peers).values().any(|peer| peer.backlog.load(Ordering::Acquire) > 0);
        let empty = async {
            while waiting() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if timeout(limit, empty).await.is_err() {
            log::warn("a subscriber did not read its last messages", "closing");
        }
    }
}

#[async_trait::async_trait]
impl SocketSend for Publisher {
    async fn send(&mut self, message: ZmqMessage) -> ZmqResult<()> {
        let Some(topic) = message.get(0) else { return Ok(()) };
        let bytes = zmtp::encode(&message);
        lock(&self.peers).retain(|id, peer| {
            if self.only.is_some_and(|only| only != *id) || !peer.topics.iter().any(|prefix| topic.starts_with(prefix)) {
                return true;
            }
            let waiting = peer.backlog.fetch_add(bytes.len(), Ordering::AcqRel);
            let fits = waiting + bytes.len() <= BACKLOG || waiting == 0;
            if !fits {
                log::warn("a subscriber stopped reading and was let go", format!("{waiting} bytes waited, at most {BACKLOG}"));
            }
            fits && peer.queue.send(bytes.clone()).is_ok()
        });
        Ok(())
    }
}

fn lock(peers: &Peers) -> MutexGuard<'_, HashMap<u64, Peer>> {
    peers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn accept_tcp(listener: TcpListener, peers: Peers, tell: UnboundedSender<Subscribed>) {
    tokio::spawn(async move {
        for id in 0.. {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    let (read, write) = stream.into_split();
                    tokio::spawn(serve(id, read, write, peers.clone(), tell.clone()));
                }
                Err(error) => refused(error).await,
            }
        }
    });
}

#[cfg(unix)]
fn accept_ipc(path: &str, peers: Peers, tell: UnboundedSender<Subscribed>) -> io::Result<()> {
    let listener = tokio::net::UnixListener::bind(path)?;
    tokio::spawn(async move {
        for id in 0.. {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (read, write) = stream.into_split();
                    tokio::spawn(serve(id, read, write, peers.clone(), tell.clone()));
                }
                Err(error) => refused(error).await,
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn accept_ipc(_: &str, _: Peers, _: UnboundedSender<Subscribed>) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "ipc:// needs Unix sockets"))
}

/// Out of file descriptors, most likely: wait for some to come free.
async fn refused(error: io::Error) {
    log::warn("cannot accept a subscriber", error);
    tokio::time::sleep(Duration::from_millis(200)).await;
}

async fn serve<R, W>(id: u64, mut read: R, mut write: W, peers: Peers, tell: UnboundedSender<Subscribed>)
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    match timeout(HANDSHAKE, zmtp::greet(&mut read, &mut write)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return log::warn("a subscriber could not connect", error),
        Err(_) => return log::warn("a subscriber could not connect", "no greeting"),
    }
    let (queue, messages) = unbounded_channel();
    let backlog = Arc::new(AtomicUsize::new(0));
    let writer = tokio::spawn(write_all(messages, write, backlog.clone())).abort_handle();
    lock(&peers).insert(id, Peer { topics: Vec::new(), queue, backlog, writer });
    while let Ok(frame) = zmtp::next(&mut read).await {
        match frame {
            Frame::Subscribe(topic) => subscribe(id, topic, &peers, &tell),
            Frame::Unsubscribe(topic) => {
                if let Some(peer) = lock(&peers).get_mut(&id)
                    && let Some(at) = peer.topics.iter().position(|known| *known == topic)
                {
                    peer.topics.remove(at);
                }
            }
            Frame::Ping(pong) => {
                if let Some(peer) = lock(&peers).get(&id) {
                    peer.backlog.fetch_add(pong.len(), Ordering::AcqRel);
                    let _ = peer.queue.send(pong);
                }
            }
            Frame::Other => {}
        }
    }
    lock(&peers).remove(&id);
}

fn subscribe(id: u64, topic: Bytes, peers: &Peers, tell: &UnboundedSender<Subscribed>) {
    if let Some(peer) = lock(peers).get_mut(&id) {
        let name = String::from_utf8_lossy(&topic).into_owned();
        peer.topics.push(topic);
        // Fails only when the kernel is closing.
        let _ = tell.send(Subscribed { peer: id, topic: name });
    }
}

async fn write_all<W: AsyncWrite + Unpin>(mut messages: UnboundedReceiver<Bytes>, mut write: W, backlog: Arc<AtomicUsize>) {
    while let Some(bytes) = messages.recv().await {
        if write.write_all(&bytes).await.is_err() {
            break;
        }
        backlog.fetch_sub(bytes.len(), Ordering::AcqRel);
    }
    backlog.store(0, Ordering::Release);
    let _ = write.shutdown().await;
}
