//! Where each tensor stands in a checkpoint: the hub's names of a family, and GGUF's, which are the same for all.

/// Module names; `{}` is the layer. Names are without `.weight` and `.bias`.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    pub embed: &'static str,
    pub positions: &'static str,
    pub norm1: &'static str,
    pub q: &'static str,
    pub k: &'static str,
    pub v: &'static str,
    /// Fused q, k, v; empty where they are apart.
    pub qkv: &'static str,
    pub q_norm: &'static str,
    pub k_norm: &'static str,
    pub out: &'static str,
    pub norm2: &'static str,
    pub gate: &'static str,
    /// `up` of a gated MLP, `fc` of a plain one.
    pub up: &'static str,
    pub down: &'static str,
    pub norm: &'static str,
    pub head: &'static str,
}

pub const LLAMA: Names = Names {
    embed: "model.embed_tokens",
    positions: "",
    norm1: "model.layers.{}.input_layernorm",
    q: "model.layers.{}.self_attn.q_proj",
    k: "model.layers.{}.self_attn.k_proj",
    v: "model.layers.{}.self_attn.v_proj",
    qkv: "",
    q_norm: "model.layers.{}.self_attn.q_norm",
    k_norm: "model.layers.{}.self_attn.k_norm",
    out: "model.layers.{}.self_attn.o_proj",
    norm2: "model.layers.{}.post_attention_layernorm",
    gate: "model.layers.{}.mlp.gate_proj",
    up: "model.layers.{}.mlp.up_proj",
    down: "model.layers.{}.mlp.down_proj",
    norm: "model.norm",
    head: "lm_head",
};

pub const GPT2: Names = Names {
    embed: "transformer.wte",
    positions: "transformer.wpe",
    norm1: "transformer.h.{}.ln_1",
    q: "",
    k: "",
    v: "",
    qkv: "transformer.h.{}.attn.c_attn",
    q_norm: "",
    k_norm: "",
    out: "transformer.h.{}.attn.c_proj",
    norm2: "transformer.h.{}.ln_2",
    gate: "",
    up: "transformer.h.{}.mlp.c_fc",
    down: "transformer.h.{}.mlp.c_proj",
    norm: "transformer.ln_f",
    head: "lm_head",
};

pub const GPT_NEOX: Names = Names {
    embed: "gpt_neox.embed_in",
    positions: "",
    norm1: "gpt_neox.layers.{}.input_layernorm",
    q: "",
    k: "",
    v: "",
    qkv: "gpt_neox.layers.{}.attention.query_key_value",
    q_norm: "",
    k_norm: "",
    out: "gpt_neox.layers.{}.attention.dense",
    norm2: "gpt_neox.layers.{}.post_attention_layernorm",
    gate: "",
    up: "gpt_neox.layers.{}.mlp.dense_h_to_4h",
    down: "gpt_neox.layers.{}.mlp.dense_4h_to_h",
    norm: "gpt_neox.final_layer_norm",
    head: "lm_head",
};

/// llama.cpp's `gguf-py/gguf/constants.py`.
pub const GGUF: Names = Names {
    embed: "token_embd",
    positions: "position_embd",
    norm1: "blk.{}.attn_norm",
    q: "blk.{}.attn_q",
    k: "blk.{}.attn_k",
    v: "blk.{}.attn_v",
    qkv: "blk.{}.attn_qkv",
    q_norm: "blk.{}.attn_q_norm",
    k_norm: "blk.{}.attn_k_norm",
    out: "blk.{}.attn_output",
    norm2: "blk.{}.ffn_norm",
    gate: "blk.{}.ffn_gate",
    up: "blk.{}.ffn_up",
    down: "blk.{}.ffn_down",
    norm: "output_norm",
    head: "output",
};

/// The name for layer `i`.
pub fn at(name: &str, i: usize) -> String {
    name.replace("{}", &i.to_string())
}
