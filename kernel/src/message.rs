//! A request as it came, and the messages that answer it.
//!
//! Contents are read field by field from JSON: clients leave fields out that the typed structs demand
//! (jupyter_client sends a history search without `n` and `unique`).

use bytes::Bytes;
use jupyter_protocol::{Header, JupyterMessage, JupyterMessageContent, UnknownMessage};
use jupyter_zmq_client::RawMessage;
use serde_json::{Value, json};

/// The version of the messaging protocol spoken here.
pub const PROTOCOL: &str = "5.5";

#[derive(Clone, Debug)]
pub struct Request {
    /// The route back to the client.
    pub identities: Vec<Bytes>,
    pub header: Header,
    pub metadata: Value,
    pub content: Value,
}

impl Request {
    /// Reads a message whose frames and signature are already checked; the error is for the log.
    pub fn decode(raw: RawMessage) -> Result<Self, String> {
        let part = |i: usize, name: &str| raw.jparts.get(i).ok_or_else(|| format!("no {name}"));
        let header = serde_json::from_slice(part(0, "header")?).map_err(|e| format!("header: {e}"))?;
        let content: Value = serde_json::from_slice(part(3, "content")?).map_err(|e| format!("content: {e}"))?;
        // Says how to treat the message; what cannot be read asks for nothing.
        let metadata = part(2, "metadata").ok().and_then(|part| serde_json::from_slice(part).ok()).unwrap_or_default();
        if !content.is_object() {
            return Err("content is not an object".to_owned());
        }
        Ok(Self { identities: raw.zmq_identities, header, metadata, content })
    }

    #[cfg(test)]
    pub fn sample(kind: &str, content: Value) -> Self {
        let header = message(kind, None, json!({})).header;
        Self { identities: vec![Bytes::from_static(b"client")], header, metadata: json!({}), content }
    }

    pub fn kind(&self) -> &str {
        &self.header.msg_type
    }

    pub fn text(&self, field: &str) -> &str {
        self.content[field].as_str().unwrap_or_default()
    }

    pub fn flag(&self, field: &str, default: bool) -> bool {
        self.content[field].as_bool().unwrap_or(default)
    }

    pub fn number(&self, field: &str) -> Option<i64> {
        self.content[field].as_i64()
    }

    /// A message to the client that asked.
    pub fn answer(&self, kind: &str, content: Value) -> JupyterMessage {
        JupyterMessage { zmq_identities: self.identities.clone(), ..message(kind, Some(self.header.clone()), content) }
    }

    /// A message to all clients; its first frame is the topic.
    pub fn broadcast(&self, kind: &str, content: Value) -> JupyterMessage {
        JupyterMessage { zmq_identities: vec![topic(kind)], ..message(kind, Some(self.header.clone()), content) }
    }
}

/// A message to all clients that no request caused.
pub fn announcement(kind: &str, content: Value) -> JupyterMessage {
    JupyterMessage { zmq_identities: vec![topic(kind)], ..message(kind, None, content) }
}

fn topic(kind: &str) -> Bytes {
    Bytes::from(format!("kernel.lantern.{kind}"))
}

/// A message on its own; the route is added by the caller.
pub fn message(kind: &str, parent_header: Option<Header>, content: Value) -> JupyterMessage {
    let header = Header {
        msg_id: uuid::Uuid::new_v4().to_string(),
        username: parent_header.as_ref().map_or_else(|| "lantern".to_owned(), |parent| parent.username.clone()),
        // Filled with the kernel's own session when it is sent.
        session: String::new(),
        date: chrono::Utc::now(),
        msg_type: kind.to_owned(),
        version: PROTOCOL.to_owned(),
    };
    let content = JupyterMessageContent::UnknownMessage(UnknownMessage { msg_type: kind.to_owned(), content });
    JupyterMessage { zmq_identities: Vec::new(), header, parent_header, metadata: json!({}), content, buffers: Vec::new(), channel: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_be_missing_or_wrong() {
        let request = Request::sample("execute_request", json!({ "code": 7, "silent": "x", "n": 3 }));
        assert_eq!((request.text("code"), request.flag("silent", true), request.number("n")), ("", true, Some(3)));
        assert_eq!(request.number("missing"), None);
    }

    #[test]
    fn answers_go_back_and_broadcasts_carry_a_topic() {
        let request = Request::sample("execute_request", json!({}));
        let answer = request.answer("execute_reply", json!({ "status": "ok" }));
        assert_eq!(answer.zmq_identities, request.identities);
        assert_eq!(answer.parent_header.map(|header| header.msg_id), Some(request.header.msg_id.clone()));
        assert_eq!(serde_json::to_value(answer.content).expect("JSON"), json!({ "status": "ok" }));
        assert_eq!(request.broadcast("status", json!({})).zmq_identities, [Bytes::from_static(b"kernel.lantern.status")]);
    }
}
