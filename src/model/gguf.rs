//! GGUF: a config read from metadata, and rows put back into the hub's order.

use std::borrow::Cow;
use std::path::Path;

use candle_core::Device;
use candle_core::quantized::{QStorage, QTensor, gguf_file};
use serde_json::{Value, json};

use super::families::{self, Family};
use super::source::first_line;
use crate::nn::RopeScaling;
use crate::{Error, Result};

/// A family in a GGUF file.
#[derive(Clone, Copy)]
pub struct Stored {
    /// `general.architecture`
    pub architecture: &'static str,
    /// What transformers calls the model's class.
    pub class: &'static str,
    /// Rows of q and k are stored for interleaved rope.
    pub interleaved: bool,
    pub config: fn(&Meta) -> Result<Value>,
}

/// The family and a `config.json` made from the metadata.
///
/// # Errors
/// `UnknownFamily`; `BadConfig` for a field that is missing or asks for what is not computed here.
pub fn config(path: &Path, content: &gguf_file::Content) -> Result<(&'static Family, Value)> {
    let architecture = content.metadata.get("general.architecture").and_then(|v| v.to_string().ok());
    let missing = || Error::BadConfig { path: path.display().to_string(), cause: "`general.architecture` is missing".into() };
    let (family, stored) = families::find_gguf(architecture.ok_or_else(missing)?)?;
    let meta = Meta { path, content, architecture: stored.architecture };
    if let Some(parts) = content.metadata.get("split.count").and_then(|parts| parts.to_u64().ok()).filter(|parts| *parts > 1) {
        return Err(
            meta.bad(format!("it is one of {parts} parts (`split.count`); known: one whole file, as `llama-gguf-split --merge` makes it"))
        );
    }
    if let Some(experts) = meta.count("expert_count")?.filter(|experts| *experts > 0) {
        return Err(meta.bad(format!("`{}.expert_count` is {experts}; known: models without experts", stored.architecture)));
    }
    let mut config = (stored.config)(&meta)?;
    config["architectures"] = json!([stored.class]);
    config["model_type"] = family.name.into();
    config["tie_word_embeddings"] = (!meta.has("output.weight")).into();
    config["vocab_size"] = meta.rows("token_embd.weight")?.into();
    config["torch_dtype"] = "float32".into();
    for (field, key) in [("bos_token_id", "bos"), ("eos_token_id", "eos"), ("pad_token_id", "padding")] {
        let id = content.metadata.get(&format!("tokenizer.ggml.{key}_token_id"));
        config[field] = id.and_then(|id| id.to_u64().ok()).into();
    }
    Ok((family, config))
}

/// llama, and what differs from it by biases, norms of heads and names of its metadata alone.
pub fn llama(meta: &Meta) -> Result<Value> {
    let (hidden, heads) = (meta.needed("embedding_length")?, meta.needed("attention.head_count")?);
    let head_dim = meta.count("attention.key_length")?.or(meta.count("rope.dimension_count")?).unwrap_or(hidden / heads.max(1));
    let theta = meta.number("rope.freq_base").unwrap_or(10_000.0);
    Ok(json!({
        "hidden_act": "silu",
        "hidden_size": hidden,
        "num_hidden_layers": meta.needed("block_count")?,
        "num_attention_heads": heads,
        "num_key_value_heads": meta.count("attention.head_count_kv")?.unwrap_or(heads),
        "head_dim": head_dim,
        "intermediate_size": meta.needed("feed_forward_length")?,
        "max_position_embeddings": meta.needed("context_length")?,
        "rms_norm_eps": meta.number("attention.layer_norm_rms_epsilon").unwrap_or(1e-5),
        "rope_theta": theta,
        "rope_scaling": meta.scaling(theta, head_dim as usize)?,
        "attention_bias": meta.has("blk.0.attn_output.bias"),
    }))
}

pub fn gpt2(meta: &Meta) -> Result<Value> {
    Ok(json!({
        "activation_function": "gelu_new",
        "n_embd": meta.needed("embedding_length")?,
        "n_head": meta.needed("attention.head_count")?,
        "n_inner": meta.needed("feed_forward_length")?,
        "n_layer": meta.needed("block_count")?,
        "n_positions": meta.needed("context_length")?,
        "layer_norm_epsilon": meta.number("attention.layer_norm_epsilon").unwrap_or(1e-5),
    }))
}

