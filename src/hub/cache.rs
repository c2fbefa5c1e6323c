//! What the hub's cache on this machine holds, whoever fetched it.

use std::path::{Path, PathBuf};

use super::repository::Repository;
use super::snapshot::Shelf;
use super::{Files, Kind, folder};

/// One repository in the cache.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What `%load` takes: `owner/name`, or a path where the repository has no owner.
    pub name: String,
    pub path: PathBuf,
    /// What all of it takes on disk: other commits and cut downloads too.
    pub bytes: u64,
    /// Its parts; `None` where they are not all here.
    pub files: Option<Files>,
}

/// The repositories of models in `cache`, by name. A folder that cannot be read holds nothing.
pub fn kept(cache: &Path) -> Vec<Kept> {
    let entries = std::fs::read_dir(cache).into_iter().flatten().flatten();
    let mut found: Vec<Kept> = entries.filter_map(|entry| one(cache, &entry.path())).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn one(cache: &Path, folder: &Path) -> Option<Kept> {
    let id = folder.file_name()?.to_str()?.strip_prefix("models--")?.replacen("--", "/", 1);
    let shelf = Shelf::new(cache, Kind::Model, &id);
    let current = shelf.current();
    let path = current.clone().unwrap_or_else(|| folder.to_owned());
    let (name, files) = match Repository::parse(&id) {
        Some(repository) => (id.clone(), repository.here(&shelf)),
        // Python once fetched `gpt2` without an owner.
        None => (path.display().to_string(), current.and_then(|path| folder::open(&path).ok())),
    };
    Some(Kept { name, path, bytes: bytes(folder), files })
}

/// Bytes of all files below; a link counts where it points to, and that is here as well.
fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes(&entry.path()),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |meta| meta.len()),
        _ => 0,
    };
    entries.map(size).sum()
}
