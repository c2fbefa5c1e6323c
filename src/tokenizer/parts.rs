//! What a tokenizer is made of, whatever file it came from, and how the pieces are put together.

use std::collections::{BTreeMap, HashMap};

use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer as Raw};

use super::Tokenizer;
use super::alphabet::Spelling;
use crate::{Error, Result};

#[derive(Debug)]
pub struct Parts {
    pub raw: Raw,
    /// Where it came from, for messages.
    pub source: String,
    /// `bos_token`, `eos_token`, `pad_token`, `unk_token` … and the token each names.
    pub names: BTreeMap<String, String>,
    pub eos: Vec<u32>,
    pub template: Option<String>,
    /// `tokenizer_config.json` as it was read, kept for saving.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Added tokens, and whether each is special.
    pub added: HashMap<u32, bool>,
    pub vocabulary: usize,
    pub spelling: Spelling,
    /// The first space of a text is the vocabulary's own.
    pub prefixed: bool,
}

impl Parts {
    pub fn named(&self, name: &str) -> Option<u32> {
        self.names.get(name).and_then(|token| self.raw.token_to_id(token))
    }
}

/// A tokenizer before its tables are made.
#[derive(Default)]
pub struct Draft {
    pub source: String,
    pub names: BTreeMap<String, String>,
    /// More ids that end a text.
    pub eos: Vec<u32>,
    pub template: Option<String>,
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Whether to put bos before, eos after the text; `None`: as the tokenizer file says.
    pub frame: Option<(bool, bool)>,
}

impl Draft {
    pub fn finish(self, mut raw: Raw) -> Result<Tokenizer> {
        let bad = |cause: tokenizers::Error| Error::BadTokenizer { path: self.source.clone(), cause: cause.to_string() };
        // A tokenizer.json may ask for a fixed length; lengths are the batch's business here.
        raw.with_truncation(None).map_err(bad)?;
        raw.with_padding(None);
        let known = raw.get_added_tokens_decoder();
        let missing = self.names.values().filter(|name| !known.values().any(|token| token.content == **name));
        let missing: Vec<AddedToken> = missing.map(|name| AddedToken::from(name.clone(), true)).collect();
        raw.add_special_tokens(missing).map_err(bad)?;
        if let Some((bos, eos)) = self.frame {
            let processor = frame(&raw, self.names.get("bos_token").filter(|_| bos), self.names.get("eos_token").filter(|_| eos));
            raw.with_post_processor(Some(processor.map_err(|cause| Error::BadTokenizer { path: self.source.clone(), cause })?));
        }
        let added: HashMap<u32, bool> = raw.get_added_tokens_decoder().iter().map(|(id, token)| (*id, token.special)).collect();
        let highest = raw.get_vocab(true).values().max().map_or(0, |id| *id as usize + 1);
        let mut eos: Vec<u32> = self.names.get("eos_token").and_then(|token| raw.token_to_id(token)).into_iter().collect();
        for id in self.eos {
            if !eos.contains(&id) {
                eos.push(id);
            }
        }
        let spelling = Spelling::of(&raw);
        let prefixed = spelling.takes_prefix(&raw);
        let Self { source, names, template, config, .. } = self;
        Ok(Tokenizer(std::sync::Arc::new(Parts {
            raw,
            source,
            names,
            eos,
            template,
            config,
            added,
            vocabulary: highest,
            spelling,
            prefixed,
        })))
    }
}

/// The post-processor that puts `bos` before and `eos` after a text.
fn frame(raw: &Raw, bos: Option<&String>, eos: Option<&String>) -> Result<TemplateProcessing, String> {
    let mut pieces: Vec<&str> = Vec::new();
    pieces.extend(bos.map(String::as_str));
    pieces.push("$A");
    pieces.extend(eos.map(String::as_str));
    let ids = [bos, eos].into_iter().flatten().filter_map(|token| Some((token.clone(), raw.token_to_id(token)?)));
    let ids: Vec<(String, u32)> = ids.collect();
    let mut builder = TemplateProcessing::builder();
    builder.try_single(pieces).map_err(|cause| cause.to_string())?;
    builder.special_tokens(ids).build().map_err(|cause| cause.to_string())
}
