//! The families: one row each. A new family is a row here and a fixture in tests.

use serde_json::Value;

use super::bitsandbytes;
use super::config::Config;
use super::gguf::{self, Stored};
use super::names::{GPT_NEOX, GPT2, LLAMA, Names};
use super::spec::{Activation, Mlp, NormKind, Position, Spec};
use crate::nn::RopeScaling;
use crate::ops::Layout;
use crate::{Error, Result};

pub struct Family {
    /// `model_type` of config.json.
    pub name: &'static str,
    /// How a GGUF file holds it; `None` where that is not read.
    pub gguf: Option<Stored>,
    /// How the hub stores the linear layers inside blocks.
    pub layout: Layout,
    pub names: Names,
    /// Beginnings of names that other checkpoints spell in another way.
    pub spelled: &'static [(&'static str, &'static str)],
    /// PEFT's default targets (`peft/utils/constants.py`).
    pub targets: &'static [&'static str],
    /// Fields of the config that change the computation, and the one value (as JSON) that is computed here.
    pub only: &'static [(&'static str, &'static str)],
    /// How text is cut for a vocabulary learned for a fresh model, by GGUF's name. transformers' `AutoTokenizer` cuts for a qwen2 in this one way,
    /// whatever tokenizer.json says (`MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS`, 5.23).
    pub pre: &'static str,
    /// What writes into the residual stream starts smaller, by `1/sqrt(2 layers)` (transformers' `GPT2PreTrainedModel._init_weights`).
    pub residual_scaled: bool,
    /// The embedding of the padding starts as zeros (`nn.Embedding` with `padding_idx`, transformers' `PreTrainedModel._init_weights`).
    pub zero_padding: bool,
    pub spec: fn(&Config) -> Result<Spec>,
}

/// What all families whose weights are named as llama's share.
const LLAMA_LIKE: Family = Family {
    name: "llama",
    gguf: None,
    layout: Layout::OutIn,
    names: LLAMA,
    spelled: &[],
    targets: &["q_proj", "v_proj"],
    only: &[("partial_rotary_factor", "1.0")],
    pre: "gpt-2",
    residual_scaled: false,
    zero_padding: true,
    spec: llama,
};

/// Qwen's windows cover some layers only; no model of the hub turns them on.
const WINDOWLESS: &[(&str, &str)] = &[("partial_rotary_factor", "1.0"), ("use_sliding_window", "false")];

const LLAMA_GGUF: Stored = Stored { architecture: "llama", class: "LlamaForCausalLM", interleaved: true, config: gguf::llama };
const QWEN2_GGUF: Stored = Stored { architecture: "qwen2", class: "Qwen2ForCausalLM", interleaved: false, config: gguf::llama };
const QWEN3_GGUF: Stored = Stored { architecture: "qwen3", class: "Qwen3ForCausalLM", interleaved: false, config: gguf::llama };
const GPT2_GGUF: Stored = Stored { architecture: "gpt2", class: "GPT2LMHeadModel", interleaved: false, config: gguf::gpt2 };

pub const FAMILIES: &[Family] = &[
    Family { gguf: Some(LLAMA_GGUF), ..LLAMA_LIKE },
    Family { name: "mistral", spec: mistral, ..LLAMA_LIKE },
    Family { name: "qwen2", gguf: Some(QWEN2_GGUF), only: WINDOWLESS, pre: "qwen2", spec: qwen2, ..LLAMA_LIKE },
    Family { name: "qwen3", gguf: Some(QWEN3_GGUF), only: WINDOWLESS, pre: "qwen2", spec: qwen3, ..LLAMA_LIKE },
    Family {
        name: "gpt2",
        gguf: Some(GPT2_GGUF),
        layout: Layout::InOut,
        names: GPT2,
        spelled: &[("transformer.", "")],
        targets: &["c_attn"],
        only: &[("scale_attn_weights", "true"), ("scale_attn_by_inverse_layer_idx", "false"), ("add_cross_attention", "false")],
        pre: "gpt-2",
        residual_scaled: true,
        zero_padding: false,
        spec: gpt2,
    },
    Family {
        name: "gpt_neox",
        gguf: None,
        layout: Layout::OutIn,
        names: GPT_NEOX,
        spelled: &[("lm_head.", "embed_out.")],
        targets: &["query_key_value"],
        only: &[],
        pre: "gpt-2",
        residual_scaled: false,
        zero_padding: false,
        spec: gpt_neox,
    },
];

