//! Gradients with parts of the forward pass run again against those with all of it kept: the same bits, with dropout on.

use candle_core::{Tensor, Var};
use lantern::adapter::{Adapter, Lora, Targets};
use lantern::data::{Batch, Example, batch};
use lantern::model::{self, Model};
use lantern::nn::{Deltas, Encoder, Net, Part, Place, Widths};
use lantern::optim::Parameters;
use lantern::random::Random;
use lantern::train::{self, Aim, Tape};
use serde_json::{Value, json};

use super::fixture::device;

const LAYERS: usize = 5;

fn llama() -> Value {
    json!({ "model_type": "llama", "vocab_size": 61, "hidden_size": 24, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 40, "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "tie_word_embeddings": true })
}

fn gpt2() -> Value {
    json!({ "model_type": "gpt2", "vocab_size": 61, "n_embd": 24, "n_layer": LAYERS, "n_head": 4, "n_positions": 32 })
}

/// Every number away from what fresh models have: no zero biases, no unit norms, no B of zeros.
pub fn shaken(vars: &Parameters, random: &mut Random) {
    for (_, var) in vars {
        let noise = Tensor::from_vec(random.normals(var.elem_count(), 0.2), var.shape(), var.device()).unwrap();
        var.set(&(var.as_tensor() + noise).unwrap()).unwrap();
    }
}

fn fresh(config: Value) -> (Model, Parameters) {
    let mut model = model::random("five layers", config, &Random::seeded(3), &device()).unwrap();
    let vars = model.track().unwrap();
    shaken(&vars, &mut Random::seeded(4));
    (model, vars)
}

/// Two micro-batches of unequal lengths.
fn window() -> Vec<Batch> {
    let example = |from: u32, length: u32| {
        let ids: Vec<u32> = (0..length).map(|i| (from + 7 * i * i) % 61).collect();
        Example::new(ids, 3)
    };
    let examples = [example(1, 9), example(5, 14), example(11, 6), example(2, 12)];
    vec![batch(&examples[..2], 0), batch(&examples[2..], 0)]
}

fn bits(model: &Model, deltas: Option<&Deltas>, vars: &Parameters, tape: &mut Tape, first: u64) -> (u64, Vec<Vec<u32>>) {
    let mut seed = first;
    let (loss, gradients) = train::gradients_on(tape, model, deltas, &window(), vars, Aim::default(), &mut || {
        seed += 1;
        seed
    })
    .unwrap();
    let of = |gradient: &Option<Tensor>| {
        let values = gradient.as_ref().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.iter().map(|x| x.to_bits()).collect()
    };
    (loss.sum.to_bits(), gradients.0.iter().map(of).collect())
}

/// Holds every length of segment to the pass that keeps all; nothing below layer `lowest` learns.
fn same(what: &str, lowest: usize, model: &Model, deltas: Option<&Deltas>, vars: &Parameters) {
    let kept = bits(model, deltas, vars, &mut Tape::default(), 9);
    assert!(kept.1.iter().all(|gradient| gradient.iter().any(|bits| f32::from_bits(*bits) != 0.0)), "{what}: all learn");
    for every in 1..=LAYERS {
        let mut tape = Tape::new(Some(every));
        assert!(bits(model, deltas, vars, &mut tape, 9) == kept, "{what}: segments of {every}");
        assert_eq!(tape.again().is_zero(), every >= LAYERS - lowest, "{what}: what is run again, segments of {every}");
    }
}

#[test]
fn all_weights_get_the_same_gradients() {
    for config in [llama(), gpt2()] {
        let (model, vars) = fresh(config);
        same(model.family.name, 0, &model, None, &vars);
    }
}

#[test]
fn adapters_get_the_same_gradients_with_dropout() {
    for config in [llama(), gpt2()] {
        let (model, _) = fresh(config);
        let model = model.detached();
        let lora = Lora { r: 3, alpha: 6.0, targets: Targets::list(["all-linear"]), dropout: 0.3, ..Lora::default() };
        let adapter = Adapter::new(lora, &model, &Random::seeded(5)).unwrap();
        let vars = adapter.vars().to_vec();
        shaken(&vars, &mut Random::seeded(6));
        same(model.family.name, 0, &model, Some(adapter.deltas()), &vars);
        let (kept, other) = (&mut Tape::default(), &mut Tape::new(Some(1)));
        let differ = bits(&model, Some(adapter.deltas()), &vars, kept, 9) != bits(&model, Some(adapter.deltas()), &vars, other, 10);
        assert!(differ, "dropout is on: another seed drops other numbers");
    }
}

/// Below the first adapter nothing is run again and nothing kept.
#[test]
fn layers_below_all_adapters_run_once() {
    let (model, _) = fresh(llama());
    let model = model.detached();
    let targets = Targets::list(["layers.3.mlp.down_proj", "layers.4.self_attn.q_proj"]);
    let adapter = Adapter::new(Lora { r: 2, alpha: 4.0, targets, dropout: 0.1, ..Lora::default() }, &model, &Random::seeded(5)).unwrap();
    let vars = adapter.vars().to_vec();
    shaken(&vars, &mut Random::seeded(6));
    same("two layers", 3, &model, Some(adapter.deltas()), &vars);
}

/// Virtual tokens that are computed: as embeddings, and as keys and values of each layer.
#[test]
fn computed_soft_prompts_get_the_same_gradients() {
    let (model, _) = fresh(llama());
    let model = model.detached();
    let layers = Place::Layers { heads: 2, dim: 6 };
    for (place, net, output) in [(Place::Input, Net::Mlp, 24), (layers, Net::Projection, LAYERS * 2 * 2 * 6)] {
        let mut random = Random::seeded(8);
        let mut vars = Vec::new();
        let mut parts = std::collections::BTreeMap::new();
        for Part { name, shape, .. } in net.parts(Widths { tokens: 3, input: 8, hidden: 8, output }) {
            let numbers = random.normals(shape.iter().product(), 0.3);
            let var = Var::from_tensor(&Tensor::from_vec(numbers, shape, &device()).unwrap()).unwrap();
            parts.insert(name.clone(), var.as_tensor().clone());
            vars.push((name, var));
        }
        let deltas = Deltas { prompt: Some(Encoder::new(parts, net, place).unwrap()), ..Deltas::default() };
        same(&format!("{place:?}"), 0, &model, Some(&deltas), &vars);
    }
}
