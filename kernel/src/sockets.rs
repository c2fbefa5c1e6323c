//! Binds the five sockets of a connection file and reads signed requests from them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use jupyter_protocol::ConnectionInfo;
use jupyter_zmq_client::{Connection, RawMessage};
use lantern::Error;
use ring::hmac;
use tokio::sync::mpsc::Receiver;
use zeromq::ZmqMessage;

use crate::hub::{Arrival, Hub};
use crate::log;
use crate::message::Request;
use crate::outbox::Exits;
use crate::publisher::Publisher;
use crate::router::Router;

/// The receiving end of a socket.
pub struct Entrance {
    arrivals: Receiver<Arrival>,
    /// None: the connection file has no key, messages are not signed.
    key: Option<hmac::Key>,
}

pub struct Entrances {
    pub shell: Entrance,
    pub control: Entrance,
    pub stdin: Entrance,
}

/// Reads a connection file.
///
/// # Errors
/// `NotFound`, or `BadConnection` with what is wrong in it.
pub fn connection(path: &Path) -> Result<ConnectionInfo, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    let bad = |cause: String| Error::BadConnection { path: path.display().to_string(), cause };
    let info: ConnectionInfo = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    if !info.key.is_empty() && info.signature_scheme != "hmac-sha256" {
        return Err(bad(format!("signature_scheme is `{}`, only hmac-sha256 is known", info.signature_scheme)));
    }
    Ok(info)
}

/// Binds all but the heartbeat.
///
/// # Errors
/// `CannotBind` with the address.
pub async fn open(info: &ConnectionInfo) -> Result<(Entrances, Exits), Error> {
    let session_id = uuid::Uuid::new_v4().to_string();
    let mac = (!info.key.is_empty()).then(|| hmac::Key::new(hmac::HMAC_SHA256, info.key.as_bytes()));
    let router = async |url: String| -> Result<_, Error> {
        let (hub, arrivals) = bind(&url, "ROUTER").await.map_err(refused(&url))?;
        let exit = Connection { socket: Router(hub), mac: mac.clone(), session_id: session_id.clone() };
        Ok((exit, Entrance { arrivals, key: mac.clone() }))
    };
    let (control_exit, control) = router(info.control_url()).await?;
    let (shell_exit, shell) = router(info.shell_url()).await?;
    let (stdin_exit, stdin) = router(info.stdin_url()).await?;
    let url = info.iopub_url();
    let (hub, subscriptions) = bind(&url, "XPUB").await.map_err(refused(&url))?;
    let iopub = Connection { socket: Publisher::new(hub), mac: mac.clone(), session_id: session_id.clone() };
    let exits = Exits { iopub, subscriptions, shell: shell_exit, control: control_exit, stdin: stdin_exit };
    Ok((Entrances { shell, control, stdin }, exits))
}

/// Binds one socket; an IPC path left by a dead kernel is removed first.
pub async fn bind(url: &str, role: &'static str) -> io::Result<(Hub, Receiver<Arrival>)> {
    remove_stale(url);
    Hub::bind(url, role).await
}

/// Removes the socket files of an IPC connection.
pub fn close(info: &ConnectionInfo) {
    for url in [info.shell_url(), info.control_url(), info.stdin_url(), info.iopub_url(), info.hb_url()] {
        remove_stale(&url);
    }
}

/// The next well-formed request; anything else is logged and left behind. None: the socket is closed.
pub async fn read(entrance: &mut Entrance) -> Option<Arc<Request>> {
    loop {
        let arrival = entrance.arrivals.recv().await?;
        match decode(arrival, &entrance.key) {
            Ok(request) => return Some(Arc::new(request)),
            Err(cause) => log::warn("ignored a message", cause),
        }
    }
}

fn decode(arrival: Arrival, key: &Option<hmac::Key>) -> Result<Request, String> {
    let mut multipart = ZmqMessage::from(arrival.identity);
    arrival.frames.into_iter().for_each(|frame| multipart.push_back(frame));
    RawMessage::from_multipart(multipart, key).map_err(|e| e.to_string()).and_then(Request::decode)
}

pub fn refused(url: &str) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::CannotBind { address: url.to_owned(), cause: error.to_string() }
}

fn remove_stale(url: &str) {
    if let Some(path) = url.strip_prefix("ipc://") {
        // Usually there is none.
        let _ = std::fs::remove_file(path);
    }
}
