//! The control channel: interrupt and shutdown, never behind anything else.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::cells::Cells;
use crate::message::Request;
use crate::outbox::{Channel, Outbox};
use crate::shell;
use crate::sockets::{self, Entrance};

/// Where a request to shut down goes.
#[derive(Clone)]
pub struct Closing(UnboundedSender<(Channel, Arc<Request>)>);

impl Closing {
    pub fn new() -> (Self, UnboundedReceiver<(Channel, Arc<Request>)>) {
        let (sender, requests) = unbounded_channel();
        (Self(sender), requests)
    }

    pub fn ask(&self, channel: Channel, request: Arc<Request>) {
        // Fails only when the kernel is closing already.
        let _ = self.0.send((channel, request));
    }
}

/// Reads requests until the socket closes.
pub async fn serve(mut entrance: Entrance, outbox: Outbox, cells: Cells, closing: Closing) {
    while let Some(request) = sockets::read(&mut entrance).await {
        match request.kind() {
            "shutdown_request" => closing.ask(Channel::Control, request),
            _ => shell::respond(Channel::Control, &request, &outbox, |request| match request.kind() {
                "interrupt_request" => {
                    cells.interrupt(Some(&request.header.session));
                    Some(json!({ "status": "ok" }))
                }
                "kernel_info_request" => Some(shell::kernel_info()),
                _ => shell::unknown(request),
            }),
        }
    }
}
