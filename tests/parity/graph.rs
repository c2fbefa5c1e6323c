//! Gradients along the notes of a graph against candle's own backward pass over the same forward pass, and that candle is not asked on the way.

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use lantern::adapter::{Adapter, Lora, Targets};
use lantern::model::{self, Input, Model, NoTap};
use lantern::nn::{Deltas, Pass};
use lantern::ops::{self, Grads, Graph};
use lantern::optim::Parameters;
use lantern::random::Random;
use lantern::train;
use serde_json::{Value, json};

use super::fixture::{apart, device, within};
use super::recomputed::shaken;

const TOKENS: usize = 11;

fn families() -> Vec<Value> {
    let llama_like = |kind: &str| {
        json!({ "model_type": kind, "vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 6,
            "num_key_value_heads": 2, "intermediate_size": 40, "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "rope_theta": 1e4,
            "tie_word_embeddings": kind == "llama" })
    };
    let gpt2 = json!({ "model_type": "gpt2", "vocab_size": 61, "n_embd": 24, "n_layer": 2, "n_head": 4, "n_positions": 32 });
    let neox = json!({ "model_type": "gpt_neox", "vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 40, "max_position_embeddings": 32, "rotary_pct": 0.5, "rotary_emb_base": 10000, "layer_norm_eps": 1e-5,
        "use_parallel_residual": true, "hidden_act": "gelu", "tie_word_embeddings": false });
    let mut all = vec![gpt2, neox];
    all.extend(["llama", "mistral", "qwen2", "qwen3"].map(llama_like));
    all
}

fn loss(model: &Model, deltas: Option<&Deltas>) -> Tensor {
    let ids: Vec<u32> = (0..2 * TOKENS as u32).map(|i| (3 + 7 * i * i) % 61).collect();
    let input = Tensor::from_vec(ids.clone(), (2, TOKENS), &device()).unwrap();
    let pass = Pass { deltas, dropout: Some(5), ..Pass::default() };
    let hidden = model.forward(Input::Ids(&input), None, &pass, &mut NoTap).unwrap();
    let hidden = ops::reshape(&hidden, (2 * TOKENS, 24)).unwrap();
    ops::cross_entropy(&hidden, &train::head_of(model), &ids).unwrap()
}

/// The largest difference between the two ways relative to the largest gradient, and how often candle was asked.
fn compare(what: &str, model: &Model, deltas: Option<&Deltas>, vars: &Parameters) {
    let (mut graph, mut grads) = (Graph::default(), Grads::default());
    let y = graph.listen(|| loss(model, deltas));
    graph.give(&mut grads, &y, y.ones_like().unwrap()).unwrap();
    graph.backward(&mut grads).unwrap();
    let z = loss(model, deltas);
    assert_eq!(y.to_scalar::<f32>().unwrap(), z.to_scalar::<f32>().unwrap(), "{what}");
    let candles: GradStore = z.backward().unwrap();
    let mut worst = 0.0_f64;
    for (name, var) in vars {
        let (ours, candles) = (grads.remove(var), candles.get(var.as_tensor()).expect("candle has every gradient"));
        let ours = ours.unwrap_or_else(|| panic!("{what}: no gradient of {name}"));
        let largest = candles.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(largest > 0.0, "{what}: {name} learns nothing");
        worst = worst.max(apart(&ours, candles) / f64::from(largest));
    }
    within(&format!("{what}: gradients beside candle's own"), worst, 1e-5);
    assert_eq!(grads.asked, 0, "{what}: an op on the way is not noted");
}

#[test]
fn all_families_get_candles_gradients_without_candle() {
    for config in families() {
        let what = config["model_type"].as_str().unwrap().to_owned();
        let mut model = model::random(&what, config, &Random::seeded(3), &device()).unwrap();
        let lora = Lora { r: 3, alpha: 6.0, targets: Targets::list(["all-linear"]), dropout: 0.1, ..Lora::default() };
        let adapter = Adapter::new(lora, &model, &Random::seeded(2)).unwrap();
        let vars = adapter.vars().to_vec();
        shaken(&vars, &mut Random::seeded(4));
        compare(&format!("{what}, lora"), &model, Some(adapter.deltas()), &vars);
        let vars = model.track().unwrap();
        shaken(&vars, &mut Random::seeded(4));
        compare(&format!("{what}, full"), &model, None, &vars);
    }
}
