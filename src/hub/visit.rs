//! One repository at one server after the other: its listing, and its files into the cache.

use std::path::PathBuf;

use super::endpoint::{Endpoint, Endpoints, Layout};
use super::http::{Client, Method};
use super::listing::{self, Hash, Listing, Remote};
use super::snapshot::Shelf;
use super::trouble::{Trouble, persist};
use super::{Kind, Progress, download};
use crate::stop::Stop;
use crate::words::servers;
use crate::{Error, Result};

/// What `go` makes of the first server that has the repository.
pub fn from_servers<T>(
    id: &str,
    kind: Kind,
    shelf: &Shelf,
    rules: &Endpoints,
    progress: Progress,
    stop: &Stop,
    mut go: impl FnMut(Visit, bool) -> Result<T, Trouble>,
) -> Result<T> {
    if rules.offline {
        return Err(Error::HubOffline { repository: id.to_owned(), folder: rules.folder.display().to_string() });
    }
    let client = Client::new(rules.patience, stop)?;
    let mut said = Vec::new();
    for (n, endpoint) in rules.list.iter().enumerate() {
        let last = n + 1 == rules.list.len();
        let visit = Visit { id, kind, rules, endpoint, client: &client, shelf, stop, progress: &mut *progress, done: 0, total: None };
        said.push(match go(visit, last) {
            Ok(found) => return Ok(found),
            Err(Trouble::Stopped) => return Err(Error::Interrupted { what: servers::FETCH_STOPPED.with(&[("what", &id)]) }),
            Err(Trouble::Failed(error)) => return Err(error),
            Err(Trouble::Passing { cause, .. }) => format!("{}: {cause}", endpoint.url),
            // ModelScope is another collection: its no says nothing about the hub.
            Err(Trouble::Refused { status, .. }) if endpoint.layout == Layout::ModelScope && !said.is_empty() => {
                format!("{}: {}", endpoint.url, servers::HTTP_STATUS.with(&[("status", &status)]))
            }
            Err(Trouble::Refused { status, code }) => return Err(refused(id, endpoint, status, &code)),
        });
    }
    Err(Error::HubFailed { repository: id.to_owned(), cause: said.join("; ") })
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
pub struct Visit<'a> {
    pub id: &'a str,
    kind: Kind,
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
    /// A server that is not the last one gets one try for its listing.
    pub fn listing(&self, last: bool) -> Result<Listing, Trouble> {
        let attempts = if last { self.rules.attempts } else { 1 };
        persist(self.rules, attempts, self.stop, || listing::ask(self.client, self.endpoint, self.kind, self.id))
    }

    pub fn snapshot(&self, listing: &Listing) -> PathBuf {
        self.shelf.snapshot(&listing.commit)
    }

    /// Bytes that are here so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// All of these files.
    pub fn get_all(&mut self, listing: &Listing, files: &[Remote], total: Option<u64>) -> Result<(), Trouble> {
        self.expect(listing, files.iter(), total);
        files.iter().try_for_each(|file| self.get(listing, file))
    }

    /// All that was wanted is here.
    pub fn point(&self, listing: &Listing) -> Result<()> {
        self.shelf.point(&listing.commit)
    }

    /// Counts what is here of these files already, so that the rate is that of the network.
    pub fn expect<'f>(&mut self, listing: &Listing, files: impl Iterator<Item = &'f Remote>, total: Option<u64>) {
        self.total = total;
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
    pub fn get(&mut self, listing: &Listing, file: &Remote) -> Result<(), Trouble> {
        if self.shelf.snapshot(&listing.commit).join(&file.name).is_file() {
            return Ok(());
        }
        let rest = self.done - self.present(listing, file).min(self.done);
        let url = listing::url(self.endpoint, self.kind, self.id, &listing.commit, &file.name);
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
        let nameless = || Hash::Unknown(format!("{}-{}", listing.commit, file.name.replace(['.', '/'], "_")));
        let length = || answer.number("content-length").filter(|_| answer.status == 200);
        let size = file.size.or_else(|| answer.number("x-linked-size")).or_else(length);
        Ok((hash.unwrap_or_else(nameless), size))
    }
}
