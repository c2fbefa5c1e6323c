//! Writing that happens wholly or not at all: into a neighbour first, then renamed.

use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::words::ui;
use crate::{Error, Result};

/// How the name of a file begins that is not finished yet.
pub const WRITING: &str = ".writing-";

/// Writes a file through `fill`; a reader sees the old contents or the new, never a part. Missing folders are made.
///
/// On an error (a full disk, `fill` giving up) the old file is untouched and nothing is left behind.
pub fn atomic_write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut builder = tempfile::Builder::new();
    // As a plain new file would have them, less what the person's mask takes away.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let fresh = builder.prefix(WRITING).tempfile_in(folder).map_err(Error::io(folder))?;
    let mut writer = BufWriter::with_capacity(1 << 20, fresh);
    fill(&mut writer)?;
    let fresh = writer.into_inner().map_err(|cause| Error::io(path)(cause.into_error()))?;
    fresh.as_file().sync_all().map_err(Error::io(path))?;
    fresh.persist(path).map_err(|cause| Error::io(path)(cause.error))?;
    sync_folder(folder);
    Ok(())
}

/// Makes a folder through `fill`, which gets an empty one beside it to write into.
///
/// A folder that is there already gives way only after `fill` has succeeded and everything is on disk; on an error it stays as it was. What it
/// held is kept beside it, and the new name returned, unless the new files are the same. Only a folder of files that a save makes gives way:
/// `%save ~` must not move a home.
pub fn atomic_folder<T>(folder: &Path, fill: impl FnOnce(&Path) -> Result<T>) -> Result<(T, Option<PathBuf>)> {
    // The place itself, not a link to it; `.` and `..` get names.
    let folder = folder.canonicalize().or_else(|_| std::path::absolute(folder)).map_err(Error::io(folder))?;
    let parent =
        folder.parent().ok_or_else(|| Error::Io { path: folder.display().to_string(), cause: ui::NOT_A_FOLDER.text().to_owned() })?;
    check_replaceable(&folder)?;
    std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let fresh = builder.prefix(".saving-").tempdir_in(parent).map_err(Error::io(parent))?;
    let made = fill(fresh.path()).map_err(|cause| place_error(cause, fresh.path(), &folder))?;
    sync_files(fresh.path())?;
    let kept = swap(fresh, &folder, parent)?;
    Ok((made, kept))
}

/// Refuses a write of `bytes` to `path` that its disk has no room for. Where the system does not say, the write itself will tell.
pub fn check_room(path: &Path, bytes: u64) -> Result<()> {
    let path = std::path::absolute(path).map_err(Error::io(path))?;
    let there = path.ancestors().find(|folder| folder.exists());
    match there.and_then(free) {
        Some(free) if free < bytes => {
            let needed = megabytes(bytes - free);
            Err(Error::DiskFull { path: path.display().to_string(), needed })
        }
        _ => Ok(()),
    }
}

/// In megabytes with two digits after the point, rounded up.
fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", (bytes as f64 / 1e4).ceil() / 100.0)
}

/// Bytes that a person may still write to the disk of `folder`.
fn free(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
        let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the path ends with a zero and there is room for the answer, which is read only when it was given.
        let found = unsafe { (libc::statvfs(path.as_ptr(), found.as_mut_ptr()) == 0).then(|| found.assume_init()) }?;
        #[allow(clippy::unnecessary_cast, reason = "the fields have other widths elsewhere")]
        return (found.f_bavail as u64).checked_mul(found.f_frsize as u64);
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

/// Names that saves write; anything else in a folder is the person's own.
fn ours(name: &str) -> bool {
    const NAMES: &[&str] = &["merges.txt", "chat_template.jinja", "README.md"];
    const ENDINGS: &[&str] = &[".json", ".safetensors", ".gguf"];
    NAMES.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn check_replaceable(folder: &Path) -> Result<()> {
    let refused = |cause: String| Error::Io { path: folder.display().to_string(), cause };
    if !folder.exists() {
        return Ok(());
    }
    if !folder.is_dir() {
        return Err(refused(ui::NOT_A_FOLDER.text().to_owned()));
    }
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !ours(&name) || entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            return Err(refused(ui::OTHER_FILES.with(&[("file", &name)])));
        }
    }
    Ok(())
}

/// The error names the folder that was asked for, not the one beside it.
fn place_error(cause: Error, fresh: &Path, folder: &Path) -> Error {
    let moved = |path: String| path.replace(&fresh.display().to_string(), &folder.display().to_string());
    match cause {
        Error::DiskFull { path, needed } => Error::DiskFull { path: moved(path), needed },
        Error::Io { path, cause } => Error::Io { path: moved(path), cause },
        Error::NotFound { path } => Error::NotFound { path: moved(path) },
        other => other,
    }
}

/// The fresh folder takes the place; returns where the old one is now, if it held anything else.
fn swap(fresh: tempfile::TempDir, folder: &Path, parent: &Path) -> Result<Option<PathBuf>> {
    if !folder.exists() {
        std::fs::rename(fresh.path(), folder).map_err(Error::io(folder))?;
    } else if same(fresh.path(), folder).map_err(Error::io(folder))? {
        return Ok(None);
    } else {
        let aside = aside(folder);
        std::fs::rename(folder, &aside).map_err(Error::io(folder))?;
        if let Err(cause) = std::fs::rename(fresh.path(), folder) {
            std::fs::rename(&aside, folder).map_err(Error::io(folder))?;
            return Err(Error::io(folder)(cause));
        }
        // It has another name now: there is nothing left to delete.
        let _: PathBuf = fresh.keep();
        sync_folder(parent);
        // An empty folder is nothing to keep.
        return Ok(std::fs::remove_dir(&aside).is_err().then_some(aside));
    }
    let _: PathBuf = fresh.keep();
    sync_folder(parent);
    Ok(None)
}

