//! Writing that happens wholly or not at all: into a neighbour first, then renamed.

use std::fs::File;
use std::io::{BufWriter, Write};
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
/// A folder that is there already is replaced only after `fill` has succeeded and everything is on disk; on an error it
/// stays as it was. Only a folder of files that a save makes is replaced: `%save ~` must not empty a home.
pub fn atomic_folder<T>(folder: &Path, fill: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
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
    swap(fresh, &folder, parent)?;
    Ok(made)
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

fn swap(fresh: tempfile::TempDir, folder: &Path, parent: &Path) -> Result<()> {
    let old = if folder.exists() {
        let aside = tempfile::Builder::new().prefix(".replaced-").tempdir_in(parent).map_err(Error::io(parent))?;
        let kept = aside.path().join("old");
        std::fs::rename(folder, &kept).map_err(Error::io(folder))?;
        Some((aside, kept))
    } else {
        None
    };
    if let Err(cause) = std::fs::rename(fresh.path(), folder) {
        if let Some((_, kept)) = &old {
            std::fs::rename(kept, folder).map_err(Error::io(folder))?;
        }
        return Err(Error::io(folder)(cause));
    }
    // It has another name now: there is nothing left to delete.
    let _: PathBuf = fresh.keep();
    sync_folder(parent);
    Ok(())
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
    fn a_folder_is_replaced_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out/model");
        atomic_folder(&folder, |tmp| put(&tmp.join("config.json"), "1").and(put(&tmp.join("a.safetensors"), "1"))).unwrap();
        assert_eq!(names(&folder), ["a.safetensors", "config.json"]);
        let failed: Result<()> = atomic_folder(&folder, |tmp| {
            put(&tmp.join("config.json"), "2")?;
            Err(full(&tmp.join("model.safetensors")))
        });
        let path = folder.join("model.safetensors").display().to_string();
        assert_eq!(failed, Err(Error::DiskFull { path, needed: String::new() }));
        assert_eq!(std::fs::read_to_string(folder.join("config.json")).unwrap(), "1");
        atomic_folder(&folder, |tmp| put(&tmp.join("config.json"), "3")).unwrap();
        assert_eq!(names(&folder), ["config.json"]);
        assert_eq!(names(folder.parent().unwrap()), ["model"]);
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
