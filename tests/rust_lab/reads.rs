//! Two front ends, one session: what only looks is answered between two steps of the other's cell, the rest says what it waits for.

use std::sync::mpsc::Receiver;

use kernel::client::Client;
use wire::{Event, Execute};

use super::{LIMIT, bad, end, good, holds, said, value};
use crate::harness::kernel::{Kernel, printed, shown};

pub fn all(kernel: &Kernel, client: &Client) {
    let other = kernel.client();
    good(client, "%load llama-tiny\n%data rows.jsonl\n%lora r=2 target=q_proj");
    good(client, "let before = lab::logits(\"the cat\")?;");
    let run = training(client, "%train steps=1000000 batch=2 lr=1e-3");
    magics(&other);
    rust(&other, &run);
    waiting(client, &other, run);
    driven(client, &other);
}

/// A run that is under way and has no end of its own.
fn training(client: &Client, code: &str) -> Receiver<Event> {
    let cell = client.execute(Execute::new(code));
    going(&cell);
    cell
}

/// It still makes steps.
fn going(cell: &Receiver<Event>) {
    while cell.try_recv().is_ok() {}
    while !matches!(cell.recv_timeout(LIMIT), Ok(Event::Show { .. })) {}
}

fn magics(other: &Client) {
    let events = good(other, "%status");
    assert!(shown(&events).iter().any(|table| table.contains("doing") && table.contains("/1000000")), "{events:?}");
    let events = good(other, "%tokens \"the cat\"\n%next \"the cat\" top=3\n%train?");
    assert!(events.iter().any(|event| matches!(event, Event::Page { text } if text.contains("%train"))), "{events:?}");
    assert!(shown(&events).iter().any(|chart| chart.contains("the cat")), "{events:?}");
    assert_eq!(bad(other, "%next \"the cat\" top=x").1.name, "BadValue");
}

fn rust(other: &Client, run: &Receiver<Event>) {
    holds(other, "lab::logits(\"the cat\")? != before && lab::weight(\"model.norm.weight\")?.len() == 32");
    assert_eq!(value(other, "let mut n = 0;\nlab::generate_with(\"the\", |s| { n += 1; (n <= 3).then(|| s.argmax() as u32) })?;\nn"), "4");
    let (events, _) = bad(other, "let status = %status\nprintln!(\"{}\", status.doing);\nlab::train(\"steps=1\")?;");
    assert!(printed(&events).starts_with("train "), "{events:?}");
    assert!(said(&events).contains("busy: train ") && said(&events).contains("/1000000"), "{events:?}");
    assert!(said(&bad(other, "lab::magic::<lab::value::Seed>(\"seed 3\")?;").0).contains("busy: train "));
    assert!(said(&bad(other, "lab::hook(\"layers.0.mlp\", |_| {})?;").0).contains("busy: train "));
    // An interrupt there ends what runs there, and nothing else.
    let cell = other.execute(Execute::new("println!(\"on\");\nloop { lab::encode(\"a\")?; }"));
    super::wait_for(&cell, "on");
    other.interrupt();
    assert_eq!(end(&cell).1.error.unwrap().name, "Interrupted");
    going(run);
}

/// What changes the session waits for its turn and says so; and the engine changes hands without a deadlock.
fn waiting(client: &Client, other: &Client, run: Receiver<Event>) {
    let until_idle = "println!(\"on\");\nwhile lab::magic::<lab::value::Status>(\"status\")?.doing != \"idle\" {}\nfor _ in 0..20 { lab::logits(\"the cat\")?; }\n7";
    let looking = other.execute(Execute::new(until_idle));
    super::wait_for(&looking, "on");
    let seed = other.execute(Execute::new("%seed 9"));
    super::wait_for(&seed, "waits for the cell of another front end (train ");
    client.interrupt();
    assert_eq!(end(&run).1.error.unwrap().name, "Interrupted");
    let mine = client.execute(Execute::new("lab::encode(\"a\")?.len()"));
    assert_eq!(end(&seed).1.error, None);
    let (events, outcome) = end(&looking);
    assert_eq!(outcome.error, None, "{events:?}");
    assert_eq!(end(&mine).1.error, None);
}

/// A loop of one's own over a run is one whose steps others look between, too.
fn driven(client: &Client, other: &Client) {
    let run =
        training(client, "for step in lab::train(\"steps=1000000 batch=2\")? { lab::show_as(\"n\", &lab::Html(step.n.to_string()))?; }");
    let events = good(other, "%status");
    assert!(shown(&events).iter().any(|table| table.contains("train ") && table.contains("/1000000")), "{events:?}");
    good(other, "%next \"the cat\" top=3");
    going(&run);
    client.interrupt();
    assert_eq!(end(&run).1.error.unwrap().name, "Interrupted");
    // Without an adapter the weights themselves move, and a look between two steps sees them move.
    good(
        client,
        "%load llama-tiny\n%data rows.jsonl\nlet mut seen = vec![lab::logits(\"the cat\")?];\nfor _ in lab::train(\"steps=3 batch=2 lr=1e-2 schedule=constant warmup=0\")? { seen.push(lab::logits(\"the cat\")?); }",
    );
    holds(client, "seen.len() == 4 && (1..4).all(|i| seen[i] != seen[i - 1]) && seen[3] == lab::logits(\"the cat\")?");
}
