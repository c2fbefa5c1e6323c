//! `pretrain`: a model from nothing: a tokenizer from the text, a llama from a seed, then an ordinary full run.

use std::path::PathBuf;

use serde_json::json;

use super::{Base, Session};
use crate::data::{self, Dataset, Options};
use crate::model;
use crate::random::Random;
use crate::tokenizer::Tokenizer;
use crate::words::ui;
use crate::{Error, Result};

/// The shape of a model to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pub vocabulary: usize,
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub inner: usize,
    pub context: usize,
}

/// The token that ends a document.
const END: &str = "<|endoftext|>";

impl Session {
    /// Makes a tokenizer and a fresh model for `files` and reads them as blocks of `block` tokens. They become the session's.
    ///
    /// # Errors
    /// Those of reading; `BadValue` for a shape that no model can have.
    pub fn make_model(&mut self, name: &str, files: &[PathBuf], shape: &Shape, (seed, val, block): (u64, f64, usize)) -> Result<()> {
        shape.check()?;
        let mut documents = Vec::new();
        for file in files {
            documents.push(data::read_text(file)?);
        }
        let paragraphs: Vec<String> = documents.iter().flat_map(|text| text.split("\n\n")).map(|p| format!("{p}\n\n")).collect();
        let tokenizer = Tokenizer::train_bpe(paragraphs.into_iter(), shape.vocabulary, &[END])?;
        let model = model::random(name, shape.config(tokenizer.vocabulary()), &Random::seeded(seed), &self.device)?;
        let options = Options { val, seed, block: block.min(shape.context), ..Options::default() };
        let data = Dataset::of_texts(name, &documents, &options, &tokenizer)?;
        self.put(Base { model, tokenizer, licence: String::new() });
        self.data = Some(data);
        self.publish();
        Ok(())
    }
}

impl Shape {
    fn check(&self) -> Result<()> {
        let bad =
            |option: &str, given: usize, allowed: String| Err(Error::BadValue { option: option.into(), given: given.to_string(), allowed });
        if self.heads == 0 || !self.hidden.is_multiple_of(2 * self.heads) {
            return bad("hidden", self.hidden, ui::HIDDEN_OF_HEADS.with(&[("unit", &(2 * self.heads))]));
        }
        if self.kv_heads == 0 || !self.heads.is_multiple_of(self.kv_heads) {
            return bad("kv_heads", self.kv_heads, ui::HEADS_OF_KV.with(&[("heads", &self.heads)]));
        }
        if self.vocabulary < 257 {
            return bad("vocab", self.vocabulary, ui::VOCAB_LEAST.to_string());
        }
        Ok(())
    }

    /// As transformers writes it for a llama.
    fn config(&self, vocabulary: usize) -> serde_json::Value {
        json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.hidden / self.heads,
            "intermediate_size": self.inner,
            "max_position_embeddings": self.context,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10_000.0,
            "tie_word_embeddings": true,
            "vocab_size": vocabulary,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "torch_dtype": "float32",
        })
    }
}
