//! Decoding one token at a time: a piece comes out when its bytes make whole characters.

use super::Tokenizer;
use crate::Result;

/// All pieces joined equal [`Tokenizer::decode`] of all ids.
#[derive(Clone, Debug)]
pub struct Decoder {
    tokenizer: Tokenizer,
    skip_special: bool,
    held: Vec<u8>,
    begun: bool,
}

impl Decoder {
    pub fn new(tokenizer: &Tokenizer, skip_special: bool) -> Self {
        Self { tokenizer: tokenizer.clone(), skip_special, held: Vec::new(), begun: false }
    }

    /// The text that this id completes; `None` while a character is unfinished.
    pub fn push(&mut self, id: u32) -> Result<Option<String>> {
        if self.skip_special && self.tokenizer.is_special(id) {
            return Ok(None);
        }
        let bytes = self.tokenizer.token_bytes(id);
        let mut bytes = bytes.as_slice();
        if !self.begun && self.tokenizer.0.prefixed {
            bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
        }
        self.begun = true;
        self.held.extend_from_slice(bytes);
        let text = whole(&mut self.held);
        Ok(if text.is_empty() { None } else { Some(text) })
    }

    /// What is left at the end: an unfinished character becomes U+FFFD.
    pub fn flush(&mut self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.held).into_owned();
        self.held.clear();
        if text.is_empty() { None } else { Some(text) }
    }
}

/// Takes all whole characters off the front; bytes that can never be UTF-8 become U+FFFD.
fn whole(held: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut done = 0;
    loop {
        match std::str::from_utf8(&held[done..]) {
            Ok(rest) => {
                text.push_str(rest);
                done = held.len();
                break;
            }
            Err(broken) => {
                let valid = done + broken.valid_up_to();
                text.push_str(&String::from_utf8_lossy(&held[done..valid]));
                done = valid;
                let Some(length) = broken.error_len() else { break };
                text.push(char::REPLACEMENT_CHARACTER);
                done += length;
            }
        }
    }
    held.drain(..done);
    text
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn pieces_join_to_the_lossy_text_of_any_bytes() {
        let mut random = crate::random::Random::seeded(7);
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..12).map(|_| b"a\xE6\xA8\xA1\xF0\x9F\x98\x80\xFF\xC2"[random.below(10)]).collect();
            let (mut held, mut text) = (Vec::new(), String::new());
            for b in &bytes {
                held.push(*b);
                text.push_str(&whole(&mut held));
            }
            text.push_str(&String::from_utf8_lossy(&held));
            assert_eq!(text, String::from_utf8_lossy(&bytes), "{bytes:?}");
        }
    }
}
