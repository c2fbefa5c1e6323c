//! Hooks: a look changes no bit, a change is what a model with other weights computes, and whatever happens in one, the model stays.

use kernel::client::Client;

use super::{bad, end, good, holds, printed, said, value};
use crate::harness::kernel::Kernel;
use wire::{Event, Execute};

pub fn all(kernel: &Kernel, client: &Client) {
    without_its_mlp(kernel);
    good(client, "%load llama-tiny");
    changed(client);
    looked(client);
    names(client);
    accidents(client);
}

/// `llama-tiny` whose second MLP adds nothing.
fn without_its_mlp(kernel: &Kernel) {
    let (from, to) = (kernel.world.path("llama-tiny"), kernel.world.path("no-mlp"));
    std::fs::create_dir_all(&to).unwrap();
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    let device = candle_core::Device::Cpu;
    let mut tensors = candle_core::safetensors::load(from.join("model.safetensors"), &device).unwrap();
    let down = tensors.get_mut("model.layers.1.mlp.down_proj.weight").unwrap();
    *down = down.zeros_like().unwrap();
    candle_core::safetensors::save(&tensors, to.join("model.safetensors")).unwrap();
}

fn changed(client: &Client) {
    good(client, "let plain = lab::logits(\"the cat\")?;");
    let identity = "for name in lab::activations()? { lab::hook(&name, |_| {})?; }\nlab::logits(\"the cat\")? == plain";
    holds(client, identity);
    // Hooks end with their cell.
    good(client, "lab::hook(\"layers.1.mlp\", |activation| activation.fill(0.0))?;\nlet hooked = lab::logits(\"the cat\")?;");
    holds(client, "lab::logits(\"the cat\")? == plain && hooked != plain");
    good(client, "lab::hook(\"layers.0.mlp\", |activation| activation.fill(0.0))?;\nlet other = lab::logits(\"the cat\")?;");
    let until = "let hook = lab::hook(\"layers.1.mlp\", |activation| activation.fill(0.0))?;\nlet on = lab::logits(\"the cat\")?;\nhook.remove()?;\n";
    holds(client, &format!("{until}on == hooked && lab::logits(\"the cat\")? == plain"));
    let sampled = "let mut n = 0;\nlab::hooked(\"layers.1.mlp\", |a| a.fill(0.0), || lab::generate_with(\"the\", |scores| { n += 1; (n <= 5).then(|| scores.argmax() as u32) }))?";
    let written = value(client, sampled);
    good(client, "%load no-mlp");
    holds(client, "let without = lab::logits(\"the cat\")?;\nhooked == without && other != without");
    assert_eq!(value(client, &sampled.replace("|a| a.fill(0.0)", "|_| {}")), written);
    good(client, "%load llama-tiny");
    holds(client, "lab::logits(\"the cat\")? == plain");
}

/// A closure may use the cell's variables, ask and show; and a hook's change is seen by those that look later.
fn looked(client: &Client) {
    let means = "let mut means = Vec::new();\nlet given = lab::hooked(\"layers.0.self_attn\", |a| means.push((a.shape().to_vec(), a.mean())), || lab::logits(\"the cat\"))?;\n";
    holds(client, &format!("{means}given == plain && means.len() == 1 && means[0].0 == [lab::encode(\"the cat\")?.len(), 32]"));
    let uniform = "lab::hook(\"layers.0.self_attn.probabilities\", |p| { let n = p.shape()[2] as f32; p.fill(1.0 / n); })?;\n";
    let probabilities =
        "lab::attention(\"the cat\", 0)?.data().iter().all(|p| (p * lab::encode(\"the cat\").unwrap().len() as f32 - 1.0).abs() < 1e-6)";
    holds(client, &format!("{uniform}{probabilities} && lab::logits(\"the cat\")? != plain"));
    let shows = "println!(\"one\");\nlab::hook(\"layers.0.mlp\", |a| { println!(\"two {}\", lab::logits(\"a\").unwrap().shape().len()); lab::show(a).unwrap(); println!(\"three\"); })?;\nlab::hidden(\"the cat\", 2)?;\nprintln!(\"four\");";
    let events = good(client, shows);
    assert_eq!(printed(&events), "one\ntwo 2\nthree\nfour\n");
    let order: Vec<bool> =
        events.iter().filter(|e| matches!(e, Event::Print { .. } | Event::Show { .. })).map(|e| matches!(e, Event::Show { .. })).collect();
    assert_eq!(order.iter().position(|shown| *shown), Some(order.len() - 2), "{events:?}");
    holds(client, "lab::activation(\"the cat\", \"layers.1.residual\")? == lab::hidden(\"the cat\", 1)?");
}

fn names(client: &Client) {
    for (given, near) in [("layers.1.mpl", "`layers.1.mlp`"), ("layers.7.mlp", "`layers.0.mlp`")] {
        let (events, report) = bad(client, &format!("lab::hook({given:?}, |_| {{}})?;"));
        assert_eq!(report.name, "RustReturned");
        assert!(said(&events).contains(near) && said(&events).contains("lab::activations()"), "{}", said(&events));
    }
    let shape = "lab::hook(\"layers.1.mlp\", |a| *a = a.index(0))?;\nlab::logits(\"the cat\")?;";
    assert!(said(&bad(client, shape).0).contains("was [5, 32]"), "{:?}", bad(client, shape).0);
    let nested = "lab::hook(\"layers.1.mlp\", |_| println!(\"{}\", lab::magic::<lab::value::Seed>(\"seed 3\").unwrap_err()))?;\nlab::logits(\"the cat\")?;";
    assert!(printed(&good(client, nested)).contains("a hook may look and show"));
    good(client, "%load gpt2-tiny");
    holds(
        client,
        "let names = lab::activations()?;\nnames[0] == \"h.0.residual\" && names[5] == \"h.0.attn\" && names.iter().all(|name| lab::activation(\"the cat\", name).is_ok())",
    );
    holds(client, "lab::activation(\"the cat\", \"transformer.h.1.mlp\")? == lab::activation(\"the cat\", \"h.1.mlp\")?");
    good(client, "%load llama-tiny");
}

/// A panic or an interrupt inside a hook costs the call; the model and later calls are as before.
fn accidents(client: &Client) {
    let bits = "lab::logits(\"the cat\")?.data().iter().map(|x| u64::from(x.to_bits())).sum::<u64>()";
    let before = value(client, bits);
    let (_, report) = bad(client, "lab::hook(\"layers.0.mlp\", |a| { a.fill(9.0); panic!(\"oh\") })?;\nlab::logits(\"the cat\")?;");
    assert_eq!(report.name, "RustPanicked");
    holds(client, "lab::logits(\"the cat\")? == plain");
    let stuck = "lab::hook(\"layers.0.mlp\", |a| { a.fill(9.0); println!(\"in\"); loop { std::hint::spin_loop(); } })?;\nlab::logits(\"the cat\")?;";
    let cell = client.execute(Execute::new(stuck));
    super::wait_for(&cell, "in");
    client.interrupt();
    assert_eq!(end(&cell).1.error.unwrap().name, "RustInterrupted");
    let died = bad(client, "lab::hook(\"layers.0.mlp\", |_| std::process::abort())?;\nlab::logits(\"the cat\")?;");
    assert_eq!(died.1.name, "RustDied");
    assert_eq!(value(client, bits), before);
}
