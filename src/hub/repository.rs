//! A name of the hub (`owner/name`) to files on this machine: from the cache, else from the first server that has them.

use std::path::{Path, PathBuf};

use super::endpoint::{Endpoint, Endpoints, Layout};
use super::http::{Client, Method};
use super::listing::{self, Hash, Listing, Remote};
use super::snapshot::Shelf;
use super::trouble::{Trouble, persist};
use super::{Files, Progress, download, folder};
use crate::stop::Stop;
use crate::words::servers;
use crate::{Error, Result};

/// `owner/name`, or one .gguf of such a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repository<'a> {
    given: &'a str,
    id: &'a str,
    gguf: Option<&'a str>,
}

/// Endings that say: a file was meant.
const FILES: &[&str] = &[".gguf", ".safetensors", ".json", ".jsonl", ".txt", ".csv", ".bin", ".pt"];

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
    let id = repository.id.to_owned();
    let shelf = Shelf::new(&rules.folder, &id);
    if let Some(files) = repository.here(&shelf) {
        return Ok(files);
    }
    if rules.offline {
        return Err(Error::HubOffline { repository: id, folder: rules.folder.display().to_string() });
    }
    let client = Client::new(rules.patience, stop)?;
    let mut said = Vec::new();
    for (n, endpoint) in rules.list.iter().enumerate() {
        let last = n + 1 == rules.list.len();
        let visit =
            Visit { repository, rules, endpoint, client: &client, shelf: &shelf, stop, progress: &mut *progress, done: 0, total: None };
        said.push(match visit.run(last) {
            Ok(snapshot) => return repository.open(&snapshot),
            Err(Trouble::Stopped) => return Err(Error::Interrupted { what: servers::FETCH_STOPPED.with(&[("what", &id)]) }),
            Err(Trouble::Failed(error)) => return Err(error),
            Err(Trouble::Passing { cause, .. }) => format!("{}: {cause}", endpoint.url),
            // ModelScope is another collection: its no says nothing about the hub.
            Err(Trouble::Refused { status, .. }) if endpoint.layout == Layout::ModelScope && !said.is_empty() => {
                format!("{}: {}", endpoint.url, servers::HTTP_STATUS.with(&[("status", &status)]))
            }
            Err(Trouble::Refused { status, code }) => return Err(refused(&id, endpoint, status, &code)),
        });
    }
    Err(Error::HubFailed { repository: id, cause: said.join("; ") })
}

/// The hub answers 401 for what does not exist, too; its code tells.
fn refused(id: &str, endpoint: &Endpoint, status: u16, code: &str) -> Error {
    let (repository, url) = (id.to_owned(), endpoint.url.clone());
    match (status, code) {
        (_, "RepoNotFound" | "EntryNotFound" | "RevisionNotFound") | (404 | 410, _) => Error::HubMissing { repository, url, status },
        (401 | 403, _) => Error::HubDenied { repository, url, status },
        _ => Error::HubFailed { repository, cause: format!("{url}: {}", servers::HTTP_STATUS.with(&[("status", &status)])) },
    }
}

/// The attempt to get everything from one server.
struct Visit<'a> {
    repository: Repository<'a>,
    rules: &'a Endpoints,
    endpoint: &'a Endpoint,
    client: &'a Client<'a>,
    shelf: &'a Shelf,
    stop: &'a Stop,
    progress: Progress<'a>,
    /// Bytes that are here.
    done: u64,
    total: Option<u64>,
}

