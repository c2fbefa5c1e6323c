//! A cell that this client sent: the kernel's messages about it -> events.
//!
//! It is over when both the reply and `idle` have come: they arrive on two sockets, and outputs come before `idle`.

use std::sync::mpsc::Sender;
use std::time::Instant;

use lantern::words::ui;
use serde_json::Value;
use wire::{Event, Form, Outcome, Report, Stream};

use super::link::Heard;

pub struct Cell {
    events: Sender<Event>,
    begun: Instant,
    error: Option<Report>,
    outcome: Option<Outcome>,
    idle: bool,
}

impl Cell {
    pub fn new(events: Sender<Event>) -> Self {
        Self { events, begun: Instant::now(), error: None, outcome: None, idle: false }
    }

    /// Takes a message about this cell; true when the cell is over and [`Event::Done`] is said.
    pub fn take(&mut self, heard: &Heard) -> bool {
        match heard.kind() {
            "execute_reply" => self.reply(&heard.content),
            "error" => self.error = Some(report(&heard.content, &heard.metadata)),
            "status" => self.idle |= heard.content["execution_state"] == "idle",
            _ => event(heard).into_iter().for_each(|event| self.say(event)),
        }
        match (self.idle, self.outcome.take()) {
            (true, Some(outcome)) => {
                let error = self.error.take().or(outcome.error);
                self.say(Event::Done(Outcome { error, ..outcome }));
                true
            }
            (_, outcome) => {
                self.outcome = outcome;
                false
            }
        }
    }

    fn reply(&mut self, content: &Value) {
        for page in content["payload"].as_array().into_iter().flatten().filter(|page| page["source"] == "page") {
            self.say(Event::Page { text: text(&page["data"][Form::TEXT]) });
        }
        let error = match content["status"].as_str() {
            Some("ok") => None,
            Some("error") => Some(report(content, &Value::Null)),
            _ => Some(Report { name: "Aborted".to_owned(), message: ui::NOT_RUN.to_string(), ..Report::default() }),
        };
        let count = content["execution_count"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
        self.outcome = Some(Outcome { count, error, seconds: self.begun.elapsed().as_secs_f64() });
    }

    fn say(&self, event: Event) {
        // One who stopped listening misses the rest; the kernel goes on.
        let _ = self.events.send(event);
    }
}

fn event(heard: &Heard) -> Option<Event> {
    let content = &heard.content;
    let id = || content["transient"]["display_id"].as_str().map(str::to_owned);
    Some(match heard.kind() {
        "stream" => {
            let stream = if content["name"] == "stderr" { Stream::Err } else { Stream::Out };
            Event::Print { stream, text: text(&content["text"]) }
        }
        "display_data" => Event::Show { id: id(), forms: forms(&content["data"]) },
        // Without an id there is nothing to replace.
        "update_display_data" => Event::Show { id: Some(id()?), forms: forms(&content["data"]) },
        "execute_result" => Event::Value { forms: forms(&content["data"]) },
        "clear_output" => Event::Clear { wait: content["wait"] == true },
        "input_request" => Event::Input { prompt: text(&content["prompt"]), password: content["password"] == true },
        _ => return None,
    })
}

/// There is always a text among them.
fn forms(data: &Value) -> Vec<Form> {
    let body = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut forms: Vec<Form> = data.as_object().into_iter().flatten().map(|(mime, value)| Form::new(mime, body(value))).collect();
    if !forms.iter().any(|form| form.mime == Form::TEXT) {
        forms.push(Form::new(Form::TEXT, ""));
    }
    forms
}

/// Our kernels send the parts of a report beside the traceback that is made of them; of others the traceback is the cause.
fn report(content: &Value, metadata: &Value) -> Report {
    let parts = &metadata["lantern"];
    let span = (parts["span"][0].as_u64(), parts["span"][1].as_u64());
    let part = |name: &str| parts[name].as_str().map(str::to_owned);
    let lines = || content["traceback"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("\n");
    Report {
        name: text(&content["ename"]),
        message: text(&content["evalue"]),
        hint: part("hint"),
        cause: if parts.is_object() { part("cause") } else { Some(lines()).filter(|lines| !lines.is_empty()) },
        span: span.0.zip(span.1).and_then(|(start, end)| Some((start.try_into().ok()?, end.try_into().ok()?))),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use serde_json::json;

    use super::*;

    fn heard(kind: &str, content: Value) -> Heard {
        Heard { header: json!({ "msg_type": kind }), parent: "1".into(), metadata: json!({}), content }
    }

    fn cell() -> (Cell, Receiver<Event>) {
        let (events, receiver) = channel();
        (Cell::new(events), receiver)
    }

    fn ok() -> Heard {
        heard("execute_reply", json!({ "status": "ok", "execution_count": 3, "payload": [] }))
    }

    fn idle() -> Heard {
        heard("status", json!({ "execution_state": "idle" }))
    }

    #[test]
    fn a_cell_ends_with_the_later_of_reply_and_idle() {
        let (mut first, events) = cell();
        assert!(!first.take(&ok()) && !first.take(&heard("stream", json!({ "name": "stdout", "text": "late" }))));
        assert!(first.take(&idle()));
        assert_eq!(events.recv(), Ok(Event::Print { stream: Stream::Out, text: "late".into() }));
        assert!(matches!(events.recv(), Ok(Event::Done(Outcome { count: 3, error: None, .. }))));
        let (mut second, _events) = cell();
        assert!(!second.take(&idle()) && second.take(&ok()));
    }

    #[test]
    fn an_error_is_told_once_with_its_parts() {
        let (mut cell, events) = cell();
        let error = json!({ "ename": "N", "evalue": "m", "traceback": ["m", "  → h"] });
        cell.take(&Heard { metadata: json!({ "lantern": { "hint": "h", "span": [1, 4] } }), ..heard("error", error.clone()) });
        let mut reply = error;
        reply["status"] = json!("error");
        cell.take(&heard("execute_reply", reply));
        assert!(cell.take(&idle()));
        let Ok(Event::Done(outcome)) = events.recv() else { panic!("not done") };
        let report = Report { name: "N".into(), message: "m".into(), hint: Some("h".into()), cause: None, span: Some((1, 4)) };
        assert_eq!(outcome.error, Some(report));
    }

    #[test]
    fn outputs_keep_all_their_forms() {
        let data = json!({ "data": { "image/svg+xml": "<svg/>", "application/json": { "a": 1 } }, "transient": { "display_id": "d" } });
        let Some(Event::Show { id, forms }) = event(&heard("update_display_data", data.clone())) else { panic!("nothing shown") };
        assert_eq!((id.as_deref(), Form::text(&forms)), (Some("d"), ""));
        assert!(forms.contains(&Form::new("image/svg+xml", "<svg/>")) && forms.contains(&Form::new(Form::JSON, "{\"a\":1}")));
        assert_eq!(event(&heard("update_display_data", json!({ "data": {} }))), None);
        assert_eq!(event(&heard("clear_output", json!({ "wait": true }))), Some(Event::Clear { wait: true }));
    }

    #[test]
    fn a_cell_that_was_not_run_says_so() {
        let (mut cell, events) = cell();
        cell.take(&heard("execute_reply", json!({ "status": "aborted" })));
        cell.take(&idle());
        assert!(matches!(events.recv(), Ok(Event::Done(Outcome { error: Some(Report { name, .. }), .. })) if name == "Aborted"));
    }
}
