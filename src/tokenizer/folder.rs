//! A tokenizer out of a folder in the hub's layout, and back into one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer as Raw};

use super::Tokenizer;
use super::parts::Draft;
use crate::{Error, Result};

const NAMED: &[&str] = &["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"];
const END_OF_TEXT: &str = "<|endoftext|>";

impl Tokenizer {
    /// Reads tokenizer.json (or GPT-2's vocab.json and merges.txt) with what the files beside it say about special
    /// tokens, the ends of a text and the chat template.
    ///
    /// Errors: `NoTokenizer` when neither is there; `BadTokenizer` with the file that cannot be read.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let config = object(&folder.join("tokenizer_config.json"))?;
        let file = folder.join("tokenizer.json");
        let (raw, mut names) = if file.is_file() {
            let bytes = std::fs::read(&file).map_err(Error::io(&file))?;
            (Raw::from_bytes(bytes).map_err(bad(&file))?, BTreeMap::new())
        } else if folder.join("vocab.json").is_file() && folder.join("merges.txt").is_file() {
            let names = ["bos_token", "eos_token", "unk_token"].map(|name| (name.to_owned(), END_OF_TEXT.to_owned()));
            (gpt2(folder)?, BTreeMap::from(names))
        } else {
            let looked_for = "tokenizer.json, vocab.json + merges.txt".to_owned();
            return Err(Error::NoTokenizer { path: folder.display().to_string(), looked_for });
        };
        for source in [&object(&folder.join("special_tokens_map.json"))?, &config] {
            names.extend(NAMED.iter().filter_map(|name| Some(((*name).to_owned(), content(source.get(*name)?)?))));
        }
        let template = template(folder, &config)?;
        let flag = |name: &str| config.get(name).and_then(Value::as_bool);
        let frame = match (flag("add_bos_token"), flag("add_eos_token")) {
            (None, None) => None,
            (bos, eos) => Some((bos.unwrap_or(false), eos.unwrap_or(false))),
        };
        let eos = ends(folder)?;
        Draft { source: folder.display().to_string(), names, eos, template, config, frame }.finish(raw)
    }

    /// Writes tokenizer.json and tokenizer_config.json, as transformers' `PreTrainedTokenizerFast` reads them.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let (parts, folder) = (&self.0, folder.as_ref());
        let mut config: Map<String, Value> = parts.config.clone();
        config.insert("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast"));
        config.insert("clean_up_tokenization_spaces".to_owned(), json!(false));
        config.extend(parts.names.iter().map(|(name, token)| (name.clone(), json!(token))));
        config.extend(parts.template.iter().map(|text| ("chat_template".to_owned(), json!(text))));
        // Classes and files of the code that made the folder; without it they would only stop a load.
        for stale in ["auto_map", "backend", "is_local", "name_or_path", "tokenizer_file", "vocab_file"] {
            config.remove(stale);
        }
        let text = parts.raw.to_string(false);
        let text = text.map_err(|cause| Error::Internal { doing: "writing the tokenizer".to_owned(), cause: cause.to_string() })?;
        let config = serde_json::to_string_pretty(&config).unwrap_or_default();
        let files = [("tokenizer.json", text), ("tokenizer_config.json", config + "\n")];
        let write = |(name, text): (&str, String)| {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(Error::io(&path)).map(|()| path)
        };
        files.into_iter().map(write).collect()
    }
}

fn bad<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Error + '_ {
    move |cause| Error::BadTokenizer { path: path.display().to_string(), cause: cause.to_string() }
}

/// GPT-2's two files: byte-level BPE with its expression, and the end of text as the one special token.
fn gpt2(folder: &Path) -> Result<Raw> {
    let (vocabulary, merges) = (folder.join("vocab.json"), folder.join("merges.txt"));
    let said = bad::<tokenizers::Error>;
    let read = BPE::from_file(&vocabulary.display().to_string(), &merges.display().to_string()).build().map_err(said(&vocabulary))?;
    let mut raw = Raw::new(read);
    raw.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
    raw.with_decoder(Some(ByteLevel::new(true, true, true)));
    raw.with_post_processor(Some(ByteLevel::new(false, false, true)));
    raw.add_special_tokens([AddedToken::from(END_OF_TEXT, true)]).map_err(said(&vocabulary))?;
    Ok(raw)
}

/// A JSON object; empty when there is no such file.
fn object(path: &Path) -> Result<Map<String, Value>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(cause) => return Err(Error::io(path)(cause)),
    };
    serde_json::from_slice(&bytes).map_err(bad(path))
}

/// A token is written as text, or as an object that holds its text.
fn content(token: &Value) -> Option<String> {
    token.as_str().or_else(|| token.get("content")?.as_str()).map(str::to_owned)
}

/// The ends of a text that the model's own files name: a number or a list.
fn ends(folder: &Path) -> Result<Vec<u32>> {
    for name in ["generation_config.json", "config.json"] {
        let ids = match object(&folder.join(name))?.get("eos_token_id") {
            Some(Value::Array(list)) => list.clone(),
            Some(one) if one.is_number() => vec![one.clone()],
            _ => continue,
        };
        return Ok(ids.iter().filter_map(Value::as_u64).filter_map(|id| u32::try_from(id).ok()).collect());
    }
    Ok(Vec::new())
}

/// A file of its own, a text in the config, or a list of named ones: then the one called `default`.
fn template(folder: &Path, config: &Map<String, Value>) -> Result<Option<String>> {
    let file = folder.join("chat_template.jinja");
    if file.is_file() {
        return std::fs::read_to_string(&file).map(Some).map_err(Error::io(&file));
    }
    Ok(match config.get("chat_template") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Array(named)) => {
            let default = named.iter().find(|one| one.get("name").and_then(Value::as_str) == Some("default")).or(named.first());
            default.and_then(|one| one.get("template")?.as_str()).map(str::to_owned)
        }
        _ => None,
    })
}
