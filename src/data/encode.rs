//! What data asks of a tokenizer; five calls, so tests need no tokenizer file.

use super::Turn;
use crate::Result;

pub trait Encode {
    /// Token ids with the special tokens that the tokenizer adds by itself (`<s>` and the like).
    fn encode(&self, text: &str) -> Result<Vec<u32>>;

    /// Token ids of exactly this text; special tokens written in it become their ids, none is added.
    fn encode_plain(&self, text: &str) -> Result<Vec<u32>>;

    /// The text of these ids, special tokens included.
    fn text(&self, ids: &[u32]) -> Result<String>;

    /// The token that ends a document or an answer.
    fn eos(&self) -> Option<u32>;

    /// Whether the model brings a chat template.
    fn has_chat(&self) -> bool;

    /// The conversation in the model's own template; `prompt` adds the opening of the assistant's next turn.
    fn chat(&self, turns: &[Turn], prompt: bool) -> Result<String>;
}
