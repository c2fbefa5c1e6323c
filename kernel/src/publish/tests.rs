use std::sync::mpsc::channel;

use wire::{Curve, Table};

use super::*;

fn print(stream: Stream, text: &str) -> Event {
    Event::Print { stream, text: text.into() }
}

fn chart(id: Option<&str>, title: &str) -> Event {
    let chart = Chart::Curve(Curve { title: title.into(), ..Curve::default() });
    Event::Chart { id: id.map(str::to_owned), chart }
}

fn bar(n: u64) -> Event {
    Event::Progress { id: "p".into(), n, of: 10, label: "x".into() }
}

/// What is published when all of `events` are there at once.
fn published(events: Vec<Event>, silent: bool) -> Vec<(String, Value)> {
    let (sender, receiver) = channel();
    let done = Event::Done(Outcome { count: 1, error: None, seconds: 0.0 });
    events.into_iter().chain([done]).for_each(|event| sender.send(event).expect("receiver lives"));
    let (outbox, mut items) = Outbox::probe();
    let request = Arc::new(Request::sample("execute_request", json!({ "code": "" })));
    let outcome = Publish::new(&outbox, &request, silent, 1).run(&receiver, |_, _| {});
    assert!(outcome.is_some());
    drop(outbox);
    std::iter::from_fn(|| items.next()).collect()
}

fn kinds(messages: &[(String, Value)]) -> Vec<&str> {
    messages.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[test]
fn text_is_gathered_and_keeps_its_order() {
    let events = vec![print(Stream::Out, "a"), print(Stream::Out, "b\r"), print(Stream::Err, "c"), print(Stream::Out, "d")];
    let stream = |name: &str, text: &str| ("stream".to_owned(), json!({ "name": name, "text": text }));
    assert_eq!(published(events, false), [stream("stdout", "ab\r"), stream("stderr", "c"), stream("stdout", "d")]);
}

#[test]
fn charts_with_an_id_are_redrawn_and_the_last_is_always_sent() {
    let mut events: Vec<Event> = (0..100).map(|i| chart(Some("loss"), &i.to_string())).collect();
    events.insert(50, print(Stream::Out, "half"));
    events.push(chart(None, "other"));
    let messages = published(events, false);
    assert_eq!(kinds(&messages), ["display_data", "stream", "display_data", "update_display_data"]);
    let id = &messages[0].1["transient"]["display_id"];
    assert!(id.is_string() && messages[3].1["transient"]["display_id"] == *id);
    assert_eq!(messages[2].1["transient"], json!({}));
}

#[test]
fn what_is_cleared_is_shown_anew() {
    let events = vec![chart(Some("loss"), "1"), print(Stream::Out, "x"), Event::Clear { wait: true }, chart(Some("loss"), "2")];
    assert_eq!(kinds(&published(events, false)), ["display_data", "stream", "clear_output", "display_data"]);
}

#[test]
fn a_bar_that_is_over_at_once_is_never_shown() {
    assert!(published(vec![bar(0), bar(5), bar(10)], false).is_empty());
    assert_eq!(kinds(&published(vec![bar(0), bar(5)], false)), ["display_data"]);
}

#[test]
fn a_state_that_looks_the_same_is_not_sent_again() {
    let (sender, receiver) = channel();
    let (outbox, mut items) = Outbox::probe();
    let request = Arc::new(Request::sample("execute_request", json!({})));
    let mut publish = Publish::new(&outbox, &request, false, 1);
    for title in ["1", "1", "2"] {
        publish.take(chart(Some("loss"), title));
        publish.displays[0].due = Instant::now();
    }
    sender.send(Event::Done(Outcome { count: 1, error: None, seconds: 0.0 })).expect("receiver lives");
    publish.run(&receiver, |_, _| {});
    let messages: Vec<_> = std::iter::from_fn(|| items.next()).collect();
    assert_eq!(kinds(&messages), ["display_data", "update_display_data"]);
}

#[test]
fn silent_cells_publish_nothing() {
    assert!(published(vec![print(Stream::Out, "x"), chart(None, "c"), Event::Table(Table::default())], true).is_empty());
}
