//! Rust cells: on the session's model, and whatever they do to themselves, the model stays.

mod doors;
mod engine;
mod long;
mod terminal;
mod typed;

use std::sync::mpsc::Receiver;

use kernel::client::Client;
use wire::{Event, Execute, Stream};

use crate::harness::kernel::{Kernel, printed, shown};
use crate::harness::rust::{LIMIT, bad, end, good, said, value};
use crate::harness::world::World;

/// Without a toolchain magics work and a Rust cell says what is missing.
#[test]
fn without_a_toolchain_a_cell_says_what_to_install() {
    let world = World::with(&[]);
    let ran = world.lantern(&["-c", "%seed 7 --json\nlet x = 1;"]).env("PATH", world.path("nothing")).output().unwrap();
    let (out, err) = world.masked(&ran);
    assert_eq!(out, "{\"seed\":7}\n");
    assert!(err.contains("cargo, rustc: cannot be run") && err.contains("https://rustup.rs"), "{err}");
}

/// One session for all of it: the engine's start is what costs.
#[test]
fn cells_work_on_the_sessions_model_and_cannot_harm_it() {
    let kernel = Kernel::start(&["llama-tiny"]);
    let client = kernel.client();
    good(&client, "%load llama-tiny");
    language(&client);
    model(&client);
    output(&client);
    training(&client);
    good(&client, "%save before merged=true");
    crashes(&client);
    good(&client, "%save after merged=true");
    let bytes = |folder: &str| std::fs::read(kernel.world.path(folder).join("model.safetensors")).unwrap();
    assert!(bytes("before") == bytes("after"), "a cell changed the weights");
}

fn language(client: &Client) {
    good(client, "let x = 1 + 2;\nlet words = vec![\"a\".to_string(), \"b\".to_string()];\nfn twice(n: i32) -> i32 { 2 * n }");
    assert_eq!(value(&good(client, "twice(x)")), "6");
    assert_eq!(value(&good(client, "words.join(\"-\")")), "\"a-b\"");
    assert_eq!(value(&good(client, "for _ in 0..2 {}")), "");
    // What evcxr writes behind a cell is no business of a learner's.
    let (_, report) = bad(client, "let open = 1");
    assert!(report.cause.as_deref().is_some_and(|cause| cause.contains("found <end of input>") && !cause.contains("evcxr")), "{report:?}");
    let (_, report) = bad(client, "// a comment\nlet y: i32 = \"模\"; y");
    assert_eq!(report.name, "RustCompile");
    assert!(report.message.contains("E0308"), "{report:?}");
    let cause = report.cause.unwrap();
    assert!(cause.contains("let y: i32 = \"模\"; y") && cause.contains("^^^^ expected `i32`, found `&str`"), "{cause}");
    assert_eq!(value(&good(client, "x")), "3");
}

fn model(client: &Client) {
    good(client, "let logits = lab::logits(\"the cat\")?;\nlet top = lab::top(&logits.row(-1), 3);");
    let ours: Vec<u32> = serde_json::from_str(&value(&good(client, "top.iter().map(|t| t.id).collect::<Vec<_>>()"))).unwrap();
    let next: serde_json::Value = serde_json::from_str(&value(&good(client, "%next \"the cat\" top=3 --json"))).unwrap();
    let theirs: Vec<u64> = next["tokens"].as_array().unwrap().iter().map(|t| t["id"].as_u64().unwrap()).collect();
    assert_eq!(ours.iter().map(|id| u64::from(*id)).collect::<Vec<_>>(), theirs);
    let rows = "let attn = lab::attention(\"the cat\", 1)?;\nlet rows = attn.shape()[1];\n(0..rows).all(|i| (attn.index(0).row(i as isize).data().iter().sum::<f32>() - 1.0).abs() < 1e-5)";
    assert_eq!(value(&good(client, rows)), "true");
    assert_eq!(value(&good(client, "lab::weight(\"model.norm.weight\")?.shape().len()")), "1");
    let (events, report) = bad(client, "lab::weight(\"model.norm.wight\")?;");
    assert_eq!(report.name, "RustReturned");
    assert!(said(&events).contains("did you mean `model.norm.weight`"), "{events:?}");
    let greedy = "let mut n = 0;\nlab::generate_with(\"the\", |scores| { n += 1; (n <= 5).then(|| scores.argmax() as u32) })?";
    let text: String = serde_json::from_str(&value(&good(client, greedy))).unwrap();
    let ours: serde_json::Value =
        serde_json::from_str(&value(&good(client, "%generate the max_new_tokens=5 temperature=0 --json"))).unwrap();
    assert_eq!(ours["text"], text);
    assert_eq!(
        printed(&good(client, "let t = %tokens \"the cat\"\nprintln!(\"{}\", t.ids == lab::encode(\"the cat\")?);")).lines().last(),
        Some("true")
    );
}

