//! %adapters, %merge, %unmerge, %full, and the names that %lora, %load and %save take.

use insta::assert_snapshot;

use crate::harness::world::World;

const BEGIN: &str = "%load llama-tiny\n%data rows.jsonl val=0.25 show=0 --json\n";
const TRAIN: &str = "%train steps=2 batch=2 lr=1e-2 --json\n";

/// What is said after the lines of JSON.
fn said(world: &World, code: &str) -> String {
    let text = world.run(code);
    let lines: Vec<&str> = text.lines().skip(1).filter(|line| !line.starts_with('{')).collect();
    lines.join("\n")
}

#[test]
fn a_trained_adapter_waits_under_its_name() {
    let world = World::with(&["llama-tiny"]);
    let code = format!("{BEGIN}%lora r=2 name=poet\n{TRAIN}%lora r=4 dora=true\n%adapters\n%save out name=poet --json\n%adapters poet");
    assert_snapshot!(said(&world, &code), @"");
    assert_snapshot!(said(&world, &format!("{BEGIN}%load out\n%load out name=second\n%adapters\n%adapters drop=out")), @"");
    assert_snapshot!(world.fail(&format!("{BEGIN}%lora name=poet --json\n{TRAIN}%lora name=poet")), @"");
    assert_snapshot!(world.fail(&format!("{BEGIN}%lora name=poet --json\n%adapters pot")), @"");
    assert_snapshot!(world.fail(&format!("{BEGIN}%lora name=a/b")), @"");
}

#[test]
fn a_merged_adapter_can_be_taken_out() {
    let world = World::with(&["llama-tiny", "llama-gguf/llama-q8_0.gguf"]);
    let code = format!("{BEGIN}%lora r=2 name=poet --json\n{TRAIN}%eval ppl\n%merge\n%eval ppl\n%adapters\n%unmerge\n%eval ppl");
    assert_snapshot!(said(&world, &code), @"");
    assert_snapshot!(said(&world, "%load llama-q8_0.gguf\n%lora r=2 target=all-linear --json\n%merge"), @"");
    assert_snapshot!(world.fail("%load llama-tiny\n%unmerge"), @"");
    assert_snapshot!(world.fail("%load llama-tiny\n%ptune n=2 --json\n%merge"), @"");
}

#[test]
fn a_spectrum_has_as_many_values_as_the_rank() {
    let world = World::with(&["llama-tiny"]);
    let found = world.json(&format!("{BEGIN}%lora r=3 --json\n{TRAIN}%adapters spectrum=true --json"));
    let layers = found["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 4);
    for layer in layers {
        let values: Vec<f64> = layer["values"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        assert!(values.len() == 3 && values.windows(2).all(|pair| pair[0] >= pair[1]) && values[2] > 0.0, "{values:?}");
    }
    assert_snapshot!(said(&world, &format!("{BEGIN}%lora r=2 dora=true target=q_proj --json\n%adapters spectrum=true")), @"");
    assert_snapshot!(world.fail("%load llama-tiny\n%ptune n=2 --json\n%adapters spectrum=true"), @"");
}

#[test]
fn full_says_what_it_trains() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(said(&world, "%load llama-tiny\n%full\n%full freeze=0,embeddings\n%full freeze=norms,mlp"), @"");
    assert_snapshot!(world.fail("%load llama-tiny\n%full freeze=5"), @"");
    assert_snapshot!(world.fail("%load llama-tiny\n%lora layers=0-x"), @"");
    assert_snapshot!(world.fail("%load llama-tiny\n%lora target=q_proj layers=7"), @"");
    assert_snapshot!(world.fail("%load llama-tiny\n%lora target=q_proj exclude=self_attn.q_proj"), @"");
    assert_snapshot!(world.fail("%load llama-tiny\n%lora rank_pattern=q_proj:x"), @"");
}
