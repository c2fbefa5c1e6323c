//! The IOPub socket: topics, and who wants them.

use std::time::Duration;

use zeromq::{SocketSend, ZmqMessage, ZmqResult};

use crate::hub::{Arrival, Hub};
use crate::zmtp;

pub struct Publisher {
    hub: Hub,
    /// Set while a message is for one subscriber alone.
    pub only: Option<u64>,
}

impl Publisher {
    pub fn new(hub: Hub) -> Self {
        Self { hub, only: None }
    }

    /// Notes what a subscriber asks for; returns a topic that is new to it, to be welcomed.
    /// <https://rfc.zeromq.org/spec/29/>: one frame, 1 or 0, then the topic.
    pub fn note(&mut self, arrival: &Arrival) -> Option<String> {
        let [frame] = arrival.frames.as_slice() else { return None };
        let (&verb, topic) = frame.split_first()?;
        let mut peers = self.hub.peers();
        let topics = &mut peers.get_mut(&arrival.peer)?.topics;
        match verb {
            1 => topics.push(frame.slice(1..)),
            0 => topics.iter().position(|known| known == topic).map(|at| drop(topics.remove(at)))?,
            _ => return None,
        }
        (verb == 1).then(|| String::from_utf8_lossy(topic).into_owned())
    }

    pub async fn drain(&self, limit: Duration) {
        self.hub.drain(limit).await;
    }
}

#[async_trait::async_trait]
impl SocketSend for Publisher {
    async fn send(&mut self, message: ZmqMessage) -> ZmqResult<()> {
        let Some(topic) = message.get(0) else { return Ok(()) };
        let wanted: Vec<u64> = {
            let peers = self.hub.peers();
            let wants = |topics: &[bytes::Bytes]| topics.iter().any(|prefix| topic.starts_with(prefix));
            let found = peers.iter().filter(|(id, peer)| self.only.is_none_or(|only| only == **id) && wants(&peer.topics));
            found.map(|(id, _)| *id).collect()
        };
        let bytes = zmtp::encode(message.clone().into_vec().iter());
        for peer in wanted {
            // One who left or does not read misses it; the others do not.
            self.hub.send(peer, bytes.clone());
        }
        Ok(())
    }
}
