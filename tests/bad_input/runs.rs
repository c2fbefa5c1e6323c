//! Runs that make no sense are refused or explained, with the figures and the next command.

use candle_core::{Device, Tensor};
use insta::assert_snapshot;

use crate::harness::world::World;

const BEGIN: &str = "%load llama-tiny --json\n%data rows.jsonl show=0 --json\n%lora r=4 --json\n";

#[test]
fn learning_rates_that_learn_nothing() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.fail(&format!("{BEGIN}%train lr=2")), @"
    error: lr=2 times the adapter's scale 8 makes 16: nothing learns outside of 1e-9 … 10
      %train lr=2
    hint: %train lr=2e-4
    ");
    assert_snapshot!(world.fail("%load llama-tiny --json\n%data rows.jsonl show=0 --json\n%train lr=1e-12"), @"
    error: lr=1e-12 times the adapter's scale 1 makes 1e-12: nothing learns outside of 1e-9 … 10
      %train lr=1e-12
    hint: %train lr=5e-5
    ");
    assert_snapshot!(world.fail_in("zh", &format!("{BEGIN}%train lr=5")), @"
    错误: lr=5 乘以适配器的缩放 8 得 40：超出 1e-9 … 10 就学不到东西
      %train lr=5
    提示: %train lr=2e-4
    ");
}

#[test]
fn the_same_rows_on_both_sides_of_the_split() {
    let world = World::with(&["llama-tiny"]);
    world.write("twice.jsonl", "{\"instruction\": \"say 1\", \"output\": \"it is 1\"}\n".repeat(8));
    let said = world.run("%load llama-tiny --json\n%data twice.jsonl val=0.25 show=0 --json\n%lora --json\n%train steps=1 batch=1");
    assert_snapshot!(said.lines().find(|line| line.contains("validation examples stand")).unwrap(), @"2 of the 2 validation examples stand in the training set too, token for token: their loss measures memory");
}

#[test]
fn answers_whose_end_is_cut_off() {
    let world = World::with(&["llama-tiny"]);
    world.write("long.jsonl", format!("{{\"instruction\": \"a\", \"output\": \"{}\"}}\n", "it is so ".repeat(20)).repeat(6));
    let said =
        world.run("%load llama-tiny --json\n%data long.jsonl max_length=40 val=0 show=0 --json\n%lora --json\n%train steps=1 batch=1");
    assert_snapshot!(said.lines().find(|line| line.contains("end token")).unwrap_or(&said), @"the end token is learned in 0 of 6 answers only (6 were cut): where it is masked or cut off, the model does not learn to stop; `%data long.jsonl max_length=N` with a larger N keeps it");
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
    assert_snapshot!(world.fail(&format!("{BEGIN}%train steps=2")), @"
    error: the loss is not finite at step 1, for `model.layers.1.mlp.down_proj.weight` holds a number that is not
      %train steps=2
    hint: load the model or adapter again; if it comes from a file, the file is damaged
    ");
    assert_snapshot!(world.fail_in("zh", &format!("{BEGIN}%train steps=2")), @"
    错误: 第 1 步损失不是有限数，因为 `model.layers.1.mlp.down_proj.weight` 中有非有限数
      %train steps=2
    提示: 请重新加载模型或适配器；如果来自文件，说明文件已损坏
    ");
}

/// A finite weight so large that what the layer makes of it is not finite.
#[test]
fn the_layer_and_the_row_that_overflow_are_named() {
    let world = World::with(&["llama-tiny"]);
    damaged(&world, "model.layers.1.mlp.down_proj.weight", 3, 3e38);
    let code = "%load llama-tiny --json\n%data rows.jsonl val=0 show=0 --json\n%lora r=4 --json\n%train steps=1 batch=2 accum=2 seed=1";
    assert_snapshot!(world.fail(code), @"
    error: the loss is not finite at step 1: it begins in the MLP of layer 1 (of 2, from 0), in row 1 of batch 1 (row 9 of the data)
      %train steps=1 batch=2 accum=2 seed=1
    hint: the step was not taken; look at that row of the data, and try a lower `lr`
    ");
    // A streamed set has the same rows in the same order.
    assert_eq!(world.fail(&code.replace("rows.jsonl", "rows.jsonl stream=true")), world.fail(code));
    let run = world.json("%runs --json");
    assert_eq!((&run["runs"][0]["ended"], &run["runs"][0]["steps"]), (&"NotFiniteAt".into(), &0.into()));
}
