//! PEFT's folder of an adapter that learns virtual tokens: the prompt itself, not what made it.

use std::collections::HashMap;

use candle_core::{DType, Tensor};
use serde_json::{Value, json};

use super::prompt::{Kind, Prompt, Start};
use crate::model::Model;
use crate::nn::Net;

/// The one tensor of the file, `[n, width]`.
pub const ROWS: &str = "prompt_embeddings";

/// `peft_type` of the three.
pub const TYPES: [(&str, Kind); 3] = [("P_TUNING", Kind::PTuning), ("PROMPT_TUNING", Kind::Prompt), ("PREFIX_TUNING", Kind::Prefix)];

impl Prompt {
    /// `adapter_config.json`, keys as PEFT 0.21 writes them.
    pub fn config(&self, base: &str, model: &Model) -> Value {
        let spec = &model.spec;
        let name = TYPES.iter().find(|(_, kind)| *kind == self.kind).map(|(name, _)| *name);
        let heads = if self.kind == Kind::Prefix { spec.kv_heads } else { spec.heads };
        let mut config = json!({
            "auto_mapping": null,
            "base_model_name_or_path": base,
            "inference_mode": true,
            "modules_to_save": null,
            "num_attention_heads": heads,
            "num_layers": spec.layers,
            "num_transformer_submodules": 1,
            "num_virtual_tokens": self.tokens,
            "peft_type": name,
            "revision": null,
            "task_type": "CAUSAL_LM",
            "token_dim": self.kind.width(spec),
        });
        let own = match self.kind {
            Kind::PTuning => {
                let (net, layers, dropout) = match self.net {
                    Net::Lstm { layers, dropout } => ("LSTM", layers, dropout),
                    _ => ("MLP", 2, 0.0),
                };
                json!({
                    "encoder_dropout": dropout,
                    "encoder_hidden_size": self.hidden,
                    "encoder_num_layers": layers,
                    "encoder_reparameterization_type": net,
                })
            }
            Kind::Prompt => {
                let (init, text) = match &self.start {
                    Start::Random => ("RANDOM", None),
                    Start::Vocabulary => ("SAMPLE_VOCAB", None),
                    Start::Text(text) => ("TEXT", Some(text)),
                };
                json!({
                    "prompt_tuning_init": init,
                    "prompt_tuning_init_text": text,
                    "tokenizer_kwargs": null,
                    "tokenizer_name_or_path": text.map(|_| base),
                })
            }
            Kind::Prefix => json!({
                "encoder_hidden_size": self.hidden,
                "init_weights": null,
                "prefix_projection": self.net == Net::Projection,
            }),
        };
        if let (Some(config), Value::Object(own)) = (config.as_object_mut(), own) {
            config.extend(own);
        }
        config
    }

    /// The recipe that a folder's config tells.
    ///
    /// # Errors
    /// What is missing or cannot be done here.
    pub fn of_config(kind: Kind, config: &Value, model: &Model) -> Result<Self, String> {
        let count = |key: &str| config[key].as_u64().map(|n| n as usize).filter(|n| *n > 0);
        let tokens = count("num_virtual_tokens").ok_or("`num_virtual_tokens` is missing")?;
        if count("num_transformer_submodules").is_some_and(|n| n != 1) {
            return Err("it is for an encoder and a decoder (`num_transformer_submodules`)".to_owned());
        }
        let net = match kind {
            Kind::PTuning if config["encoder_reparameterization_type"] == "LSTM" => {
                Net::Lstm { layers: count("encoder_num_layers").unwrap_or(2), dropout: config["encoder_dropout"].as_f64().unwrap_or(0.0) }
            }
            Kind::PTuning => Net::Mlp,
            Kind::Prefix if config["prefix_projection"] == true => Net::Projection,
            Kind::Prompt | Kind::Prefix => Net::Bare,
        };
        let start = match config["prompt_tuning_init"].as_str() {
            Some("SAMPLE_VOCAB") => Start::Vocabulary,
            Some("TEXT") => Start::Text(config["prompt_tuning_init_text"].as_str().unwrap_or_default().to_owned()),
            _ => Start::Random,
        };
        let hidden = count("encoder_hidden_size").unwrap_or_else(|| kind.width(&model.spec));
        Ok(Self { kind, tokens, net, hidden, start })
    }
}

/// The prompt among the tensors of a file.
///
/// # Errors
/// What is missing.
pub fn rows(stored: &HashMap<String, Tensor>) -> Result<Tensor, String> {
    let rows = stored.get(ROWS).ok_or_else(|| format!("it holds no `{ROWS}`"))?;
    rows.to_dtype(DType::F32).map_err(|e| e.to_string())
}
