//! Folders in which cells are compiled. They outlive the session, so that `lab` and what `:dep` brought are compiled once; each is used by one
//! engine at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// A machine has no more sessions with Rust cells than this.
const MOST: usize = 64;
/// A folder that has grown beyond this, in bytes, begins anew.
const FULL: u64 = 4 << 30;

/// A folder that is ours as long as this lives.
pub struct Build {
    pub folder: PathBuf,
    _lock: File,
}

/// The first folder in `pool` that no other engine uses; `None` if nothing can be made there.
pub fn claim(pool: &Path) -> Option<Build> {
    own(pool).ok()?;
    for n in 0..MOST {
        let place = pool.join(n.to_string());
        fs::create_dir_all(&place).ok()?;
        let lock = File::create(place.join("lock")).ok()?;
        match lock.try_lock() {
            Ok(()) => {
                let folder = place.join("build");
                tidy(&folder);
                fs::create_dir_all(&folder).ok()?;
                return Some(Build { folder, _lock: lock });
            }
            Err(TryLockError::WouldBlock) => {}
            // A file system without locks.
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// What is compiled here runs as this person, so nobody else may write to it or look in.
fn own(pool: &Path) -> std::io::Result<()> {
    fs::create_dir_all(pool)?;
    #[cfg(unix)]
    fs::set_permissions(pool, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// Takes away what earlier sessions' cells were compiled to, or all of it if it is too much.
fn tidy(folder: &Path) {
    if sweep(folder) > FULL {
        // What cannot be removed is in nobody's way.
        let _ = fs::remove_dir_all(folder);
    }
}

/// Removes the cells' libraries; the bytes that remain.
fn sweep(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let mut rest = 0;
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            rest += sweep(&entry.path());
        } else if name.strip_prefix("lib").unwrap_or(&name).starts_with("code_") {
            let _ = fs::remove_file(entry.path());
        } else {
            rest += entry.metadata().map_or(0, |about| about.len());
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user_and_keeps_what_it_compiled() {
        let pool = tempfile::tempdir().unwrap();
        let first = claim(pool.path()).unwrap();
        let second = claim(pool.path()).unwrap();
        assert_ne!(first.folder, second.folder);
        let deps = first.folder.join("target/debug/deps");
        fs::create_dir_all(&deps).unwrap();
        for name in ["liblab.rlib", "libcode_7.so"] {
            fs::write(deps.join(name), name).unwrap();
        }
        let place = first.folder.clone();
        drop(first);
        assert_eq!(claim(pool.path()).unwrap().folder, place);
        assert!(deps.join("liblab.rlib").exists() && !deps.join("libcode_7.so").exists());
    }
}
