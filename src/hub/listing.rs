//! What a repository holds, as its server lists it, and which of it a model needs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::endpoint::{Endpoint, Layout};
use super::http::{Client, Method};
use super::known::Kind;
use super::modelscope;
use super::trouble::Trouble;
use crate::words::{servers, ui};
use crate::{Error, Result};

/// A listing of 100,000 files is 20 MB.
pub const LONGEST: usize = 64 << 20;

/// A file's name is its hash: SHA-256 of what is stored apart (LFS), else git's own SHA-1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hash {
    Sha256(String),
    Git(String),
    /// An ETag that is neither.
    Unknown(String),
}

impl Hash {
    /// From an ETag or a listing; the length says which one it is.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches("W/").trim_matches('"').to_ascii_lowercase();
        let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.len() {
            64 if hex => Some(Self::Sha256(text)),
            40 if hex => Some(Self::Git(text)),
            1..=128 if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) => Some(Self::Unknown(text)),
            _ => None,
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Self::Sha256(text) | Self::Git(text) | Self::Unknown(text) => text,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub name: String,
    pub size: Option<u64>,
    pub hash: Option<Hash>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// 40 hexadecimal digits.
    pub commit: String,
    /// Of a model those at the top: it has nothing we need further down.
    pub files: Vec<Remote>,
}

