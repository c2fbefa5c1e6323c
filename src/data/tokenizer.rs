//! The real tokenizer, as data sees it.

use super::{Encode, Turn};
use crate::Result;
use crate::tokenizer::{Message, Tokenizer};

impl Encode for Tokenizer {
    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        Tokenizer::encode(self, text)
    }

    fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        Tokenizer::encode_plain(self, text)
    }

    fn text(&self, ids: &[u32]) -> Result<String> {
        self.decode(ids, false)
    }

    /// The first, where there are several.
    fn eos(&self) -> Option<u32> {
        Tokenizer::eos(self).first().copied()
    }

    fn has_chat(&self) -> bool {
        Tokenizer::has_chat(self)
    }

    fn chat(&self, turns: &[Turn], prompt: bool) -> Result<String> {
        let messages: Vec<Message> = turns.iter().map(|turn| Message::new(turn.role.as_str(), turn.content.as_str())).collect();
        Tokenizer::chat(self, &messages, prompt)
    }
}
