//! Echoes what it receives, on a thread and runtime of its own: clients take one second of silence for death, and
//! training may use every core.

use std::io;

use tokio::sync::mpsc::Receiver;

use crate::hub::{Arrival, Hub};
use crate::{sockets, zmtp};

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
            match sockets::bind(&url, "REP").await {
                Ok((hub, arrivals)) => {
                    let _ = bound.send(Ok(()));
                    echo(&hub, arrivals).await;
                }
                Err(error) => drop(bound.send(Err(error))),
            }
        });
    })?;
    wait.recv().unwrap_or_else(|_| Err(io::Error::other("the heartbeat thread ended")))
}

/// The frames go back as they came, with the empty one that REQ puts first.
async fn echo(hub: &Hub, mut arrivals: Receiver<Arrival>) {
    while let Some(arrival) = arrivals.recv().await {
        hub.send(arrival.peer, zmtp::encode(arrival.frames.iter()));
    }
}