impl Visit<'_> {
    /// The complete snapshot. A server that is not the last one gets one try for its listing.
    fn run(mut self, last: bool) -> Result<PathBuf, Trouble> {
        let id = self.repository.id;
        let attempts = if last { self.rules.attempts } else { 1 };
        let listing = persist(self.rules, attempts, self.stop, || listing::ask(self.client, self.endpoint, id))?;
        let choice = listing::choose(&listing, id, self.repository.gguf)?;
        let size = |files: &[Remote]| files.iter().map(|file| file.size).sum::<Option<u64>>();
        if choice.index.is_none() {
            self.total = size(&choice.small).zip(size(&choice.weights)).map(|(small, weights)| small + weights);
        }
        self.found(&listing, choice.small.iter().chain(&choice.weights));
        for file in &choice.small {
            self.get(&listing, file)?;
        }
        let snapshot = self.shelf.snapshot(&listing.commit);
        let mut weights = choice.weights;
        if let Some(index) = choice.index {
            let path = snapshot.join(&index.name);
            weights = listing::shards(&listing, id, &std::fs::read(&path).map_err(Error::io(&path))?)?;
            self.total = size(&weights).map(|weights| self.done + weights);
            self.found(&listing, weights.iter());
        }
        for file in &weights {
            self.get(&listing, file)?;
        }
        self.shelf.point(&listing.commit)?;
        Ok(snapshot)
    }

    /// Counts what is here of these files already, so that the rate is that of the network.
    fn found<'f>(&mut self, listing: &Listing, files: impl Iterator<Item = &'f Remote>) {
        self.done += files.map(|file| self.present(listing, file)).sum::<u64>();
        (self.progress)(self.done, self.total);
    }

    /// Bytes of a file that are on this disk, finished or not.
    fn present(&self, listing: &Listing, file: &Remote) -> u64 {
        let length = |path: PathBuf| std::fs::metadata(path).ok().map(|meta| meta.len());
        let linked = || length(self.shelf.snapshot(&listing.commit).join(&file.name));
        let fetched =
            || file.hash.as_ref().and_then(|hash| length(self.shelf.blob(hash.text())).or_else(|| length(self.shelf.partial(hash.text()))));
        linked().or_else(fetched).unwrap_or(0)
    }

    /// One file into the snapshot.
    fn get(&mut self, listing: &Listing, file: &Remote) -> Result<(), Trouble> {
        if self.shelf.snapshot(&listing.commit).join(&file.name).is_file() {
            return Ok(());
        }
        let rest = self.done - self.present(listing, file).min(self.done);
        let url = listing::url(self.endpoint, self.repository.id, &listing.commit, &file.name);
        let (hash, size) = match &file.hash {
            Some(hash) => (hash.clone(), file.size),
            None => persist(self.rules, self.rules.attempts, self.stop, || self.look(&url, listing, file))?,
        };
        let (blob, partial) = (self.shelf.blob(hash.text()), self.shelf.partial(hash.text()));
        let lock = self.shelf.lock(hash.text(), self.stop)?;
        if !blob.is_file() {
            let token = self.endpoint.token.as_deref();
            let job = download::Job { url: &url, token, size, hash: &hash, partial: &partial, blob: &blob };
            let (total, progress) = (self.total, &mut *self.progress);
            let mut show = |here: u64| progress(rest + here, total);
            let mut gain = download::Gain::default();
            persist(self.rules, self.rules.attempts, self.stop, || download::attempt(&job, &mut gain, self.client, &mut show, self.stop))?;
        }
        drop(lock);
        self.shelf.link(&listing.commit, &file.name, hash.text())?;
        self.done = rest + std::fs::metadata(&blob).map_err(Error::io(&blob))?.len();
        (self.progress)(self.done, self.total);
        Ok(())
    }

    /// Hash and size from the headers, where the listing has none.
    fn look(&self, url: &str, listing: &Listing, file: &Remote) -> Result<(Hash, Option<u64>), Trouble> {
        let answer = self.client.open(Method::Head, url, self.endpoint.token.as_deref(), 0)?;
        let hash = answer.header("x-linked-etag").or_else(|| answer.header("etag")).and_then(Hash::parse);
        let nameless = || Hash::Unknown(format!("{}-{}", listing.commit, file.name.replace('.', "_")));
        let length = || answer.number("content-length").filter(|_| answer.status == 200);
        let size = file.size.or_else(|| answer.number("x-linked-size")).or_else(length);
        Ok((hash.unwrap_or_else(nameless), size))
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
