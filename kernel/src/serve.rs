//! From connection file to last message: opens, serves, closes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jupyter_protocol::ConnectionInfo;
use lantern::Error;
use lantern::cell::{Desk, Setup};
use serde_json::json;
use wire::Report;

use crate::cells::Cells;
use crate::control::{self, Closing};
use crate::message::Request;
use crate::outbox::{Channel, Outbox};
use crate::{heartbeat, parent, shell, sockets};

/// A running cell gets this long to end at its next step or token; clients kill after five seconds.
const LAST_CELL: Duration = Duration::from_secs(2);
/// The session gets this long to put things away.
const LAST_WORK: Duration = Duration::from_secs(2);

/// Serves the clients named by `connection_file` until one asks for shutdown, SIGTERM comes, or the parent dies.
///
/// # Errors
/// A connection file that cannot be read, an address that cannot be bound, a desk that does not open.
pub fn start(connection_file: &Path) -> Result<(), Report> {
    let info = sockets::connection(connection_file).map_err(|e| e.report())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| fault("the kernel's runtime", e))?;
    let result = runtime.block_on(serve(&info));
    sockets::close(&info);
    result
}

async fn serve(info: &ConnectionInfo) -> Result<(), Report> {
    let opening = std::thread::spawn(|| Desk::open(Setup { home: None }));
    let url = info.hb_url();
    heartbeat::start(url.clone()).map_err(|e| sockets::refused(&url)(e).report())?;
    let (entrances, exits) = sockets::open(info).await.map_err(|e| e.report())?;
    let desk = opening.join().map_err(|_| fault("the session", "its thread ended"))??;

    let outbox = Outbox::open(exits);
    outbox.announce("status", json!({ "execution_state": "starting" }));
    let cells = Cells::start(desk.clone(), outbox.clone()).map_err(|e| fault("the kernel's thread", e))?;
    let answers = shell::answers(desk.clone(), outbox.clone()).map_err(|e| fault("the kernel's thread", e))?;
    let (closing, mut shutdown) = Closing::new();
    tokio::spawn(control::serve(entrances.control, outbox.clone(), cells.clone(), closing.clone()));
    tokio::spawn(shell::serve(entrances.shell, answers, cells.clone(), closing));
    tokio::spawn(shell::stdin(entrances.stdin, cells.clone()));
    tokio::spawn(interrupts(cells.clone()));

    let asked = tokio::select! {
        asked = shutdown.recv() => asked,
        () = terminated() => None,
        () = parent::gone() => None,
    };
    close(asked, &cells, &outbox, desk).await;
    Ok(())
}

/// The last cell ends, its outputs and the reply go out, the session puts things away.
async fn close(asked: Option<(Channel, Arc<Request>)>, cells: &Cells, outbox: &Outbox, desk: Desk) {
    if let Some((_, request)) = &asked {
        outbox.busy(request, false);
    }
    cells.close(LAST_CELL).await;
    if let Some((channel, request)) = &asked {
        let content = json!({ "status": "ok", "restart": request.flag("restart", false) });
        outbox.reply(*channel, request, "shutdown_reply", content.clone());
        outbox.publish(request, "shutdown_reply", content);
        outbox.idle(request);
    }
    outbox.drain().await;
    let (done, closed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        desk.close();
        let _ = done.send(());
    });
    // A session that does not come back in time ends with the process.
    let _ = tokio::time::timeout(LAST_WORK, closed).await;
}

fn fault(doing: &str, cause: impl ToString) -> Report {
    Error::Internal { doing: doing.to_owned(), cause: cause.to_string() }.report()
}

/// Ctrl-C in the terminal that started the kernel stops the cell, not the kernel.
async fn interrupts(cells: Cells) {
    while tokio::signal::ctrl_c().await.is_ok() {
        cells.interrupt(None);
    }
}

#[cfg(unix)]
async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
