//! The families: one row each. A new family is a row here and a fixture in tests.

use super::config::Config;
use super::names::{GPT_NEOX, GPT2, LLAMA, Names};
use super::spec::{Activation, Mlp, NormKind, Position, Spec};
use crate::nn::RopeScaling;
use crate::ops::Layout;
use crate::{Error, Result};

pub struct Family {
    /// `model_type` of config.json.
    pub name: &'static str,
    /// `general.architecture` of a GGUF file; empty where not read yet.
    pub gguf: &'static str,
    /// How the hub stores the linear layers inside blocks.
    pub layout: Layout,
    pub names: Names,
    /// Beginnings of names that other checkpoints spell in another way.
    pub spelled: &'static [(&'static str, &'static str)],
    /// PEFT's default targets (`peft/utils/constants.py`).
    pub targets: &'static [&'static str],
    pub spec: fn(&Config) -> Result<Spec>,
}

pub const FAMILIES: &[Family] = &[
    Family { name: "llama", gguf: "llama", layout: Layout::OutIn, names: LLAMA, spelled: &[], targets: &["q_proj", "v_proj"], spec: llama },
    Family { name: "mistral", gguf: "", layout: Layout::OutIn, names: LLAMA, spelled: &[], targets: &["q_proj", "v_proj"], spec: mistral },
    Family { name: "qwen2", gguf: "", layout: Layout::OutIn, names: LLAMA, spelled: &[], targets: &["q_proj", "v_proj"], spec: qwen2 },
    Family { name: "qwen3", gguf: "", layout: Layout::OutIn, names: LLAMA, spelled: &[], targets: &["q_proj", "v_proj"], spec: qwen3 },
    Family {
        name: "gpt2",
        gguf: "",
        layout: Layout::InOut,
        names: GPT2,
        spelled: &[("transformer.", "")],
        targets: &["c_attn"],
        spec: gpt2,
    },
    Family {
        name: "gpt_neox",
        gguf: "",
        layout: Layout::OutIn,
        names: GPT_NEOX,
        spelled: &[("lm_head.", "embed_out.")],
        targets: &["query_key_value"],
        spec: gpt_neox,
    },
];

/// The family of a `model_type`.
///
/// # Errors
/// `UnknownFamily` with those that are known.
pub fn find(model_type: &str) -> Result<&'static Family> {
    FAMILIES.iter().find(|family| family.name == model_type).ok_or_else(|| unknown(model_type))
}

/// The family of a GGUF architecture.
///
/// # Errors
/// `UnknownFamily` with those that are known.
pub fn find_gguf(architecture: &str) -> Result<&'static Family> {
    FAMILIES.iter().find(|family| !family.gguf.is_empty() && family.gguf == architecture).ok_or_else(|| unknown(architecture))
}

fn unknown(given: &str) -> Error {
    let known: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
    Error::UnknownFamily { given: given.to_owned(), known: known.join(", ") }
}

fn llama(config: &Config) -> Result<Spec> {
    let (hidden, heads) = (config.count("hidden_size")?, config.count("num_attention_heads")?);
    let head_dim = config.count_or("head_dim", hidden / heads)?;
    let theta = config.positive_or("rope_theta", config.json["rope_parameters"]["rope_theta"].as_f64().unwrap_or(10_000.0))?;
    let attention_bias = config.flag_or("attention_bias", false);
    Ok(Spec {
        vocabulary: config.count("vocab_size")?,
        hidden,
        layers: config.count("num_hidden_layers")?,
        heads,
        kv_heads: config.count_or("num_key_value_heads", heads)?,
        head_dim,
        inner: config.count("intermediate_size")?,
        context: config.count("max_position_embeddings")?,
        norm: NormKind::Rms,
        eps: config.positive_or("rms_norm_eps", 1e-6)?,
        position: Position::Rope { theta, dims: head_dim, scaling: scaling(config)? },
        mlp: gated(config)?,
        parallel: false,
        qkv_by_head: false,
        qkv_bias: attention_bias,
        out_bias: attention_bias,
        mlp_bias: config.flag_or("mlp_bias", false),
        qk_norm: false,
        window: None,
        tied: config.flag_or("tie_word_embeddings", false),
    })
}

fn mistral(config: &Config) -> Result<Spec> {
    let window = if config.json["sliding_window"].is_null() { None } else { Some(config.count("sliding_window")?) };
    Ok(Spec { window, ..llama(config)? })
}

