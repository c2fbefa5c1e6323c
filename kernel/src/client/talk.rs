//! The connection's thread: sends what is asked, hands what comes back to whoever asked for it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

use jupyter_protocol::{ConnectionInfo, Header};
use jupyter_zmq_client::Connection;
use ring::hmac;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wire::{Event, Execute};

use super::State;
use super::cell::Cell;
use super::link::{Heard, Link};
use crate::message::message;

/// A hello whose `idle` did not come is said again: the subscription was not there yet.
const AGAIN: Duration = Duration::from_millis(100);

pub enum Ask {
    Execute { request: Execute, events: Sender<Event> },
    Request { kind: &'static str, content: Value, to: To },
    Answer(Option<String>),
    Close,
}

/// Who wants the reply.
pub enum To {
    Nobody,
    Waiter(Sender<Value>),
}

/// Talks until `asks` ends or the kernel is gone; says once on `ready` whether the connection stands.
pub fn run(info: &ConnectionInfo, mut asks: UnboundedReceiver<Ask>, state: &Arc<State>, ready: &Sender<io::Result<()>>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error))),
    };
    runtime.block_on(async {
        match Talk::open(info, state.clone()).await {
            Ok(mut talk) => {
                // Fails only when the one who connects has given up.
                let _ = ready.send(Ok(()));
                talk.serve(&mut asks).await;
                // Before receivers end: who sees theirs end may ask why.
                state.gone.store(true, Ordering::SeqCst);
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    });
}

struct Talk {
    shell: Connection<Link>,
    control: Connection<Link>,
    stdin: Connection<Link>,
    heard: UnboundedReceiver<Option<Heard>>,
    state: Arc<State>,
    /// By the `msg_id` of the request.
    cells: HashMap<String, Cell>,
    waiting: HashMap<String, Sender<Value>>,
    /// Header of the `input_request` that is open.
    question: Option<Header>,
}

impl Talk {
    async fn open(info: &ConnectionInfo, state: Arc<State>) -> io::Result<Self> {
        let session = uuid::Uuid::new_v4().to_string();
        let key = (!info.key.is_empty()).then(|| hmac::Key::new(hmac::HMAC_SHA256, info.key.as_bytes()));
        let (hears, heard) = unbounded_channel();
        let dealer = async |url: String| {
            // One name on all sockets: the kernel sends its questions to the name that sent the cell.
            let socket = Link::open(&url, "DEALER", &session, key.clone(), hears.clone()).await?;
            Ok::<_, io::Error>(Connection { socket, mac: key.clone(), session_id: session.clone() })
        };
        Link::open(&info.iopub_url(), "SUB", "", key.clone(), hears.clone()).await?.subscribe();
        let stdin = dealer(info.stdin_url()).await?;
        let control = dealer(info.control_url()).await?;
        let shell = dealer(info.shell_url()).await?;
        let mut talk = Self { shell, control, stdin, heard, state, cells: HashMap::new(), waiting: HashMap::new(), question: None };
        talk.hello().await?;
        Ok(talk)
    }

    /// Asks for the kernel's information until its reply and an `idle` about it have been heard.
    async fn hello(&mut self) -> io::Result<()> {
        let mut sent: Vec<String> = Vec::new();
        let mut idle = false;
        loop {
            sent.push(self.send("kernel_info_request", json!({}), json!({})).await?);
            let again = tokio::time::sleep(AGAIN);
            tokio::pin!(again);
            loop {
                let message = tokio::select! {
                    message = self.heard.recv() => message.flatten().ok_or_else(gone)?,
                    () = &mut again => break,
                };
                if sent.contains(&message.parent) {
                    match message.kind() {
                        "kernel_info_reply" => drop(self.state.info.set(message.content.clone())),
                        "status" => idle |= message.content["execution_state"] == "idle",
                        _ => {}
                    }
                }
                self.hear(message);
                if idle && self.state.info.get().is_some() {
                    return Ok(());
                }
            }
        }
    }

    async fn serve(&mut self, asks: &mut UnboundedReceiver<Ask>) {
        loop {
            tokio::select! {
                ask = asks.recv() => match ask {
                    None | Some(Ask::Close) => return,
                    Some(ask) => if self.ask(ask).await.is_err() { return },
                },
                message = self.heard.recv() => match message.flatten() {
                    Some(message) => self.hear(message),
                    // One socket closed: the kernel closes all of them.
                    None => return,
                },
            }
        }
    }

    async fn ask(&mut self, ask: Ask) -> io::Result<()> {
        match ask {
            Ask::Execute { request: Execute { code, silent, store_history, allow_input }, events } => {
                let content = json!({
                    "code": code, "silent": silent, "store_history": store_history, "user_expressions": {},
                    "allow_stdin": allow_input, "stop_on_error": false,
                });
                let id = self.send("execute_request", content, json!({ "lantern": { "interrupts": true } })).await?;
                self.cells.insert(id, Cell::new(events));
            }
            Ask::Request { kind, content, to } => {
                let id = self.send(kind, content, json!({})).await?;
                if let To::Waiter(waiter) = to {
                    self.waiting.insert(id, waiter);
                }
            }
            Ask::Answer(text) => {
                let Some(question) = self.question.take() else { return Ok(()) };
                let content = text.map_or_else(|| json!({ "status": "error" }), |value| json!({ "status": "ok", "value": value }));
                let reply = message("input_reply", Some(question), content);
                self.stdin.send(reply).await.map_err(io::Error::other)?;
            }
            Ask::Close => {}
        }
        Ok(())
    }

    /// Interrupts go by the control socket, all else by shell. Returns the message's id.
    async fn send(&mut self, kind: &str, content: Value, metadata: Value) -> io::Result<String> {
        let mut message = message(kind, None, content);
        message.metadata = metadata;
        let id = message.header.msg_id.clone();
        let socket = if kind == "interrupt_request" { &mut self.control } else { &mut self.shell };
        socket.send(message).await.map_err(io::Error::other)?;
        Ok(id)
    }

    fn hear(&mut self, message: Heard) {
        if message.kind() == "status" {
            self.state.busy.store(message.content["execution_state"] == "busy", Ordering::SeqCst);
        }
        if message.kind() == "input_request" && self.cells.contains_key(&message.parent) {
            self.question = serde_json::from_value(message.header.clone()).ok();
        }
        if message.kind().ends_with("_reply")
            && let Some(waiter) = self.waiting.remove(&message.parent)
        {
            // Whoever lost patience is not there any more.
            let _ = waiter.send(message.content);
        } else if self.cells.get_mut(&message.parent).is_some_and(|cell| cell.take(&message)) {
            self.cells.remove(&message.parent);
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the kernel closed the connection")
}
