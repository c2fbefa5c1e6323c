//! One queue for everything the kernel says, so that outputs, reply and idle leave in the order they happened.

use std::sync::Arc;
use std::time::Duration;

use jupyter_protocol::JupyterMessage;
use jupyter_zmq_client::Connection;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use wire::Report;

use crate::hub::Arrival;
use crate::log;
use crate::message::{Request, announcement};
use crate::publisher::Publisher;
use crate::router::Router;

/// How long clients may take to read the last messages.
const LAST: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Channel {
    Shell,
    Control,
}

#[derive(Clone)]
pub struct Outbox(UnboundedSender<Item>);

enum Item {
    Busy { parent: Arc<Request>, cell: bool },
    Idle { parent: Arc<Request> },
    Iopub(JupyterMessage),
    Reply(Channel, JupyterMessage),
    Input { request: JupyterMessage, undelivered: Box<dyn FnOnce() + Send> },
    Drain(oneshot::Sender<()>),
}

/// The sending ends of the sockets.
pub struct Exits {
    pub iopub: Connection<Publisher>,
    pub subscriptions: Receiver<Arrival>,
    pub shell: Connection<Router>,
    pub control: Connection<Router>,
    pub stdin: Connection<Router>,
}

impl Outbox {
    /// Starts the task that sends; needs a runtime.
    pub fn open(exits: Exits) -> Self {
        let (sender, items) = unbounded_channel();
        tokio::spawn(Sender { exits, running: None }.run(items));
        Self(sender)
    }

    /// Announces that `parent` is being worked on; `cell`: it is the running cell.
    pub fn busy(&self, parent: &Arc<Request>, cell: bool) {
        self.put(Item::Busy { parent: parent.clone(), cell });
    }

    pub fn idle(&self, parent: &Arc<Request>) {
        self.put(Item::Idle { parent: parent.clone() });
    }

    pub fn publish(&self, parent: &Request, kind: &str, content: Value) {
        self.put(Item::Iopub(parent.broadcast(kind, content)));
    }

    /// Tells all clients of an error: the content that front ends show, and the report's parts for ours.
    pub fn fail(&self, parent: &Request, content: Value, report: &Report) {
        let parts = json!({ "hint": report.hint, "cause": report.cause, "span": report.span });
        let message = JupyterMessage { metadata: json!({ "lantern": parts }), ..parent.broadcast("error", content) };
        self.put(Item::Iopub(message));
    }

    pub fn announce(&self, kind: &str, content: Value) {
        self.put(Item::Iopub(announcement(kind, content)));
    }

    pub fn reply(&self, channel: Channel, parent: &Request, kind: &str, content: Value) {
        self.put(Item::Reply(channel, parent.answer(kind, content)));
    }

    /// Asks the client of `parent` for a line; `undelivered` runs if that client is gone.
    pub fn ask(&self, parent: &Request, prompt: &str, password: bool, undelivered: impl FnOnce() + Send + 'static) {
        let request = parent.answer("input_request", json!({ "prompt": prompt, "password": password }));
        self.put(Item::Input { request, undelivered: Box::new(undelivered) });
    }

    /// Waits until all that was put before is sent, as far as can be known.
    pub async fn drain(&self) {
        let (done, drained) = oneshot::channel();
        self.put(Item::Drain(done));
        // An error means that the sender is gone: nothing is left to wait for.
        let _ = drained.await;
    }

    fn put(&self, item: Item) {
        // Fails only after the sockets are closed.
        let _ = self.0.send(item);
    }
}

struct Sender {
    exits: Exits,
    running: Option<Arc<Request>>,
}

impl Sender {
    async fn run(mut self, mut items: UnboundedReceiver<Item>) {
        loop {
            tokio::select! {
                biased;
                Some(arrival) = self.exits.subscriptions.recv() => self.welcome(&arrival).await,
                item = items.recv() => match item {
                    Some(item) => self.send(item).await,
                    None => return,
                },
            }
        }
    }

    async fn send(&mut self, item: Item) {
        match item {
            Item::Busy { parent, cell } => {
                self.status(&parent, "busy").await;
                if cell {
                    self.running = Some(parent);
                }
            }
            Item::Idle { parent } => self.idle(&parent).await,
            Item::Iopub(message) => self.publish(message).await,
            Item::Reply(Channel::Shell, message) => deliver(&mut self.exits.shell, message).await,
            Item::Reply(Channel::Control, message) => deliver(&mut self.exits.control, message).await,
            Item::Input { request, undelivered } => {
                if self.exits.stdin.send(request).await.is_err() {
                    undelivered();
                }
            }
            Item::Drain(done) => {
                self.exits.iopub.socket.drain(LAST).await;
                self.exits.shell.socket.drain(LAST).await;
                self.exits.control.socket.drain(LAST).await;
                let _ = done.send(());
            }
        }
    }

    /// A completion answered during a cell ends idle, but the kernel is not: front ends that show the last state they
    /// heard of are told again.
    async fn idle(&mut self, parent: &Arc<Request>) {
        self.status(parent, "idle").await;
        match self.running.take() {
            Some(running) if !Arc::ptr_eq(&running, parent) => {
                self.status(&running, "busy").await;
                self.running = Some(running);
            }
            _ => {}
        }
    }

    async fn status(&mut self, parent: &Request, state: &str) {
        self.publish(parent.broadcast("status", json!({ "execution_state": state }))).await;
    }

    async fn welcome(&mut self, arrival: &Arrival) {
        let Some(topic) = self.exits.iopub.socket.note(arrival) else { return };
        let mut message = announcement("iopub_welcome", json!({ "subscription": topic }));
        // The first frame is matched against topics: use the one just asked for.
        message.zmq_identities = vec![topic.into()];
        self.exits.iopub.socket.only = Some(arrival.peer);
        self.publish(message).await;
        self.exits.iopub.socket.only = None;
    }

    async fn publish(&mut self, message: JupyterMessage) {
        if let Err(error) = self.exits.iopub.send(message).await {
            log::warn("cannot publish", error);
        }
    }
}

/// A client that is gone is no reason to stop: others may be there, and this one may come back.
async fn deliver(connection: &mut Connection<Router>, message: JupyterMessage) {
    let kind = message.header.msg_type.clone();
    if let Err(error) = connection.send(message).await {
        log::warn(&format!("{kind} not delivered"), error);
    }
}

#[cfg(test)]
pub struct Probe(UnboundedReceiver<Item>);

#[cfg(test)]
impl Probe {
    /// The next message for all clients that is already there: its kind and content.
    pub fn next(&mut self) -> Option<(String, Value)> {
        match self.0.try_recv().ok()? {
            Item::Iopub(message) => Some((message.header.msg_type, serde_json::to_value(message.content).expect("JSON"))),
            _ => self.next(),
        }
    }
}

#[cfg(test)]
impl Outbox {
    /// An outbox that nobody empties but the test.
    pub fn probe() -> (Self, Probe) {
        let (sender, items) = unbounded_channel();
        (Self(sender), Probe(items))
    }
}