/// In the order in which it was said, as written.
fn output(client: &Client) {
    let code = "print!(\"one \\r\"); eprint!(\"two\");\nlab::show(&lab::bars(\"chart\", &[(\"a\".into(), 1.0)]))?;\nprintln!(\"three\");\nlab::show_as(\"c\", &lab::curve(\"curve\", &[(\"x\", vec![(0.0, 1.0)])]))?;\nlab::show_as(\"c\", &lab::curve(\"again\", &[(\"x\", vec![(0.0, 1.0)])]))?;";
    let events = good(client, code);
    assert_eq!(printed(&events), "one \rthree\n");
    assert_eq!(said(&events), "two");
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Print { stream: Stream::Out, .. } => Some("out"),
            Event::Show { .. } => Some("show"),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, ["out", "show", "out", "show", "show"]);
    assert!(shown(&events).last().unwrap().contains("again"), "{events:?}");
    assert_eq!(printed(&good(client, "for i in 0..20000 { println!(\"{i}\"); }")).lines().count(), 20000);
}

fn training(client: &Client) {
    good(client, "%data rows.jsonl\n%lora r=2 target=q_proj");
    let driven = "let mut losses = Vec::new();\nfor step in lab::train(\"steps=9 batch=2 lr=1e-2\")? { losses.push(step.loss); if step.n == 4 { break; } }\nlosses.len()";
    assert_eq!(value(&good(client, driven)), "4");
    assert_eq!(value(&good(client, "let run = %train steps=3 batch=2\nrun.losses.len()")), "3");
}

/// What a cell may do to itself, and the name of the error it ends with; the next cell works, and earlier variables live where nothing died.
fn crashes(client: &Client) {
    let table = [
        ("panic!(\"oh\");", "RustPanicked", true),
        ("let n: i32 = \"x\".parse()?;", "RustReturned", true),
        ("println!(\"last words\"); std::process::abort();", "RustDied", false),
        ("unsafe { std::ptr::null_mut::<i32>().write_volatile(1) };", "RustDied", false),
        ("std::process::exit(3);", "RustDied", false),
        (":quit", "RustFailed", true),
    ];
    for (code, name, kept) in table {
        good(client, "let marker = 41;");
        let (events, report) = bad(client, code);
        assert_eq!(report.name, name, "{code} {report:?} {events:?}");
        if code.contains("last words") {
            assert_eq!(printed(&events), "last words\n");
        }
        if kept {
            assert_eq!(value(&good(client, "marker + 1")), "42", "{code}");
        } else {
            assert_eq!(bad(client, "marker + 1").1.name, "RustCompile", "{code}");
        }
    }
    endless(client);
}

/// A loop that never asks loses its program; one that does ends at its next call and keeps its variables.
fn endless(client: &Client) {
    good(client, "let marker = 41;");
    let cell = client.execute(Execute::new("println!(\"on\");\nloop { lab::encode(\"a\")?; }"));
    wait_for(&cell, "on");
    client.interrupt();
    assert_eq!(end(&cell).1.error.unwrap().name, "Interrupted");
    assert_eq!(value(&good(client, "marker + 1")), "42");
    let cell = client.execute(Execute::new("println!(\"on\");\nloop { std::hint::spin_loop(); }"));
    wait_for(&cell, "on");
    client.interrupt();
    assert_eq!(end(&cell).1.error.unwrap().name, "RustInterrupted");
    assert_eq!(value(&good(client, "1 + 1")), "2");
    // On a channel of its own it could come after the cell that is sent next, and stop that.
    assert!(client.interrupt_and_wait());
    assert_eq!(value(&good(client, "1 + 2")), "3");
}

fn wait_for(events: &Receiver<Event>, text: &str) {
    while !matches!(events.recv_timeout(LIMIT), Ok(Event::Print { text: said, .. }) if said.contains(text)) {}
}