/// What a file says about itself.
pub struct Meta<'a> {
    path: &'a Path,
    content: &'a gguf_file::Content,
    architecture: &'static str,
}

impl Meta<'_> {
    fn bad(&self, cause: String) -> Error {
        Error::BadConfig { path: self.path.display().to_string(), cause }
    }

    fn get(&self, key: &str) -> Option<&gguf_file::Value> {
        self.content.metadata.get(&format!("{}.{key}", self.architecture))
    }

    fn has(&self, tensor: &str) -> bool {
        self.content.tensor_infos.contains_key(tensor)
    }

    fn rows(&self, tensor: &str) -> Result<usize> {
        let info = self.content.tensor_infos.get(tensor).and_then(|info| info.shape.dims().first().copied());
        info.ok_or_else(|| self.bad(format!("`{tensor}` is missing")))
    }

    /// A list, one number a layer, is none.
    fn count(&self, key: &str) -> Result<Option<u64>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.to_u64().or_else(|_| value.to_i32().map(|n| u64::try_from(n).unwrap_or(0)));
        let wrong = |_| self.bad(format!("`{}.{key}` must be one whole number, it is a {:?}", self.architecture, value.value_type()));
        number.map(Some).map_err(wrong)
    }

    fn needed(&self, key: &str) -> Result<u64> {
        self.count(key)?.ok_or_else(|| self.bad(format!("`{}.{key}` is missing", self.architecture)))
    }

    /// The f64 that the file's f32 was written as: 1e-5, not 9.999999747378752e-6.
    fn number(&self, key: &str) -> Option<f64> {
        let number = self.get(key)?.to_f32().ok()?;
        Some(number.to_string().parse().unwrap_or(f64::from(number)))
    }

    /// `rope_scaling` of the config. llama.cpp keeps of llama 3's only what each frequency is divided by, in a tensor.
    fn scaling(&self, theta: f64, dims: usize) -> Result<Value> {
        match self.get("rope.scaling.type").and_then(|kind| kind.to_string().ok()).map(String::as_str) {
            None | Some("none") => {}
            Some(kind) => return Err(self.bad(format!("`{}.rope.scaling.type` is `{kind}`; known: none", self.architecture))),
        }
        if !self.has("rope_freqs.weight") {
            return Ok(Value::Null);
        }
        let unread = |e: candle_core::Error| Error::BadWeights { path: self.path.display().to_string(), cause: first_line(&e) };
        let mut file = std::fs::File::open(self.path).map_err(Error::io(self.path))?;
        let factors = self.content.tensor(&mut file, "rope_freqs.weight", &Device::Cpu).and_then(|t| t.dequantize(&Device::Cpu));
        let factors: Vec<f32> = factors.and_then(|t| t.to_vec1()).map_err(unread)?;
        let found = RopeScaling::of_factors(theta, dims, &factors);
        let found = found.ok_or_else(|| {
            let hint = "load the same model's folder with config.json instead";
            self.bad(format!("`rope_freqs.weight` is not llama 3's rope scaling, the only one known: {hint}"))
        })?;
        let context = found.original_context;
        Ok(json!({
            "rope_type": "llama3",
            "factor": found.factor,
            "low_freq_factor": found.low_freq_factor,
            "high_freq_factor": found.high_freq_factor,
            "original_max_position_embeddings": if context.fract() == 0.0 { json!(context as u64) } else { json!(context) },
        }))
    }
}

/// llama.cpp stores the rows of q and k for interleaved rope: row `2j + s` of a head is the hub's row `s * half + j`.
/// Blocks run along a row, so whole rows move, packed or not.
///
/// # Errors
/// A tensor without `heads` heads of an even number of rows.
pub fn restore_rows(packed: &QTensor, heads: usize) -> Result<QTensor> {
    let rows = packed.shape().dims().first().copied().unwrap_or(0);
    if rows == 0 || rows % (2 * heads) != 0 {
        return Err(candle_core::Error::Msg(format!("{rows} rows are not {heads} heads")).into());
    }
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
