//! A tokenizer out of a GGUF file's metadata: byte-level BPE here, SentencePiece in `pieces`.
//!
//! A GGUF names its pre-tokenizer and leaves the rule to the reader: the rules here are those of the models' own
//! tokenizer.json. Readers that fall back to another rule give wrong ids and no error (SmolLM2's digits, for one).

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer as Raw};

use super::parts::Draft;
use super::{Tokenizer, pieces};
use crate::{Error, Result, words};

/// How text is cut before the merges.
#[derive(Clone, Copy)]
enum Cut {
    /// GPT-2's expression, built into the library.
    Gpt2,
    /// Each digit alone, then GPT-2's expression.
    DigitsGpt2,
    Expression(&'static str),
}

/// One row a value of `tokenizer.ggml.pre`; the values that share a row share it in llama.cpp's `src/llama-vocab.cpp` too.
struct Row {
    names: &'static [&'static str],
    cut: Cut,
    /// A whole word that is a token is taken without going through the merges.
    whole_words: bool,
    nfc: bool,
    /// What holds when the file does not say `add_bos_token`.
    bos: bool,
}

const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const ROWS: &[Row] = &[
    Row { names: &["smollm", "refact", "starcoder"], cut: Cut::DigitsGpt2, whole_words: false, nfc: false, bos: false },
    Row { names: &["gpt-2"], cut: Cut::Gpt2, whole_words: false, nfc: false, bos: false },
    Row { names: &["llama-bpe", "llama3", "llama-v3"], cut: Cut::Expression(LLAMA3), whole_words: true, nfc: false, bos: true },
    Row { names: &["smaug-bpe"], cut: Cut::Expression(LLAMA3), whole_words: false, nfc: false, bos: false },
    Row { names: &["qwen2"], cut: Cut::Expression(QWEN2), whole_words: false, nfc: true, bos: false },
];

impl Tokenizer {
    /// Reads the tokenizer inside a .gguf.
    ///
    /// Errors: `NotFound`; `BadTokenizer` for a vocabulary or pre-tokenizer that is not in the table, and for a broken file.
    pub fn from_gguf(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bad = |cause: String| Error::BadTokenizer { path: path.display().to_string(), cause };
        let file = std::fs::File::open(path).map_err(Error::io(path))?;
        let content = Content::read(&mut std::io::BufReader::with_capacity(1 << 16, file)).map_err(|cause| bad(first_line(&cause)))?;
        build(&content, path.display().to_string()).map_err(bad)?
    }
}

fn first_line(cause: &candle_core::Error) -> String {
    cause.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Where the file does not name its rule, its architecture does.
const BY_ARCHITECTURE: &[(&str, &str)] = &[("gpt2", "gpt-2"), ("qwen2", "qwen2"), ("qwen3", "qwen2")];

/// The outer error is a cause, to be put beside the path.
fn build(content: &Content, source: String) -> Result<Result<Tokenizer>, String> {
    let meta = Meta(content);
    let tokens = meta.texts("tokens").ok_or_else(|| words::ui::NO_VOCABULARY.text().to_owned());
    let (mut raw, tokens, bos) = match meta.text("model") {
        Some("gpt2") => {
            let (row, tokens) = (meta.row()?, tokens?);
            (bytes_bpe(&tokens, meta.merges()?, row)?, tokens, row.bos)
        }
        Some("llama") => {
            let tokens = tokens?;
            (pieces::bpe(&meta, &tokens)?, tokens, true)
        }
        Some(other) => return Err(words::ui::UNKNOWN_VOCABULARY.with(&[("given", &other), ("known", &"gpt2, llama")])),
        None => return Err(words::ui::NO_VOCABULARY.text().to_owned()),
    };
    add_marked(&mut raw, &tokens, &meta.numbers("token_type"))?;
    let draft = meta.draft(source, &tokens, bos);
    Ok(draft.finish(raw))
}

/// Byte-level BPE with the row's rule.
fn bytes_bpe(tokens: &[&str], merges: Vec<(String, String)>, row: &Row) -> Result<Raw, String> {
    let said = |cause: tokenizers::Error| cause.to_string();
    let numbered = tokens.iter().enumerate();
    let vocabulary: Vocab = numbered.map(|(id, token)| ((*token).to_owned(), id as u32)).collect();
    let model = BPE::builder().vocab_and_merges(vocabulary, merges);
    let mut raw = Raw::new(model.ignore_merges(row.whole_words).build().map_err(said)?);
    cut_by(&mut raw, row)?;
    Ok(raw)
}

/// Makes `raw` cut text as GGUF's pre-tokenizer `name` does.
pub(super) fn cut_as(raw: &mut Raw, name: &str) -> Result<(), String> {
    cut_by(raw, row(name)?)
}

fn cut_by(raw: &mut Raw, row: &Row) -> Result<(), String> {
    let said = |cause: tokenizers::Error| cause.to_string();
    let (digits, plain) = (Digits::new(true), ByteLevel::new(false, true, true));
    let cut: PreTokenizerWrapper = match row.cut {
        Cut::Gpt2 => plain.into(),
        Cut::DigitsGpt2 => Sequence::new(vec![digits.into(), plain.into()]).into(),
        Cut::Expression(rule) => {
            let split = Split::new(SplitPattern::Regex(rule.to_owned()), SplitDelimiterBehavior::Isolated, false).map_err(said)?;
            Sequence::new(vec![split.into(), ByteLevel::new(false, true, false).into()]).into()
        }
    };
    raw.with_pre_tokenizer(Some(cut));
    raw.with_decoder(Some(ByteLevel::new(true, true, true)));
    if row.nfc {
        raw.with_normalizer(Some(NFC)).map_err(said)?;
    }
    Ok(())
}

fn row(name: &str) -> Result<&'static Row, String> {
    let known = || ROWS.iter().flat_map(|row| row.names).copied().collect::<Vec<_>>().join(", ");
    let row = ROWS.iter().find(|row| row.names.contains(&name));
    row.ok_or_else(|| words::ui::UNKNOWN_PRE_TOKENIZER.with(&[("given", &name), ("known", &known())]))
}

