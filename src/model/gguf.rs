//! GGUF: a config read from metadata, and rows put back into the hub's order.

use std::borrow::Cow;
use std::path::Path;

use candle_core::Device;
use candle_core::quantized::{QStorage, QTensor, gguf_file};
use serde_json::{Value, json};

use super::families::{self, Family};
use crate::{Error, Result};

/// The family and a `config.json` made from the metadata.
///
/// # Errors
/// `UnknownFamily`; `BadConfig` for a missing field.
pub fn config(path: &Path, content: &gguf_file::Content) -> Result<(&'static Family, Value)> {
    let bad = |cause: String| Error::BadConfig { path: path.display().to_string(), cause };
    let text = |key: &str| content.metadata.get(key).and_then(|v| v.to_string().ok());
    let architecture = text("general.architecture").ok_or_else(|| bad("`general.architecture` is missing".into()))?;
    let family = families::find_gguf(architecture)?;
    let count = |key: &str| content.metadata.get(&format!("{architecture}.{key}")).and_then(|v| v.to_u32().ok());
    let number = |key: &str| content.metadata.get(&format!("{architecture}.{key}")).and_then(|v| v.to_f32().ok());
    let needed = |key: &str| count(key).ok_or_else(|| bad(format!("`{architecture}.{key}` is missing")));
    let (hidden, heads) = (needed("embedding_length")?, needed("attention.head_count")?);
    let vocabulary = content.tensor_infos.get("token_embd.weight").map(|info| info.shape.dims()[0]);
    let vocabulary = vocabulary.ok_or_else(|| bad("`token_embd.weight` is missing".into()))?;
    let config = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": family.name,
        "hidden_act": "silu",
        "hidden_size": hidden,
        "num_hidden_layers": needed("block_count")?,
        "num_attention_heads": heads,
        "num_key_value_heads": count("attention.head_count_kv").unwrap_or(heads),
        "head_dim": count("attention.key_length").or(count("rope.dimension_count")).unwrap_or(hidden / heads.max(1)),
        "intermediate_size": needed("feed_forward_length")?,
        "max_position_embeddings": needed("context_length")?,
        "rms_norm_eps": tidy(number("attention.layer_norm_rms_epsilon").unwrap_or(1e-5)),
        "rope_theta": number("rope.freq_base").unwrap_or(10_000.0),
        "tie_word_embeddings": !content.tensor_infos.contains_key("output.weight"),
        "vocab_size": vocabulary,
        "torch_dtype": "float32",
    });
    Ok((family, config))
}

/// The f64 that an f32 was written as: 1e-5, not 9.999999747378752e-6.
fn tidy(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

/// llama.cpp stores the rows of q and k for interleaved rope: row `2j + s` of a head is the hub's row `s * half + j`.
/// Blocks run along a row, so whole rows move, packed or not.
///
/// # Errors
/// A tensor that is not a matrix with `heads` heads of an even width.
pub fn restore_rows(packed: &QTensor, heads: usize) -> Result<QTensor> {
    let (rows, _) = packed.shape().dims2()?;
    let data = packed.data()?;
    let (width, half) = (data.len() / rows, rows / heads / 2);
    let mut restored = Vec::with_capacity(data.len());
    for row in 0..rows {
        let (head, inside) = (row / (2 * half), row % (2 * half));
        let stored = head * 2 * half + 2 * (inside % half) + inside / half;
        restored.extend_from_slice(&data[stored * width..(stored + 1) * width]);
    }
    let storage = QStorage::from_data(Cow::Owned(restored), &Device::Cpu, packed.dtype())?;
    Ok(QTensor::new(storage, packed.shape())?)
}
