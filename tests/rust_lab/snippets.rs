//! What the first page promises, as it is written there, in a notebook and in a terminal.

use kernel::client::Client;
use wire::{Event, Execute};

use super::{end, good};
use crate::harness::kernel::{Kernel, printed, shown};

const LOOK: &str = r#"%load spark
let logits = lab::logits("Once upon a")?;
let top = lab::top(&logits.row(-1), 5);
println!("{top:?}");
let attn = lab::attention("The cat sat", 0)?;
lab::show(&lab::heatmap(&attn.index(0)))?;"#;

const TRAIN: &str = r#"%data rows.jsonl
%lora r=2
let run = %train steps=3
println!("{:?} {:?}", run.losses.len(), run.best_step.is_some());
for step in lab::train("steps=50")? {
    if step.n == 2 { break; }
}
let w = lab::weight("model.layers.0.self_attn.q_proj.weight")?;
println!("{:?}", w.shape());"#;

const HOOK: &str = r#"let mut left = 3;
let said = lab::generate_with("Hello", |logits| { left -= 1; (left >= 0).then(|| logits.argmax() as u32) })?;
lab::hook("layers.3.mlp", |activation| { activation.fill(0.0); })?;
println!("{}", said.is_empty());
for n in 1..=3 { lab::progress("mine", n, 3)?; }
lab::show_as("live", &lab::Html("<b>one</b>".into()))?;
lab::show_as("live", &lab::Html("<b>two</b>".into()))?;"#;

pub fn all(kernel: &Kernel, client: &Client) {
    let notebook: Vec<String> = [LOOK, TRAIN, HOOK].iter().map(|code| printed(&good(client, code))).collect();
    assert!(notebook[0].contains("Top { id: ") && notebook[1].contains("[224, 224]\n"), "{notebook:?}");
    let events = good(
        client,
        "lab::show_as(\"live\", &lab::Html(\"<b>one</b>\".into()))?;\nlab::show_as(\"live\", &lab::Html(\"<b>two</b>\".into()))?;",
    );
    assert_eq!(shown(&events), ["<b>two</b>"]);
    let events = good(client, "lab::show(&lab::heatmap(&lab::attention(\"The cat sat\", 0)?.index(0)))?;");
    assert!(matches!(&events[..], [Event::Show { forms, .. }] if forms.iter().any(|form| form.mime == "image/svg+xml")), "{events:?}");
    let cell = client.execute(Execute::new("println!(\"{}\", lab::input(\"name: \")?);"));
    while !matches!(cell.recv_timeout(super::LIMIT), Ok(Event::Input { prompt, .. }) if prompt == "name: ") {}
    client.answer(Some("模型".into()));
    let (events, outcome) = end(&cell);
    assert_eq!((printed(&events).as_str(), outcome.error), ("模型\n", None));
    terminal(kernel, &notebook);
}

/// A file of the same cells, run by another session without a notebook.
fn terminal(kernel: &Kernel, notebook: &[String]) {
    kernel.world.write("cells.rs", [LOOK, TRAIN, HOOK].join("\n# %%\n"));
    let ran = kernel.world.lantern(&["run", "cells.rs"]).output().unwrap();
    let (out, err) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert!(ran.status.success(), "{out}{err}");
    let theirs = |line: &&str| line.starts_with("[Top") || line.starts_with("3 true") || line.starts_with("[224") || **line == *"false";
    for line in notebook.iter().flat_map(|text| text.lines()).filter(theirs) {
        assert!(out.lines().any(|ours| ours == line), "{line}\n{out}");
    }
    assert_eq!(notebook.iter().flat_map(|text| text.lines()).filter(theirs).count(), 4, "{notebook:?}");
}
