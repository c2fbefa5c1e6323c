//! The sockets that answer: a message goes to the client whose identity is its first frame.

use std::time::Duration;

use zeromq::{SocketSend, ZmqError, ZmqMessage, ZmqResult};

use crate::hub::Hub;
use crate::zmtp;

pub struct Router(pub Hub);

impl Router {
    pub async fn drain(&self, limit: Duration) {
        self.0.drain(limit).await;
    }
}

#[async_trait::async_trait]
impl SocketSend for Router {
    /// A client that comes back under its old identity takes over: the newest connection of that name is served.
    async fn send(&mut self, message: ZmqMessage) -> ZmqResult<()> {
        let frames = message.into_vec();
        let Some((identity, rest)) = frames.split_first() else { return Ok(()) };
        let peer = self.0.peers().iter().rev().find(|(_, peer)| peer.identity == *identity).map(|(id, _)| *id);
        match peer {
            Some(peer) if self.0.send(peer, zmtp::encode(rest.iter())) => Ok(()),
            _ => Err(ZmqError::Other("the client is gone")),
        }
    }
}
