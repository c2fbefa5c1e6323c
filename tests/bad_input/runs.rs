//! Runs that make no sense are refused or explained, with the figures and the next command.

use candle_core::{Device, Tensor};
use insta::assert_snapshot;

use crate::harness::world::World;

const BEGIN: &str = "%load llama-tiny --json\n%data rows.jsonl show=0 --json\n%lora r=4 --json\n";

#[test]
fn learning_rates_that_learn_nothing() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.fail(&format!("{BEGIN}%train lr=2")), @"");
    assert_snapshot!(world.fail("%load llama-tiny --json\n%data rows.jsonl show=0 --json\n%train lr=1e-12"), @"");
    assert_snapshot!(world.fail_in("zh", &format!("{BEGIN}%train lr=5")), @"");
}

#[test]
fn the_same_rows_on_both_sides_of_the_split() {
    let world = World::with(&["llama-tiny"]);
    world.write("twice.jsonl", "{\"instruction\": \"say 1\", \"output\": \"it is 1\"}\n".repeat(8));
    let said = world.run("%load llama-tiny --json\n%data twice.jsonl val=0.25 show=0 --json\n%lora --json\n%train steps=1 batch=1");
    assert_snapshot!(said.lines().find(|line| line.contains("validation examples stand")).unwrap(), @"");
}

#[test]
fn answers_whose_end_is_cut_off() {
    let world = World::with(&["llama-tiny"]);
    world.write("long.jsonl", format!("{{\"instruction\": \"a\", \"output\": \"{}\"}}\n", "it is so ".repeat(20)).repeat(6));
    let said =
        world.run("%load llama-tiny --json\n%data long.jsonl max_length=40 val=0 show=0 --json\n%lora --json\n%train steps=1 batch=1");
    assert_snapshot!(said.lines().find(|line| line.contains("end token")).unwrap_or(&said), @"");
}

/// Weights of the model with one number of `tensor` at `row` made NaN, or `value`.
fn damaged(world: &World, tensor: &str, row: usize, value: f32) {
    let path = world.path("llama-tiny/model.safetensors");
    let mut all = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let (rows, columns) = all[tensor].dims2().unwrap();
    let mut values = all[tensor].flatten_all().unwrap().to_vec1::<f32>().unwrap();
    values[row * columns..(row + 1) * columns].fill(value);
    all.insert(tensor.to_owned(), Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap());
    candle_core::safetensors::save(&all, &path).unwrap();
}

#[test]
fn a_number_that_is_none_is_found() {
    let world = World::with(&["llama-tiny"]);
    damaged(&world, "model.layers.1.mlp.down_proj.weight", 3, f32::NAN);
    assert_snapshot!(world.fail(&format!("{BEGIN}%train steps=2")), @"");
    assert_snapshot!(world.fail_in("zh", &format!("{BEGIN}%train steps=2")), @"");
}

/// A finite weight so large that what the layer makes of it is not finite.
#[test]
fn the_layer_and_the_row_that_overflow_are_named() {
    let world = World::with(&["llama-tiny"]);
    damaged(&world, "model.layers.1.mlp.down_proj.weight", 3, 3e38);
    let code = "%load llama-tiny --json\n%data rows.jsonl val=0 show=0 --json\n%lora r=4 --json\n%train steps=1 batch=2 accum=2 seed=1";
    assert_snapshot!(world.fail(code), @"");
    let run = world.json("%runs --json");
    assert_eq!((&run["runs"][0]["ended"], &run["runs"][0]["steps"]), (&"NotFiniteAt".into(), &0.into()));
}
