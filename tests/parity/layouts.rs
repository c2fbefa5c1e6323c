//! Hub folders as others wrote them: with and without a prefix, with what old checkpoints carry along, and configs that ask for more.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use lantern::model::{self, Model, Request};
use lantern::random::Random;
use lantern::{Error, Result};
use serde_json::{Value, json};

use super::fixture::{apart, device, json as fixture, load, logits, path, tensors};

/// A folder with this config and these weights.
fn folder(config: &Value, weights: &HashMap<String, Tensor>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    candle_core::safetensors::save(weights, folder.path().join("model.safetensors")).unwrap();
    folder
}

fn open(folder: &Path) -> Result<Model> {
    let (weights, config) = (vec![folder.join("model.safetensors")], Some(folder.join("config.json")));
    model::load(&Request { name: "other".into(), weights, config, dtype: None, device: device() })
}

fn weights(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(path(&format!("{name}/model.safetensors")), &Device::Cpu).unwrap()
}

/// What `openai-community/gpt2` and `distilbert/distilgpt2` carry along: masks of the attention, as tensors.
fn with_masks(mut weights: HashMap<String, Tensor>, prefix: &str, layers: usize, context: usize) -> HashMap<String, Tensor> {
    let mask = Tensor::tril2(context, DType::U8, &Device::Cpu).unwrap().reshape((1, 1, context, context)).unwrap();
    for layer in 0..layers {
        weights.insert(format!("{prefix}h.{layer}.attn.bias"), mask.clone());
        weights.insert(format!("{prefix}h.{layer}.attn.masked_bias"), Tensor::new(-1e4_f32, &Device::Cpu).unwrap());
    }
    weights
}

#[test]
fn gpt2_with_and_without_its_prefix_is_the_same_model() {
    let (config, ids) = (fixture("gpt2-tiny/config.json"), tensors("gpt2-tiny/golden.safetensors").ids("ids"));
    let expected = logits(&load("gpt2-tiny"), &ids, None);
    let renamed = |prefix: &str| {
        let each = weights("gpt2-tiny").into_iter().map(|(key, tensor)| (key.replacen("transformer.", prefix, 1), tensor));
        each.collect::<HashMap<_, _>>()
    };
    for prefix in ["transformer.", ""] {
        for head in [false, true] {
            let mut weights = with_masks(renamed(prefix), prefix, 2, 64);
            if head {
                weights.insert("lm_head.weight".into(), weights[&format!("{prefix}wte.weight")].clone());
            }
            let place = folder(&config, &weights);
            let ours = logits(&open(place.path()).unwrap(), &ids, None);
            assert_eq!(apart(&ours, &expected), 0.0, "prefix `{prefix}`, head {head}");
        }
    }
    let place = folder(&config, &renamed("model."));
    assert!(matches!(open(place.path()), Err(Error::MissingTensor { tensor, .. }) if tensor.starts_with("transformer.")));
}

/// A head of its own counts where the config says that it is not tied.
#[test]
fn an_untied_gpt2_has_its_own_head() {
    let ids = tensors("gpt2-tiny/golden.safetensors").ids("ids");
    let mut config = fixture("gpt2-tiny/config.json");
    config["tie_word_embeddings"] = false.into();
    let mut weights = weights("gpt2-tiny");
    weights.insert("lm_head.weight".into(), (&weights["transformer.wte.weight"] * 2.0).unwrap());
    let place = folder(&config, &weights);
    let twice = (logits(&load("gpt2-tiny"), &ids, None) * 2.0).unwrap();
    assert!(apart(&logits(&open(place.path()).unwrap(), &ids, None), &twice) < 1e-4);
}

/// The proportions of DistilGPT2, GPT-2 medium, large and XL: 6, 24, 36 and 48 layers, heads of a width of their own.
#[test]
fn gpt2_of_any_depth_is_saved_and_loaded() {
    for (layers, width, heads, inner) in [(6, 24, 12, None), (24, 32, 16, None), (36, 20, 20, None), (48, 25, 25, Some(60))] {
        let config = json!({
            "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 97, "n_ctx": 32, "n_positions": 32, "n_embd": width,
            "n_layer": layers, "n_head": heads, "n_inner": inner, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
            "task_specific_params": { "text-generation": { "do_sample": true, "max_length": 50 } }, "summary_type": "cls_index",
        });
        let mut fresh = model::random("deep", config.clone(), &Random::seeded(3), &device()).unwrap();
        assert_eq!((fresh.layers.len(), fresh.spec.head_dim, fresh.spec.inner), (layers, width / heads, inner.unwrap_or(4 * width)));
        let mut weights = HashMap::new();
        let block = fresh.family.layout;
        let seen = fresh.visit(&mut |name, slot| {
            let tensor = match slot {
                lantern::model::Slot::Matrix(weight) => weight.rows(&Device::Cpu)?,
                lantern::model::Slot::Vector(tensor) => tensor.to_device(&Device::Cpu)?,
            };
            let inside = name.contains(".h.") && tensor.rank() == 2 && block == lantern::ops::Layout::InOut;
            let tensor = if inside { tensor.t()?.contiguous()? } else { tensor };
            weights.insert(name.replacen("transformer.", "", 1), tensor);
            Ok(())
        });
        seen.unwrap();
        let place = folder(&config, &with_masks(weights, "", layers, 32));
        let ids = Tensor::new(&[[5_u32, 9, 96, 31, 7]], &device()).unwrap();
        assert_eq!(apart(&logits(&open(place.path()).unwrap(), &ids, None), &logits(&fresh, &ids, None)), 0.0, "{layers} layers");
    }
}

