//! Text to token ids and back, and the chat template that comes with a model.
//!
//! Three roads in: a hub folder, a GGUF file, training. Ids equal transformers' for the same tokenizer.

mod alphabet;
mod folder;
mod gguf;
mod json;
mod parts;
mod pieces;
mod stream;
mod template;
mod train;

use std::sync::Arc;

use crate::{Error, Result};

pub use stream::Decoder;
pub use template::Message;

use parts::Parts;

/// A tokenizer; clones share it.
#[derive(Clone, Debug)]
pub struct Tokenizer(Arc<Parts>);

impl Tokenizer {
    /// Ids of a text: special tokens written in it are recognised, and the model's own frame (a leading bos, say) is added.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.ids(text, true)
    }

    /// As [`Self::encode`], without the frame: for text that the chat template has framed already.
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        self.ids(text, false)
    }

    fn ids(&self, text: &str, frame: bool) -> Result<Vec<u32>> {
        match self.0.raw.encode_fast(text, frame) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(cause) => Err(Error::Internal { doing: "tokenizing".to_owned(), cause: cause.to_string() }),
        }
    }

    /// Text of ids; bytes that are not UTF-8 become U+FFFD, ids past the vocabulary are left out.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        let text = self.0.raw.decode(ids, skip_special);
        text.map_err(|cause| Error::Internal { doing: "decoding".to_owned(), cause: cause.to_string() })
    }

    /// What a token stands for: raw bytes (perhaps a part of a character); the text of an added token; empty for an unknown id.
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        let Some(token) = self.0.raw.id_to_token(id) else { return Vec::new() };
        if self.0.added.contains_key(&id) { token.into_bytes() } else { self.0.spelling.bytes(&token) }
    }

    /// The number of ids, added tokens included: one past the largest id.
    pub fn vocabulary(&self) -> usize {
        self.0.vocabulary
    }

    /// Ids that end a text, the tokenizer's own first.
    pub fn eos(&self) -> &[u32] {
        &self.0.eos
    }

    pub fn bos(&self) -> Option<u32> {
        self.0.named("bos_token")
    }

    pub fn pad(&self) -> Option<u32> {
        self.0.named("pad_token")
    }

    /// Whether `decode` with `skip_special` leaves this id out.
    pub fn is_special(&self, id: u32) -> bool {
        self.0.added.get(&id).is_some_and(|special| *special)
    }

    /// The id of a token as the vocabulary spells it.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.0.raw.token_to_id(token)
    }

    pub fn has_chat(&self) -> bool {
        self.0.template.is_some()
    }

    /// The chat template's source.
    pub fn template(&self) -> Option<&str> {
        self.0.template.as_deref()
    }

    /// Messages in the model's own chat format; [`Self::encode_plain`] turns them into ids.
    ///
    /// Errors: `NoChatTemplate`; `BadTemplate` with the template's own complaint (a role it does not know, say).
    pub fn chat(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let Some(template) = &self.0.template else { return Err(Error::NoChatTemplate { model: self.0.source.clone() }) };
        template::render(template, messages, add_generation_prompt, &self.0.names)
    }

    pub fn raw(&self) -> &tokenizers::Tokenizer {
        &self.0.raw
    }
}