pub(super) const NORMAL: i64 = 1;
pub(super) const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
pub(super) const USER_DEFINED: i64 = 4;
pub(super) const BYTE: i64 = 6;

/// Control tokens are special; the maker's own tokens are kept whole in the text.
fn add_marked(raw: &mut Raw, tokens: &[&str], kinds: &[i64]) -> Result<(), String> {
    let marked = |kind: i64| tokens.iter().zip(kinds).filter(move |(_, k)| **k == kind).map(|(token, _)| *token);
    let added = |token: &str, special| AddedToken::from(token.to_owned(), special).normalized(false);
    let control = marked(CONTROL).map(|token| added(token, true));
    let own = marked(USER_DEFINED).map(|token| added(token, false));
    raw.add_special_tokens(control).map_err(|cause| cause.to_string())?;
    raw.add_tokens(own).map_err(|cause| cause.to_string())?;
    Ok(())
}

/// Metadata under `tokenizer.ggml.`
pub(super) struct Meta<'a>(&'a Content);

impl<'a> Meta<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.metadata.get(&format!("tokenizer.ggml.{key}"))
    }

    /// The rule that the file names.
    fn row(&self) -> Result<&'static Row, String> {
        let architecture = self.0.metadata.get("general.architecture").and_then(|text| text.to_string().ok());
        let implied = || BY_ARCHITECTURE.iter().find(|(name, _)| architecture.is_some_and(|a| a == name)).map(|(_, pre)| *pre);
        let pre = self.text("pre").filter(|pre| *pre != "default").or_else(implied).unwrap_or("default");
        row(pre)
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.to_string().ok().map(String::as_str)
    }

    fn texts(&self, key: &str) -> Option<Vec<&'a str>> {
        self.get(key)?.to_vec().ok()?.iter().map(|item| item.to_string().ok().map(String::as_str)).collect()
    }

    pub(super) fn numbers(&self, key: &str) -> Vec<i64> {
        let items = self.get(key).and_then(|list| list.to_vec().ok());
        items.into_iter().flatten().map(number).map(|n| n.unwrap_or_default()).collect()
    }

    pub(super) fn floats(&self, key: &str) -> Vec<f32> {
        let items = self.get(key).and_then(|list| list.to_vec().ok());
        items.into_iter().flatten().filter_map(|number| number.to_f32().ok()).collect()
    }

    pub(super) fn id(&self, key: &str) -> Option<u32> {
        u32::try_from(number(self.get(&format!("{key}_token_id"))?)?).ok()
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.to_bool().ok()
    }

    fn merges(&self) -> Result<Vec<(String, String)>, String> {
        let merges = self.texts("merges").ok_or_else(|| words::ui::NO_MERGES.text().to_owned())?;
        let halves = merges.iter().map(|merge| merge.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())));
        halves.collect::<Option<Vec<_>>>().ok_or_else(|| words::ui::NO_MERGES.text().to_owned())
    }

    fn draft(&self, source: String, tokens: &[&str], bos: bool) -> Draft {
        let mut names = BTreeMap::new();
        for (name, key) in [("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", "unknown"), ("pad_token", "padding")] {
            if let Some(token) = self.id(key).and_then(|id| tokens.get(id as usize)) {
                names.insert(name.to_owned(), (*token).to_owned());
            }
        }
        let frame = (self.flag("add_bos_token").unwrap_or(bos), self.flag("add_eos_token").unwrap_or(false));
        let frame = Some(frame).filter(|(bos, eos)| *bos || *eos);
        let template = self.0.metadata.get("tokenizer.chat_template").and_then(|text| text.to_string().ok()).cloned();
        let eos = ["eot", "eom"].iter().filter_map(|key| self.id(key)).collect();
        Draft { source, names, eos, template, frame, ..Draft::default() }
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::U8(n) => Some(i64::from(*n)),
        Value::I8(n) => Some(i64::from(*n)),
        Value::U16(n) => Some(i64::from(*n)),
        Value::I16(n) => Some(i64::from(*n)),
        Value::U32(n) => Some(i64::from(*n)),
        Value::I32(n) => Some(i64::from(*n)),
        Value::U64(n) => i64::try_from(*n).ok(),
        Value::I64(n) => Some(*n),
        _ => None,
    }
}
