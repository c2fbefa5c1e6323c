//! One socket of a client: connected, shaken hands with, read by a task and written by another.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use jupyter_zmq_client::RawMessage;
use ring::hmac;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use zeromq::{SocketSend, ZmqError, ZmqMessage, ZmqResult};

use crate::zmtp::{self, Incoming};
use crate::{hub, log};

/// A message from the kernel.
#[derive(Debug)]
pub struct Heard {
    pub header: Value,
    /// `msg_id` of the request that caused it; empty if none did.
    pub parent: String,
    pub metadata: Value,
    pub content: Value,
}

impl Heard {
    pub fn kind(&self) -> &str {
        self.header["msg_type"].as_str().unwrap_or_default()
    }
}

/// The writing end.
#[derive(Clone)]
pub struct Link(UnboundedSender<Bytes>);

impl Link {
    /// Connects to `url` as a socket of type `role` that names itself `identity`. What it hears goes to `heard`; `None`
    /// there means that the connection has ended.
    pub async fn open(
        url: &str,
        role: &'static str,
        identity: &str,
        key: Option<hmac::Key>,
        heard: UnboundedSender<Option<Heard>>,
    ) -> io::Result<Self> {
        // A kernel that listens everywhere is reached here.
        let address = url.strip_prefix("tcp://").map(|address| address.replace('*', "127.0.0.1").replace("0.0.0.0", "127.0.0.1"));
        match (address, url.strip_prefix("ipc://")) {
            (Some(address), _) => {
                let stream = TcpStream::connect(address).await?;
                // A matter of speed alone.
                let _ = stream.set_nodelay(true);
                let (read, write) = stream.into_split();
                Self::serve(read, write, role, identity, key, heard).await
            }
            #[cfg(unix)]
            (None, Some(path)) => {
                let (read, write) = tokio::net::UnixStream::connect(path).await?.into_split();
                Self::serve(read, write, role, identity, key, heard).await
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "neither tcp:// nor ipc://")),
        }
    }

    /// Asks a publisher for all of its topics.
    pub fn subscribe(&self) {
        self.put(zmtp::encode([Bytes::from_static(b"\x01")].iter()));
    }

    async fn serve<R, W>(
        mut read: R,
        mut write: W,
        role: &'static str,
        identity: &str,
        key: Option<hmac::Key>,
        heard: UnboundedSender<Option<Heard>>,
    ) -> io::Result<Self>
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        zmtp::greet(role, identity, &mut read, &mut write).await?;
        let (queue, messages) = unbounded_channel();
        tokio::spawn(hub::write_all(messages, write, Arc::new(AtomicUsize::new(0))));
        let link = Self(queue);
        let pings = link.clone();
        tokio::spawn(async move {
            let mut read = tokio::io::BufReader::new(read);
            while let Ok(incoming) = zmtp::next(&mut read).await {
                match incoming {
                    Incoming::Ping(pong) => pings.put(pong),
                    Incoming::Message(frames) => match decode(frames, &key) {
                        Ok(message) => drop(heard.send(Some(message))),
                        Err(cause) => log::warn("ignored a message of the kernel", cause),
                    },
                }
            }
            // Fails only when the client has left already.
            let _ = heard.send(None);
        });
        Ok(link)
    }

    fn put(&self, bytes: Bytes) {
        // Fails only when the connection has ended, which the reader notices.
        let _ = self.0.send(bytes);
    }
}

#[async_trait::async_trait]
impl SocketSend for Link {
    async fn send(&mut self, message: ZmqMessage) -> ZmqResult<()> {
        let bytes = zmtp::encode(message.into_vec().iter());
        self.0.send(bytes).map_err(|_| ZmqError::Other("the kernel is gone"))
    }
}

/// Signature checked; of the parts only the content must be right.
fn decode(frames: Vec<Bytes>, key: &Option<hmac::Key>) -> Result<Heard, String> {
    let multipart = ZmqMessage::try_from(frames).map_err(|e| e.to_string())?;
    let raw = RawMessage::from_multipart(multipart, key).map_err(|e| e.to_string())?;
    let part = |i: usize| raw.jparts.get(i).and_then(|part| serde_json::from_slice::<Value>(part).ok()).unwrap_or_default();
    let (header, parent) = (part(0), part(1)["msg_id"].as_str().unwrap_or_default().to_owned());
    Ok(Heard { header, parent, metadata: part(2), content: part(3) })
}
