//! ModelScope's paths, where they are not the hub's, and what it calls a repository of the hub.
//!
//! As its own client asks them (modelscope-hub 0.5.1, `_legacy_api.py`: `list_repo_files`, `list_dataset_files_paginated`,
//! `get_download_url`): models are listed at once by `repo/files`, data sets page by page by `repo/tree`; both are fetched by
//! `repo?Revision=…&FilePath=…`, and each entry has `Path`, `Type`, `Size` and `Sha256`.

use serde_json::Value;
use sha1::{Digest, Sha1};

use super::endpoint::Endpoint;
use super::http::{Client, Method};
use super::known::Kind;
use super::listing::{Hash, LONGEST, Listing, Remote, is_below, is_top};
use super::trouble::Trouble;
use crate::words::servers;

/// Entries of a page, as the client asks for; a shorter page is the last one.
const PAGE: usize = 200;
/// A server that never sends a short page is left after a million entries.
const PAGES: usize = 5000;

/// The listing of `id`.
pub fn ask(client: &Client, endpoint: &Endpoint, kind: Kind, id: &str) -> Result<Listing, Trouble> {
    let get = |url: &str| client.open(Method::Get, url, endpoint.token.as_deref(), 0)?.json(LONGEST);
    if kind == Kind::Model {
        let read = get(&format!("{}/repo/files?Revision=master&Recursive=false", place(endpoint, kind, id)))?;
        return Ok(listing(entries(&read)?.iter().filter_map(|entry| file(entry, is_top)).collect()));
    }
    let mut files = Vec::new();
    for page in 1..=PAGES {
        let query = format!("Revision=master&Recursive=True&PageNumber={page}&PageSize={PAGE}");
        let read = get(&format!("{}/repo/tree?{query}", place(endpoint, kind, id)))?;
        let entries = entries(&read)?;
        files.extend(entries.iter().filter_map(|entry| file(entry, is_below)));
        if entries.len() < PAGE {
            break;
        }
    }
    Ok(listing(files))
}

/// Where a file is; its name must be encoded.
pub fn url(endpoint: &Endpoint, kind: Kind, id: &str, name: &str) -> String {
    format!("{}/repo?Revision=master&FilePath={name}", place(endpoint, kind, id))
}

fn place(endpoint: &Endpoint, kind: Kind, id: &str) -> String {
    match kind {
        Kind::Data => format!("{}/api/v1/datasets/{id}", endpoint.url),
        Kind::Model => format!("{}/api/v1/models/{}", endpoint.url, namesake(id)),
    }
}

/// The list in an answer, which may say with status 200 that there is none.
fn entries(read: &Value) -> Result<&Vec<Value>, Trouble> {
    if read.get("Success") == Some(&Value::Bool(false)) {
        let code = read.get("Message").and_then(Value::as_str).unwrap_or_default().to_owned();
        return Err(Trouble::Refused { status: 404, code });
    }
    let data = read.get("Data").ok_or_else(|| Trouble::passing(servers::NOT_A_LISTING.text()))?;
    let list = data.get("Files").unwrap_or(data);
    list.as_array().ok_or_else(|| Trouble::passing(servers::NOT_A_LISTING.text()))
}

fn file(entry: &Value, wanted: fn(&str) -> bool) -> Option<Remote> {
    let name = entry.get("Path").or_else(|| entry.get("Name"))?.as_str()?;
    let hash = entry.get("Sha256").and_then(Value::as_str).and_then(Hash::parse);
    let folder = entry.get("Type").and_then(Value::as_str) == Some("tree");
    (!folder && wanted(name)).then(|| Remote { name: name.to_owned(), size: entry.get("Size").and_then(Value::as_u64), hash })
}

/// ModelScope names no commit: the names and hashes of the files stand for it.
fn listing(files: Vec<Remote>) -> Listing {
    let mut lines: Vec<String> = files.iter().map(|file| format!("{} {:?} {:?}\n", file.name, file.size, file.hash)).collect();
    lines.sort();
    let commit = Sha1::digest(lines.concat()).iter().map(|byte| format!("{byte:02x}")).collect();
    Listing { commit, files }
}

/// Repositories that ModelScope keeps under another owner: names of the hub (those ending in `-` stand for all that begin so), and the
/// owner there, as ModelScope's own ms-swift pairs them. Every other name is asked for as it is.
const NAMESAKES: &[(&str, &str)] = &[
    ("meta-llama/Llama-3.2-", "LLM-Research"),
    ("mistralai/Mistral-7B-Instruct-v0.1", "AI-ModelScope"),
    ("mistralai/Mistral-7B-Instruct-v0.2", "AI-ModelScope"),
    ("mistralai/Mistral-7B-Instruct-v0.3", "LLM-Research"),
    ("mistralai/Mistral-7B-v0.1", "AI-ModelScope"),
    ("openai-community/gpt2", "AI-ModelScope"),
    ("openai-community/gpt2-", "AI-ModelScope"),
];

/// What ModelScope calls a repository of the hub.
fn namesake(id: &str) -> String {
    let row = NAMESAKES.iter().find(|(name, _)| *name == id || name.ends_with('-') && id.starts_with(name));
    match (row, id.split_once('/')) {
        (Some((_, owner)), Some((_, name))) => format!("{owner}/{name}"),
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::namesake;

    #[test]
    fn modelscope_has_owners_of_its_own_for_some_names() {
        for (hub, there) in [
            ("openai-community/gpt2", "AI-ModelScope/gpt2"),
            ("openai-community/gpt2-medium", "AI-ModelScope/gpt2-medium"),
            ("meta-llama/Llama-3.2-1B-Instruct", "LLM-Research/Llama-3.2-1B-Instruct"),
            ("mistralai/Mistral-7B-Instruct-v0.3", "LLM-Research/Mistral-7B-Instruct-v0.3"),
            ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
            ("openai-community/gpt2x", "openai-community/gpt2x"),
            ("AI-ModelScope/gpt2", "AI-ModelScope/gpt2"),
        ] {
            assert_eq!(namesake(hub), there);
        }
    }
}
