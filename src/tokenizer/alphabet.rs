//! How a vocabulary spells bytes.
//!
//! GPT-2's way gives each of the 256 bytes a printable character: those that print stand for themselves, the others
//! are moved past U+0100 in order. SentencePiece writes `▁` for a space and `<0x0A>` for a byte without a token.

use tokenizers::{DecoderWrapper, Tokenizer as Raw};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    ByteLevel,
    SentencePiece,
    Plain,
}

impl Spelling {
    /// Told from the decoder, as written in tokenizer.json.
    pub fn of(raw: &Raw) -> Self {
        match raw.get_decoder() {
            Some(DecoderWrapper::ByteLevel(_)) => Self::ByteLevel,
            Some(decoder) => {
                let text = serde_json::to_string(decoder).unwrap_or_default();
                if text.contains("ByteLevel") {
                    Self::ByteLevel
                } else if text.contains('▁') || text.contains("ByteFallback") {
                    Self::SentencePiece
                } else {
                    Self::Plain
                }
            }
            None => Self::Plain,
        }
    }

    /// Whether the decoder takes the space off that the vocabulary puts before a text.
    pub fn takes_prefix(self, raw: &Raw) -> bool {
        let text = raw.get_decoder().and_then(|decoder| serde_json::to_string(decoder).ok()).unwrap_or_default();
        self == Self::SentencePiece && (text.contains("\"Strip\"") || text.contains("Metaspace") && !text.contains("\"never\""))
    }

    pub fn bytes(self, token: &str) -> Vec<u8> {
        match self {
            // A token with a character outside the alphabet stands for itself, as in the tokenizers library.
            Self::ByteLevel => token.chars().map(byte).collect::<Option<Vec<u8>>>().unwrap_or_else(|| token.as_bytes().to_vec()),
            Self::SentencePiece => match fallback(token) {
                Some(byte) => vec![byte],
                None => token.replace('▁', " ").into_bytes(),
            },
            Self::Plain => token.as_bytes().to_vec(),
        }
    }
}

/// `<0x0A>` is the byte 10.
fn fallback(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}

fn prints(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The byte that a character of GPT-2's alphabet stands for.
fn byte(c: char) -> Option<u8> {
    let code = u32::from(c);
    match u8::try_from(code) {
        Ok(same) => prints(same).then_some(same),
        Err(_) => (0..=255).filter(|b| !prints(*b)).nth(code as usize - 256),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character_and_the_library_agrees() {
        let mut seen = std::collections::HashSet::new();
        for b in 0..=255_u8 {
            let c = if prints(b) { char::from(b) } else { char::from_u32((0..b).filter(|b| !prints(*b)).count() as u32 + 256).unwrap() };
            assert_eq!(byte(c), Some(b));
            seen.insert(c);
        }
        let theirs: std::collections::HashSet<char> = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet().into_iter().collect();
        assert_eq!(seen, theirs);
        assert_eq!(Spelling::ByteLevel.bytes("Ġæ¨¡Ċ"), " 模\n".as_bytes());
        assert_eq!(Spelling::ByteLevel.bytes("the end"), b"the end");
    }

    #[test]
    fn sentencepiece_spells_spaces_and_bytes_its_own_way() {
        assert_eq!(Spelling::SentencePiece.bytes("▁a"), b" a");
        assert_eq!(Spelling::SentencePiece.bytes("<0xE6>"), [0xE6]);
        assert_eq!(Spelling::SentencePiece.bytes("<0xE>"), b"<0xE>");
    }
}
