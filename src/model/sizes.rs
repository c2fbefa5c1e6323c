//! A family's own config at the size of a first model, what follows from a size that is given, and which sizes go together.

use serde_json::{Value, json};

use super::families::Family;
use super::fresh::{Given, field};
use super::spec::{Mlp, Position, Spec};
use crate::words::{pretrain as words, ui};
use crate::{Error, Result};

/// The config that transformers writes for a fresh model of a family (`configuration_*.py`, 5.23), with sizes that train in minutes and the embedding
/// shared with the head. The eps of llama and mistral is that of Llama 2 and 3 and of Mistral 7B; rotation is spelled as transformers 4 and 5 both read it.
pub fn own(family: &str) -> Value {
    let mut config = match family {
        "gpt2" => return gpt2(),
        "gpt_neox" => return gpt_neox(),
        _ => llama_like(family),
    };
    let more = match family {
        "llama" => json!({"attention_bias": false, "mlp_bias": false, "pretraining_tp": 1, "head_dim": 32, "rms_norm_eps": 1e-5}),
        "mistral" => json!({"head_dim": 32, "sliding_window": 4096, "rms_norm_eps": 1e-5}),
        "qwen3" => json!({"attention_bias": false, "head_dim": 32}),
        _ => json!({}),
    };
    let windowless =
        json!({"layer_types": vec!["full_attention"; 4], "max_window_layers": 28, "sliding_window": null, "use_sliding_window": false});
    let windowless = if family.starts_with("qwen") { windowless } else { json!({}) };
    if let Some(fields) = config.as_object_mut() {
        let more = [more, windowless].into_iter().filter_map(|part| part.as_object().cloned());
        more.for_each(|part| fields.extend(part));
    }
    config
}

fn llama_like(family: &str) -> Value {
    json!({
        "model_type": family,
        "attention_dropout": 0.0,
        "hidden_act": "silu",
        "hidden_size": 128,
        "initializer_range": 0.02,
        "intermediate_size": 352,
        "max_position_embeddings": 256,
        "num_attention_heads": 4,
        "num_hidden_layers": 4,
        "num_key_value_heads": 4,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10_000.0,
        "tie_word_embeddings": true,
        "use_cache": true,
        "vocab_size": 1024,
    })
}

fn gpt2() -> Value {
    json!({
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "add_cross_attention": false,
        "attn_pdrop": 0.1,
        "embd_pdrop": 0.1,
        "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-5,
        "n_embd": 128,
        "n_head": 4,
        "n_inner": null,
        "n_layer": 4,
        "n_positions": 256,
        "reorder_and_upcast_attn": false,
        "resid_pdrop": 0.1,
        "scale_attn_by_inverse_layer_idx": false,
        "scale_attn_weights": true,
        "summary_activation": null,
        "summary_first_dropout": 0.1,
        "summary_proj_to_labels": true,
        "summary_type": "cls_index",
        "summary_use_proj": true,
        "tie_word_embeddings": true,
        "use_cache": true,
        "vocab_size": 1024,
    })
}

fn gpt_neox() -> Value {
    json!({
        "model_type": "gpt_neox",
        "attention_bias": true,
        "attention_dropout": 0.0,
        "classifier_dropout": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout": 0.0,
        "hidden_size": 128,
        "initializer_range": 0.02,
        "intermediate_size": 512,
        "is_decoder": false,
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": 256,
        "num_attention_heads": 4,
        "num_hidden_layers": 4,
        "rotary_emb_base": 10_000.0,
        "rotary_pct": 0.25,
        "tie_word_embeddings": true,
        "use_cache": true,
        "use_parallel_residual": true,
        "vocab_size": 1024,
    })
}

/// Options that follow from those given: `before` is the config's spec without them, `own` says that it is the family's own.
pub fn derived(config: &Value, before: &Spec, given: &Given, own: bool) -> Vec<(&'static str, Value)> {
    let mut found = Vec::new();
    let (hidden, heads) = (given.hidden.unwrap_or(before.hidden), given.heads.unwrap_or(before.heads));
    if given.kv_heads.is_none() && given.heads.is_some() && config["num_key_value_heads"].is_number() {
        found.push(("kv_heads", json!(heads / common(heads, before.heads / before.kv_heads.max(1)))));
    }
    // A width of its own stays what it is; one that is hidden / heads stays that.
    let split = before.head_dim == before.hidden / before.heads;
    if given.head_dim.is_none() && split && config["head_dim"].is_number() {
        found.push(("head_dim", json!((hidden / heads).max(1))));
    }
    let inner = ["n_inner", "intermediate_size"].into_iter().any(|name| config[name].is_number());
    if given.inner.is_none() && given.hidden.is_some() && inner {
        let exact = hidden * before.inner;
        let inner = match before.mlp {
            Mlp::Gated if own => (hidden * 8 / 3).next_multiple_of(32),
            _ if exact.is_multiple_of(before.hidden) => exact / before.hidden,
            _ => (exact / before.hidden).next_multiple_of(32),
        };
        found.push(("inner", json!(inner)));
    }
    found
}

/// The greatest number that divides both.
fn common(a: usize, b: usize) -> usize {
    if b == 0 { a.max(1) } else { common(b, a % b) }
}

/// More is no model of this machine, and what is computed with the sizes must not overflow.
pub fn most(option: &str) -> u64 {
    if option == "layers" { 1 << 12 } else { 1 << 20 }
}

/// Refuses sizes that do not go together, with the option that would mend it.
pub fn check(spec: &Spec, family: &Family, given: &Given) -> Result<()> {
    let bad = |option: &str, given: String, allowed: String| Err(Error::BadValue { option: option.into(), given, allowed });
    let rotates = matches!(spec.position, Position::Rope { .. });
    let unit = if rotates { 2 * spec.heads } else { spec.heads };
    // Only these take a width of the heads that is not hidden / heads, and llama none that hidden does not hold.
    let own_width = given.head_dim.is_some() || field("head_dim", family).is_some() && spec.head_dim != spec.hidden / spec.heads;
    if !own_width && !spec.hidden.is_multiple_of(unit) {
        let phrase = if rotates { ui::HIDDEN_OF_HEADS } else { words::HIDDEN_OF_HEADS };
        return bad("hidden", spec.hidden.to_string(), phrase.with(&[("unit", &unit)]));
    }
    if family.name == "llama" && !spec.hidden.is_multiple_of(spec.heads) {
        return bad("hidden", spec.hidden.to_string(), words::HIDDEN_OF_HEADS.with(&[("unit", &spec.heads)]));
    }
    if rotates && !spec.head_dim.is_multiple_of(2) {
        return bad("head_dim", spec.head_dim.to_string(), words::EVEN.to_string());
    }
    if spec.kv_heads > spec.heads || !spec.heads.is_multiple_of(spec.kv_heads) {
        return bad("kv_heads", spec.kv_heads.to_string(), ui::HEADS_OF_KV.with(&[("heads", &spec.heads)]));
    }
    if let Position::Rope { dims, .. } = spec.position
        && (dims < 2 || dims % 2 == 1 || dims > spec.head_dim)
    {
        let share = given.rotary.unwrap_or(dims as f64 / spec.head_dim as f64);
        return bad("rotary", share.to_string(), words::ROTARY.with(&[("dims", &dims), ("head_dim", &spec.head_dim)]));
    }
    Ok(())
}