/// Qwen's windows cover some layers only; no model of the hub turns them on.
fn without_window(config: &Config) -> Result<()> {
    if config.flag_or("use_sliding_window", false) {
        return Err(config.bad("`use_sliding_window` is true; known: false".into()));
    }
    Ok(())
}

fn qwen2(config: &Config) -> Result<Spec> {
    without_window(config)?;
    Ok(Spec { qkv_bias: true, out_bias: false, ..llama(config)? })
}

fn qwen3(config: &Config) -> Result<Spec> {
    without_window(config)?;
    Ok(Spec { qk_norm: true, ..llama(config)? })
}

/// Pythia and GPT-NeoX: rope on a part of each head, biases everywhere.
fn gpt_neox(config: &Config) -> Result<Spec> {
    let (hidden, heads) = (config.count("hidden_size")?, config.count("num_attention_heads")?);
    let head_dim = hidden / heads;
    let rope = &config.json["rope_parameters"];
    let share = config.positive_or("rotary_pct", rope["partial_rotary_factor"].as_f64().unwrap_or(0.25))?;
    let theta = config.positive_or("rotary_emb_base", rope["rope_theta"].as_f64().unwrap_or(10_000.0))?;
    let dims = (head_dim as f64 * share) as usize;
    match config.text_or("hidden_act", "gelu") {
        "gelu" => {}
        other => return Err(config.bad(format!("`hidden_act` is `{other}`; known: gelu"))),
    }
    Ok(Spec {
        vocabulary: config.count("vocab_size")?,
        hidden,
        layers: config.count("num_hidden_layers")?,
        heads,
        kv_heads: heads,
        head_dim,
        inner: config.count("intermediate_size")?,
        context: config.count("max_position_embeddings")?,
        norm: NormKind::Layer,
        eps: config.positive_or("layer_norm_eps", 1e-5)?,
        position: Position::Rope { theta, dims, scaling: scaling(config)? },
        window: None,
        mlp: Mlp::Plain(Activation::Gelu),
        parallel: config.flag_or("use_parallel_residual", true),
        qkv_by_head: true,
        qkv_bias: config.flag_or("attention_bias", true),
        out_bias: config.flag_or("attention_bias", true),
        mlp_bias: true,
        qk_norm: false,
        tied: config.flag_or("tie_word_embeddings", false),
    })
}

fn gpt2(config: &Config) -> Result<Spec> {
    let (hidden, heads) = (config.count("n_embd")?, config.count("n_head")?);
    let activation = match config.text_or("activation_function", "gelu_new") {
        "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluNew,
        "gelu" => Activation::Gelu,
        other => return Err(config.bad(format!("`activation_function` is `{other}`; known: gelu_new, gelu_pytorch_tanh, gelu"))),
    };
    Ok(Spec {
        vocabulary: config.count("vocab_size")?,
        hidden,
        layers: config.count("n_layer")?,
        heads,
        kv_heads: heads,
        head_dim: hidden / heads,
        inner: config.count_or("n_inner", 4 * hidden)?,
        context: config.count("n_positions")?,
        norm: NormKind::Layer,
        eps: config.positive_or("layer_norm_epsilon", 1e-5)?,
        position: Position::Learned,
        mlp: Mlp::Plain(activation),
        parallel: false,
        qkv_by_head: false,
        qkv_bias: true,
        out_bias: true,
        mlp_bias: true,
        qk_norm: false,
        window: None,
        tied: config.flag_or("tie_word_embeddings", true),
    })
}

fn gated(config: &Config) -> Result<Mlp> {
    match config.text_or("hidden_act", "silu") {
        "silu" => Ok(Mlp::Gated),
        other => Err(config.bad(format!("`hidden_act` is `{other}`; known: silu"))),
    }
}

/// `rope_scaling` (transformers 4) or `rope_parameters` (transformers 5).
fn scaling(config: &Config) -> Result<Option<RopeScaling>> {
    let json = if config.json["rope_scaling"].is_null() { &config.json["rope_parameters"] } else { &config.json["rope_scaling"] };
    let number = |field: &str, default: f64| json[field].as_f64().unwrap_or(default);
    match json["rope_type"].as_str().or(json["type"].as_str()) {
        None | Some("default") => Ok(None),
        Some("llama3") => Ok(Some(RopeScaling {
            factor: number("factor", 8.0),
            low_freq_factor: number("low_freq_factor", 1.0),
            high_freq_factor: number("high_freq_factor", 4.0),
            original_context: number("original_max_position_embeddings", 8192.0),
        })),
        Some(other) => Err(config.bad(format!("rope type `{other}` is not known; known: default, llama3"))),
    }
}