impl Listing {
    pub fn get(&self, name: &str) -> Option<&Remote> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// Asks one server for the listing of `id`.
pub fn ask(client: &Client, endpoint: &Endpoint, kind: Kind, id: &str) -> Result<Listing, Trouble> {
    if endpoint.layout == Layout::ModelScope {
        return modelscope::ask(client, endpoint, kind, id);
    }
    let shelf = if kind == Kind::Data { "datasets" } else { "models" };
    let url = format!("{}/api/{shelf}/{id}/revision/main?blobs=true", endpoint.url);
    let read = client.open(Method::Get, &url, endpoint.token.as_deref(), 0)?.json(LONGEST)?;
    hub(&read, kind).ok_or_else(|| Trouble::passing(servers::NOT_A_LISTING.text()))
}

/// Where a file of the listing is.
pub fn url(endpoint: &Endpoint, kind: Kind, id: &str, commit: &str, name: &str) -> String {
    let name = encoded(name);
    match endpoint.layout {
        Layout::Hub if kind == Kind::Data => format!("{}/datasets/{id}/resolve/{commit}/{name}", endpoint.url),
        Layout::Hub => format!("{}/{id}/resolve/{commit}/{name}", endpoint.url),
        Layout::ModelScope => modelscope::url(endpoint, kind, id, &name),
    }
}

fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn hub(read: &Value, kind: Kind) -> Option<Listing> {
    let commit = read.get("sha")?.as_str().filter(|sha| sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let files = read.get("siblings")?.as_array()?.iter().filter_map(|file| {
        let lfs = file.get("lfs").filter(|lfs| lfs.is_object());
        let hash = lfs.and_then(|lfs| lfs.get("sha256")).or_else(|| file.get("blobId").filter(|_| lfs.is_none()));
        Some(Remote {
            name: file.get("rfilename")?.as_str()?.to_owned(),
            size: lfs.and_then(|lfs| lfs.get("size")).or_else(|| file.get("size")).and_then(Value::as_u64),
            hash: hash.and_then(Value::as_str).and_then(Hash::parse),
        })
    });
    Some(Listing {
        commit: commit.to_owned(),
        files: files.filter(|file| is_top(&file.name) || kind == Kind::Data && is_below(&file.name)).collect(),
    })
}

pub fn is_top(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0', ':'])
}

/// A path that stays below, with nothing hidden in it.
pub fn is_below(name: &str) -> bool {
    name.split('/').all(|part| is_top(part) && !part.starts_with('.'))
}

/// What is fetched of a repository: all small files first, for an index names the shards.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    pub small: Vec<Remote>,
    /// Weights whose names are known; the index tells the others.
    pub weights: Vec<Remote>,
    pub index: Option<Remote>,
}

const INDEX: &str = "model.safetensors.index.json";
const TOKENIZER: &[&str] = &["tokenizer.json", "vocab.json", "merges.txt"];
const BESIDE: &[&str] = &[
    "README.md",
    "added_tokens.json",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
];

/// Which files a model needs: the safetensors folder, or the one .gguf, or the .gguf that the person named; or an adapter's.
///
/// Errors: `NoWeights` with what there is instead; `NoTokenizer` before gigabytes are fetched in vain.
pub fn choose(listing: &Listing, id: &str, gguf: Option<&str>) -> Result<Choice> {
    let all = |names: &[&str]| -> Vec<Remote> { names.iter().filter_map(|name| listing.get(name).cloned()).collect() };
    let only = |weights: Remote| Choice { small: all(&["README.md"]), weights: vec![weights], index: None };
    if let Some(name) = gguf {
        return listing.get(name).cloned().map(only).ok_or_else(|| no_weights(id, &servers::HUB_NO_FILE.with(&[("file", &name)])));
    }
    let (single, index) = (listing.get("model.safetensors").cloned(), listing.get(INDEX).cloned());
    if listing.get("config.json").is_none() || single.is_none() && index.is_none() {
        return one_gguf(listing, id).map(only).or_else(|error| adapter(listing).ok_or(error));
    }
    let tokenizer = if listing.get("tokenizer.json").is_some() { all(&TOKENIZER[..1]) } else { all(&TOKENIZER[1..]) };
    if tokenizer.is_empty() || tokenizer.len() == 1 && tokenizer[0].name != TOKENIZER[0] {
        return Err(Error::NoTokenizer { path: id.to_owned(), looked_for: "tokenizer.json, vocab.json + merges.txt".to_owned() });
    }
    let index = index.filter(|_| single.is_none());
    let small = all(BESIDE).into_iter().chain(tokenizer).chain(index.clone()).collect();
    Ok(Choice { small, weights: single.into_iter().collect(), index })
}

/// PEFT's two files, where the repository holds no model.
fn adapter(listing: &Listing) -> Option<Choice> {
    let weights = listing.get("adapter_model.safetensors")?.clone();
    let small = ["README.md", "adapter_config.json"].iter().filter_map(|name| listing.get(name).cloned()).collect();
    listing.get("adapter_config.json").map(|_| Choice { small, weights: vec![weights], index: None })
}

fn one_gguf(listing: &Listing, id: &str) -> Result<Remote> {
    let found: Vec<&Remote> = listing.files.iter().filter(|file| file.name.to_ascii_lowercase().ends_with(".gguf")).collect();
    if let [one] = found.as_slice() {
        return Ok((*one).clone());
    }
    let has = |start: &str| listing.files.iter().any(|file| file.name.starts_with(start));
    let cause = if !found.is_empty() {
        let names: Vec<String> = found.iter().map(|file| format!("{id}/{}", file.name)).collect();
        ui::SEVERAL_GGUF.with(&[("files", &names.join(", "))])
    } else if has("adapter_model.bin") {
        servers::HUB_ADAPTER_PICKLE.with(&[("id", &id)])
    } else if has("pytorch_model") {
        servers::HUB_ONLY_PICKLE.with(&[("id", &id)])
    } else {
        let names: Vec<&str> = listing.files.iter().take(12).map(|file| file.name.as_str()).collect();
        servers::HUB_HOLDS.with(&[("files", &names.join(", "))])
    };
    Err(no_weights(id, &cause))
}

fn no_weights(id: &str, cause: &str) -> Error {
    Error::NoWeights { repository: id.to_owned(), cause: cause.to_owned() }
}

/// The shards that the index names, as the listing has them.
pub fn shards(listing: &Listing, id: &str, index: &[u8]) -> Result<Vec<Remote>> {
    let read: Option<Value> = serde_json::from_slice(index).ok();
    let map = read.as_ref().and_then(|read| read.get("weight_map")?.as_object());
    let names: BTreeSet<&str> = map.map(|map| map.values().filter_map(Value::as_str).collect()).unwrap_or_default();
    if names.is_empty() {
        return Err(no_weights(id, ui::NO_WEIGHT_MAP.text()));
    }
    let each = |name: &str| listing.get(name).cloned().ok_or_else(|| no_weights(id, &servers::HUB_NO_FILE.with(&[("file", &name)])));
    names.into_iter().map(each).collect()
}
