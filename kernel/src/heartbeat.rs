//! Echoes what it receives, on a thread and runtime of its own: clients take one second of silence for death, and
//! training may use every core.

use std::io;

use zeromq::{RepSocket, Socket, SocketRecv, SocketSend};

use crate::{log, sockets};

/// Binds and starts to echo; returns once bound.
pub fn start(url: String) -> io::Result<()> {
    let (bound, wait) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("heartbeat".to_owned()).spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = bound.send(Err(error));
                return;
            }
        };
        runtime.block_on(async {
            let mut socket = RepSocket::new();
            let result = sockets::bind(&mut socket, &url).await;
            let failed = result.is_err();
            let _ = bound.send(result);
            if !failed {
                echo(socket).await;
            }
        });
    })?;
    wait.recv().unwrap_or_else(|_| Err(io::Error::other("the heartbeat thread ended")))
}

async fn echo(mut socket: RepSocket) {
    loop {
        let result = match socket.recv().await {
            Ok(message) => socket.send(message).await,
            Err(error) => Err(error),
        };
        // A client that left in between is no reason to stop beating for the others.
        if let Err(error) = result {
            log::warn("heartbeat", error);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}