/// `name.old`, `name.old2`, …: the first that is free.
fn aside(folder: &Path) -> PathBuf {
    let numbered = |n: usize| folder.with_added_extension(if n == 1 { "old".to_owned() } else { format!("old{n}") });
    (1..).map(numbered).find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| numbered(0))
}

/// Whether both folders hold the same files.
fn same(a: &Path, b: &Path) -> std::io::Result<bool> {
    let names = |folder: &Path| -> std::io::Result<Vec<std::ffi::OsString>> {
        let mut names = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>()?;
        names.sort();
        Ok(names)
    };
    let listed = names(a)?;
    if listed != names(b)? {
        return Ok(false);
    }
    for name in listed {
        if !same_file(&a.join(&name), &b.join(&name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_file(a: &Path, b: &Path) -> std::io::Result<bool> {
    const BLOCK: usize = 1 << 20;
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) =
        (std::io::BufReader::with_capacity(BLOCK, File::open(a)?), std::io::BufReader::with_capacity(BLOCK, File::open(b)?));
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let count = left.len().min(right.len());
        if left[..count] != right[..count] || (count == 0 && left.len() != right.len()) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
        a.consume(count);
        b.consume(count);
    }
}

fn sync_files(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.is_dir() {
            sync_files(&path)?;
        } else {
            // Windows flushes only what is open for writing.
            File::options().write(true).open(&path).and_then(|file| file.sync_all()).map_err(Error::io(&path))?;
        }
    }
    sync_folder(folder);
    Ok(())
}

/// A rename is safe from a power cut once its folder is on disk. Where folders cannot be opened, the system sees to it.
fn sync_folder(folder: &Path) {
    if cfg!(unix)
        && let Ok(open) = File::open(folder)
    {
        let _ = open.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path, text: &str) -> Result<()> {
        std::fs::write(path, text).map_err(Error::io(path))
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn full(path: &Path) -> Error {
        Error::io(path)(std::io::ErrorKind::StorageFull.into())
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/settings.json");
        atomic_write(&path, |file| file.write_all(b"one").map_err(Error::io(&path))).unwrap();
        let failed = atomic_write(&path, |file| {
            file.write_all(b"two").map_err(Error::io(&path))?;
            Err(full(&path))
        });
        assert!(matches!(failed, Err(Error::DiskFull { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(names(path.parent().unwrap()), ["settings.json"]);
        #[cfg(unix)]
        {
            let plain = root.path().join("plain");
            put(&plain, "").unwrap();
            let mode = |path: &Path| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
            assert_eq!(mode(&path), mode(&plain));
        }
    }

    #[test]
    fn a_folder_gives_way_whole_or_not_at_all_and_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out/model");
        atomic_folder(&folder, |tmp| put(&tmp.join("config.json"), "1").and(put(&tmp.join("a.safetensors"), "1"))).unwrap();
        assert_eq!(names(&folder), ["a.safetensors", "config.json"]);
        let failed: Result<((), _)> = atomic_folder(&folder, |tmp| {
            put(&tmp.join("config.json"), "2")?;
            Err(full(&tmp.join("model.safetensors")))
        });
        let path = folder.join("model.safetensors").display().to_string();
        assert_eq!(failed, Err(Error::DiskFull { path, needed: String::new() }));
        assert_eq!(std::fs::read_to_string(folder.join("config.json")).unwrap(), "1");
        let save = |text: &str| atomic_folder(&folder, |tmp| put(&tmp.join("config.json"), text)).unwrap().1;
        let old = |name: &str| Some(folder.canonicalize().unwrap().parent().unwrap().join(name));
        assert_eq!(save("3"), old("model.old"));
        assert_eq!(
            (names(&folder), names(&folder.with_extension("old"))),
            (vec!["config.json".into()], vec!["a.safetensors".into(), "config.json".into()])
        );
        assert_eq!(save("3"), None, "the same files");
        assert_eq!(save("4"), old("model.old2"));
        assert_eq!(std::fs::read_to_string(root.path().join("out/model.old2/config.json")).unwrap(), "3");
        assert_eq!(names(folder.parent().unwrap()), ["model", "model.old", "model.old2"]);
        // A folder made beforehand is only a place.
        std::fs::create_dir(root.path().join("empty")).unwrap();
        assert_eq!(atomic_folder(&root.path().join("empty"), |tmp| put(&tmp.join("config.json"), "1")).unwrap().1, None);
        assert_eq!(names(root.path()), ["empty", "out"]);
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        put(&root.path().join("thesis.tex"), "x").unwrap();
        let refused = atomic_folder(root.path(), |_| Ok(()));
        assert!(matches!(refused, Err(Error::Io { cause, .. }) if cause.contains("thesis.tex")));
        let file = root.path().join("thesis.tex");
        assert!(matches!(atomic_folder(&file, |_| Ok(())), Err(Error::Io { .. })));
        assert_eq!(std::fs::read_to_string(file).unwrap(), "x");
    }
}
