//! Binds the five sockets of a connection file and reads signed requests from them.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jupyter_protocol::ConnectionInfo;
use jupyter_zmq_client::{Connection, RawMessage, RouterRecvConnection, RouterSendConnection};
use lantern::Error;
use zeromq::{RouterSocket, Socket, SocketRecv};

use crate::log;
use crate::message::Request;
use crate::outbox::Exits;
use crate::publisher::Publisher;

/// The receiving ends.
pub struct Entrances {
    pub shell: RouterRecvConnection,
    pub control: RouterRecvConnection,
    pub stdin: RouterRecvConnection,
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
    let session = uuid::Uuid::new_v4().to_string();
    let (control_exit, control) = router(&info.control_url(), info, &session).await?;
    let (shell_exit, shell) = router(&info.shell_url(), info, &session).await?;
    let (stdin_exit, stdin) = router(&info.stdin_url(), info, &session).await?;
    let url = info.iopub_url();
    remove_stale(&url);
    let (publisher, subscriptions) = Publisher::bind(&url).await.map_err(refused(&url))?;
    let iopub = Connection { socket: publisher, mac: shell_exit.mac.clone(), session_id: session };
    let exits = Exits { iopub, subscriptions, shell: shell_exit, control: control_exit, stdin: stdin_exit };
    Ok((Entrances { shell, control, stdin }, exits))
}

/// Binds a socket of zeromq's; an IPC path left by a dead kernel is removed first.
pub async fn bind(socket: &mut impl Socket, url: &str) -> io::Result<()> {
    remove_stale(url);
    socket.bind(url).await.map(drop).map_err(|e| io::Error::other(e.to_string()))
}

/// Removes the socket files of an IPC connection.
pub fn close(info: &ConnectionInfo) {
    for url in [info.shell_url(), info.control_url(), info.stdin_url(), info.iopub_url(), info.hb_url()] {
        remove_stale(&url);
    }
}

/// The next well-formed request; anything else is logged and left behind.
pub async fn read(connection: &mut RouterRecvConnection) -> Arc<Request> {
    loop {
        let multipart = match connection.socket.recv().await {
            Ok(multipart) => multipart,
            Err(error) => {
                log::warn("cannot receive", error);
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let decoded = RawMessage::from_multipart(multipart, &connection.mac).map_err(|e| e.to_string()).and_then(Request::decode);
        match decoded {
            Ok(request) => return Arc::new(request),
            Err(cause) => log::warn("ignored a message", cause),
        }
    }
}

async fn router(url: &str, info: &ConnectionInfo, session: &str) -> Result<(RouterSendConnection, RouterRecvConnection), Error> {
    let mut socket = RouterSocket::new();
    bind(&mut socket, url).await.map_err(refused(url))?;
    Ok(Connection::new(socket, &info.key, session).split())
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