/// The hub's `rope_scaling` and transformers 5's `rope_parameters` say the same.
#[test]
fn llama_3s_rope_is_read_in_both_spellings() {
    let ids = tensors("llama3-tiny/golden.safetensors").ids("ids");
    let mut config = fixture("llama3-tiny/config.json");
    let (theta, mut rope) = (config["rope_theta"].take(), config["rope_scaling"].take());
    rope["rope_theta"] = theta;
    config["rope_parameters"] = rope;
    let place = folder(&config, &weights("llama3-tiny"));
    assert_eq!(apart(&logits(&open(place.path()).unwrap(), &ids, None), &logits(&load("llama3-tiny"), &ids, None)), 0.0);
}

#[test]
fn what_a_config_asks_for_in_vain_is_named() {
    let llama3 = |field: &str| format!("`rope_scaling.{field}` must be a number above 0");
    let cases = [
        ("llama3-tiny", "rope_scaling", json!({ "rope_type": "yarn", "factor": 4.0 }), "rope type `yarn`".to_owned()),
        ("llama3-tiny", "rope_scaling", json!({ "type": "linear", "factor": 4.0 }), "rope type `linear`".to_owned()),
        ("qwen2-tiny", "rope_parameters", json!({ "rope_type": "longrope" }), "rope type `longrope`".to_owned()),
        ("llama3-tiny", "rope_scaling", json!({ "rope_type": "llama3" }), llama3("low_freq_factor")),
        (
            "llama3-tiny",
            "rope_scaling",
            json!({ "rope_type": "llama3", "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8 }),
            llama3("factor"),
        ),
        (
            "llama3-tiny",
            "rope_scaling",
            json!({ "rope_type": "llama3", "low_freq_factor": 4, "high_freq_factor": 4, "factor": 8, "original_max_position_embeddings": 8 }),
            "`rope_scaling.high_freq_factor` is 4".to_owned(),
        ),
        ("llama-tiny", "hidden_act", json!("relu"), "`hidden_act` is `relu`".to_owned()),
        ("llama-tiny", "partial_rotary_factor", json!(0.5), "`partial_rotary_factor` is 0.5".to_owned()),
        ("llama-tiny", "quantization_config", json!({ "quant_method": "awq", "bits": 4 }), "`quantization_config` is `awq`".to_owned()),
        ("qwen2-tiny", "use_sliding_window", json!(true), "`use_sliding_window` is true".to_owned()),
        ("qwen3-tiny", "layer_types", json!(["full_attention", "sliding_attention"]), "`layer_types` has `sliding_attention`".to_owned()),
        ("gpt2-tiny", "scale_attn_weights", json!(false), "`scale_attn_weights` is false".to_owned()),
        ("gpt2-tiny", "scale_attn_by_inverse_layer_idx", json!(true), "`scale_attn_by_inverse_layer_idx` is true".to_owned()),
        ("gpt2-tiny", "add_cross_attention", json!(true), "`add_cross_attention` is true".to_owned()),
        ("gpt2-tiny", "activation_function", json!("relu"), "`activation_function` is `relu`".to_owned()),
        ("gpt_neox-tiny", "hidden_act", json!("relu"), "`hidden_act` is `relu`".to_owned()),
    ];
    for (name, field, value, said) in cases {
        let mut config = fixture(&format!("{name}/config.json"));
        config[field] = value.clone();
        match open(folder(&config, &weights(name)).path()) {
            Err(Error::BadConfig { cause, .. }) => assert!(cause.contains(&said), "{name} {field}: {cause}"),
            other => panic!("{name} {field} = {value}: {:?}", other.map(|_| ()).err()),
        }
    }
    // What says the usual thing at length is no hindrance.
    for (name, field, value) in [
        ("llama-tiny", "partial_rotary_factor", json!(1)),
        ("qwen3-tiny", "layer_types", json!(["full_attention", "full_attention"])),
        ("gpt2-tiny", "scale_attn_weights", json!(true)),
        ("gpt2-tiny", "reorder_and_upcast_attn", json!(true)),
        ("llama-tiny", "quantization_config", Value::Null),
    ] {
        let mut config = fixture(&format!("{name}/config.json"));
        config[field] = value;
        assert!(open(folder(&config, &weights(name)).path()).is_ok(), "{name} {field}");
    }
}