impl Family {
    /// The decoder that a config describes.
    ///
    /// # Errors
    /// `BadConfig` with the field that is missing, or that asks for what is not computed here.
    pub fn spec(&self, config: &Config) -> Result<Spec> {
        for (field, known) in self.only {
            let given = &config.json[*field];
            let same = || match given {
                Value::Bool(flag) => Ok(*flag) == known.parse(),
                other => other.as_f64().is_some_and(|number| Ok(number) == known.parse()),
            };
            if !given.is_null() && !same() {
                return Err(config.bad(format!("`{field}` is {given}; known: {known}")));
            }
        }
        bitsandbytes::announced(config.json).map_err(|cause| config.bad(cause))?;
        let layers = config.json["layer_types"].as_array().into_iter().flatten();
        if let Some(other) = layers.filter_map(Value::as_str).find(|kind| *kind != "full_attention") {
            return Err(config.bad(format!("`layer_types` has `{other}`; known: full_attention")));
        }
        (self.spec)(config)
    }
}

/// The family of a `model_type`.
///
/// # Errors
/// `UnknownFamily` with those that are known.
pub fn find(model_type: &str) -> Result<&'static Family> {
    FAMILIES.iter().find(|family| family.name == model_type).ok_or_else(|| unknown(model_type))
}

/// The family of a GGUF architecture, and how the file holds it.
///
/// # Errors
/// `UnknownFamily` with those that are known.
pub fn find_gguf(architecture: &str) -> Result<(&'static Family, Stored)> {
    let stored = || FAMILIES.iter().filter_map(|family| Some((family, family.gguf?)));
    let known = || stored().map(|(_, stored)| stored.architecture).collect::<Vec<_>>().join(", ");
    let unknown = || Error::UnknownFamily { given: architecture.to_owned(), known: known() };
    stored().find(|(_, stored)| stored.architecture == architecture).ok_or_else(unknown)
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

fn qwen2(config: &Config) -> Result<Spec> {
    Ok(Spec { qkv_bias: true, out_bias: false, ..llama(config)? })
}

fn qwen3(config: &Config) -> Result<Spec> {
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
    let place = if config.json["rope_scaling"].is_null() { "rope_parameters" } else { "rope_scaling" };
    let json = &config.json[place];
    let number = |field: &str| {
        let number = json[field].as_f64().filter(|n| n.is_finite() && *n > 0.0);
        number.ok_or_else(|| config.bad(format!("`{place}.{field}` must be a number above 0, it is {}", json[field])))
    };
    match json["rope_type"].as_str().or(json["type"].as_str()) {
        None | Some("default") => Ok(None),
        Some("llama3") => {
            let (low_freq_factor, high_freq_factor) = (number("low_freq_factor")?, number("high_freq_factor")?);
            if high_freq_factor <= low_freq_factor {
                return Err(
                    config.bad(format!("`{place}.high_freq_factor` is {high_freq_factor}, not above low_freq_factor {low_freq_factor}"))
                );
            }
            let original_context = number("original_max_position_embeddings")?;
            Ok(Some(RopeScaling { factor: number("factor")?, low_freq_factor, high_freq_factor, original_context }))
        }
        Some(other) => Err(config.bad(format!("`{place}`: rope type `{other}` is not known; known: default, llama3"))),
    }
}
