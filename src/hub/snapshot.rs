//! The hub's cache on disk, laid out as Python's huggingface_hub does, so that both use the same files.
//!
//! `models--OWNER--NAME/{blobs/HASH, snapshots/COMMIT/FILE -> ../../blobs/HASH, refs/main}`, and `.locks` beside it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::known::Kind;
use super::trouble::{LOOK, Trouble, rest};
use crate::stop::Stop;
use crate::{Error, Result};

/// One repository's place in the cache.
pub struct Shelf {
    folder: PathBuf,
    locks: PathBuf,
}

impl Shelf {
    /// `id`: `owner/name`.
    pub fn new(cache: &Path, kind: Kind, id: &str) -> Self {
        let shelf = if kind == Kind::Model { "models" } else { "datasets" };
        let name = format!("{shelf}--{}", id.replace('/', "--"));
        Self { folder: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    pub fn blob(&self, hash: &str) -> PathBuf {
        self.folder.join("blobs").join(hash)
    }

    pub fn partial(&self, hash: &str) -> PathBuf {
        self.folder.join("blobs").join(format!("{hash}.incomplete"))
    }

    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// The snapshot that `main` means here; it may lack files.
    pub fn current(&self) -> Option<PathBuf> {
        let commit = std::fs::read_to_string(self.folder.join("refs/main")).ok()?;
        let commit = commit.trim();
        let plain = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then(|| self.snapshot(commit)).filter(|folder| folder.is_dir())
    }

    /// From now on `main` means this commit here.
    pub fn point(&self, commit: &str) -> Result<()> {
        let path = self.folder.join("refs/main");
        if std::fs::read_to_string(&path).is_ok_and(|there| there == commit) {
            return Ok(());
        }
        let folder = self.folder.join("refs");
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        let fresh = tempfile::NamedTempFile::new_in(&folder).map_err(Error::io(&folder))?;
        std::fs::write(fresh.path(), commit).map_err(Error::io(fresh.path()))?;
        fresh.persist(&path).map(drop).map_err(|cause| Error::io(&path)(cause.error))
    }

    /// Waits until nobody else, Python included, fetches this file.
    pub fn lock(&self, hash: &str, stop: &Stop) -> Result<File, Trouble> {
        std::fs::create_dir_all(&self.locks).map_err(Error::io(&self.locks))?;
        let blobs = self.folder.join("blobs");
        std::fs::create_dir_all(&blobs).map_err(Error::io(&blobs))?;
        let path = self.locks.join(format!("{hash}.lock"));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(Error::io(&path))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => rest(LOOK, stop)?,
                // A file system without locks: two downloads at once are then the person's own care.
                Err(TryLockError::Error(_)) => return Ok(file),
            }
        }
    }

    /// Makes `name` in the snapshot mean the blob: a link, or a copy where there are no links.
    pub fn link(&self, commit: &str, name: &str, hash: &str) -> Result<()> {
        let path = self.snapshot(commit).join(name);
        let folder = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        if path.exists() {
            return Ok(());
        }
        // A link into nowhere, left by a blob that was deleted.
        let _ = std::fs::remove_file(&path);
        let up = "../".repeat(2 + name.matches('/').count());
        let target = Path::new(&up).join("blobs").join(hash);
        #[cfg(unix)]
        let linked = std::os::unix::fs::symlink(&target, &path).is_ok();
        #[cfg(windows)]
        let linked = std::os::windows::fs::symlink_file(&target, &path).is_ok();
        #[cfg(not(any(unix, windows)))]
        let linked = false;
        if linked || path.exists() || std::fs::hard_link(self.blob(hash), &path).is_ok() {
            return Ok(());
        }
        std::fs::copy(self.blob(hash), &path).map(drop).map_err(Error::io(&path))
    }
}
