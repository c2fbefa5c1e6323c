//! A name of the hub (`owner/name`) to files on this machine: from the cache, else from the first server that has them.

use std::path::{Path, PathBuf};

use super::listing::{self, Remote};
use super::snapshot::Shelf;
use super::trouble::Trouble;
use super::visit::{Visit, from_servers};
use super::{Endpoints, Files, Kind, Progress, folder};
use crate::stop::Stop;
use crate::{Error, Result};

/// `owner/name`, or one .gguf of such a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repository<'a> {
    given: &'a str,
    id: &'a str,
    gguf: Option<&'a str>,
}

/// Endings that say: a file was meant.
const FILES: &[&str] = &[".gguf", ".safetensors", ".json", ".jsonl", ".txt", ".csv", ".tsv", ".parquet", ".gz", ".zst", ".bin", ".pt"];

impl<'a> Repository<'a> {
    /// The hub's rules for names: letters, digits, `-`, `_`, `.`; neither `--` nor `..`, none of `-` and `.` at an end; 96 at most.
    pub fn parse(given: &'a str) -> Option<Self> {
        let (id, gguf) = match given.rsplit_once('/')? {
            (id, file) if id.contains('/') => (id, Some(file)),
            _ => (given, None),
        };
        let (owner, name) = id.split_once('/')?;
        let a_file = |text: &str| FILES.iter().any(|ending| text.to_ascii_lowercase().ends_with(ending));
        let fits = plain(owner) && plain(name) && id.len() <= 96 && !a_file(name);
        let fits = fits && gguf.is_none_or(|file| plain(file) && file.to_ascii_lowercase().ends_with(".gguf"));
        fits.then_some(Self { given, id, gguf })
    }

    pub fn id(&self) -> &'a str {
        self.id
    }

    /// What the cache has of it, if that is enough to load it. No network.
    pub fn here(self, shelf: &Shelf) -> Option<Files> {
        self.open(&shelf.current()?).ok()
    }

    fn open(self, snapshot: &Path) -> Result<Files> {
        let path = self.gguf.map_or_else(|| snapshot.to_owned(), |file| snapshot.join(file));
        if self.gguf.is_some() && !path.is_file() {
            return Err(Error::NotFound { path: path.display().to_string() });
        }
        let files = folder::open(&path)?;
        let has = |name: &str| snapshot.join(name).is_file();
        let speaks = has("tokenizer.json") || has("vocab.json") && has("merges.txt");
        if files.gguf().is_none() && !files.adapter && !speaks {
            return Err(Error::NotFound { path: snapshot.join("tokenizer.json").display().to_string() });
        }
        Ok(Files { name: self.given.to_owned(), ..files })
    }
}

fn plain(part: &str) -> bool {
    let letters = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    letters
        && !part.is_empty()
        && !part.starts_with(['-', '.'])
        && !part.ends_with(['-', '.'])
        && !part.contains("--")
        && !part.contains("..")
}

/// The repository's files, fetched if they are not all in the cache.
pub fn fetch(repository: Repository, rules: &Endpoints, progress: Progress, stop: &Stop) -> Result<Files> {
    let shelf = Shelf::new(&rules.folder, Kind::Model, repository.id);
    if let Some(files) = repository.here(&shelf) {
        return Ok(files);
    }
    let snapshot = from_servers(repository.id, Kind::Model, &shelf, rules, progress, stop, |visit, last| repository.run(visit, last))?;
    repository.open(&snapshot)
}

impl Repository<'_> {
    /// The complete snapshot.
    fn run(&self, mut visit: Visit, last: bool) -> Result<PathBuf, Trouble> {
        let listing = visit.listing(last)?;
        let choice = listing::choose(&listing, self.id, self.gguf)?;
        let size = |files: &[Remote]| files.iter().map(|file| file.size).sum::<Option<u64>>();
        let mut total = None;
        if choice.index.is_none() {
            total = size(&choice.small).zip(size(&choice.weights)).map(|(small, weights)| small + weights);
        }
        visit.expect(&listing, choice.small.iter().chain(&choice.weights), total);
        for file in &choice.small {
            visit.get(&listing, file)?;
        }
        let snapshot = visit.snapshot(&listing);
        let mut weights = choice.weights;
        if let Some(index) = choice.index {
            let path = snapshot.join(&index.name);
            weights = listing::shards(&listing, self.id, &std::fs::read(&path).map_err(Error::io(&path))?)?;
            let total = size(&weights).map(|weights| visit.done() + weights);
            visit.expect(&listing, weights.iter(), total);
        }
        for file in &weights {
            visit.get(&listing, file)?;
        }
        visit.point(&listing)?;
        Ok(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_hub_are_told_from_paths() {
        let parsed = |name| Repository::parse(name).map(|found| (found.id, found.gguf));
        assert_eq!(parsed("openai-community/gpt2-medium"), Some(("openai-community/gpt2-medium", None)));
        assert_eq!(parsed("TinyLlama/TinyLlama-1.1B-Chat_v1.0"), Some(("TinyLlama/TinyLlama-1.1B-Chat_v1.0", None)));
        assert_eq!(parsed("a/b/c.Q4_0.gguf"), Some(("a/b", Some("c.Q4_0.gguf"))));
        for path in [
            "gpt2", "./gpt2", "../a", "~/a", "/a/b", "a//b", "a/", "/a", "a/b/c", "a/b.gguf", "a/b.json", "a/..", "a b/c", "a\\b/c",
            "模/型",
        ] {
            assert_eq!(parsed(path), None, "{path}");
        }
    }
}
