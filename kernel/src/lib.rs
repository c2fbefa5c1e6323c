//! Lantern as a Jupyter kernel: the desk behind five sockets.
//!
//! `sockets` reads, `shell` and `control` decide, `cells` runs one cell at a time, `publish` turns its events into
//! messages, `outbox` sends them in order. Protocol: <https://jupyter-client.readthedocs.io/en/stable/messaging.html>.

mod attach;
mod bar;
mod cells;
pub mod client;
mod control;
mod cursor;
mod display;
mod heartbeat;
mod hub;
pub mod install;
mod log;
mod message;
mod outbox;
mod parent;
mod publish;
mod publisher;
mod queue;
mod reply;
mod router;
mod serve;
mod shell;
mod sockets;
mod zmtp;

pub use serve::start;
