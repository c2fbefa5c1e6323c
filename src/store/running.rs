//! Notes of heavy work: a session that dies of it (out of memory, killed, a power cut) is explained when the next one starts.
//!
//! A file for each, locked while its process lives. A lock ends with its holder, so a note that can be locked is of a process that is gone, whatever
//! its number is used for now; other sessions of the same home are let alone.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::device::{memory, refusal};
use crate::{Error, Result};

/// Raised when a note means something else; notes of later versions are let alone.
const VERSION: u32 = 1;
const ENDING: &str = ".json";

#[derive(Serialize, Deserialize)]
struct Note {
    version: u32,
    what: String,
    begun: String,
    free: Option<u64>,
}

/// What was running when its process died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The line as typed.
    pub what: String,
    /// When it began, by the clock of that time.
    pub begun: String,
    /// Bytes of memory that were free then.
    pub free: Option<u64>,
    /// Bytes that it asked for last and did not get.
    pub asked: Option<u64>,
}

/// A note that is there as long as this is.
#[derive(Debug)]
pub struct Running {
    path: PathBuf,
    // Its lock says that this process lives.
    file: File,
}

impl Running {
    /// Notes that `what` begins. Some homes cannot be written; work goes on without a note there.
    ///
    /// # Errors
    /// `Io`, `DiskFull`.
    pub fn begin(folder: &Path, what: &str) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        // Locked before it has its name: nobody sees it without its lock.
        let fresh = tempfile::Builder::new().prefix(".note-").tempfile_in(folder).map_err(Error::io(folder))?;
        fresh.as_file().lock().map_err(Error::io(fresh.path()))?;
        let begun = chrono::Local::now().format("%Y-%m-%d %H:%M").to_string();
        let note = Note { version: VERSION, what: what.to_owned(), begun, free: memory::available() };
        let text = serde_json::to_string(&note).unwrap_or_default();
        (&mut fresh.as_file()).write_all(format!("{text}\n").as_bytes()).map_err(Error::io(fresh.path()))?;
        let name = fresh.path().file_name().map(|name| name.to_string_lossy().trim_start_matches('.').to_owned()).unwrap_or_default();
        let path = folder.join(name + ENDING);
        let file = fresh.persist(&path).map_err(|cause| Error::io(&path)(cause.error))?;
        refusal::watch(&file);
        Ok(Self { path, file })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        refusal::unwatch();
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// What was running in processes that are gone; each is told once. No folder, nothing left.
pub fn left_behind(folder: &Path) -> Vec<Left> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut notes: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with(ENDING)).collect();
    notes.sort();
    notes.iter().filter_map(|path| take(path)).collect()
}

fn take(path: &Path) -> Option<Left> {
    // Where there are no locks nothing is known, so nothing is said.
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    file.try_lock().ok()?;
    let text = std::fs::read_to_string(path).ok()?;
    let mut lines = text.lines();
    let note = serde_json::from_str::<Note>(lines.next()?).ok()?;
    if note.version != VERSION {
        return None;
    }
    let asked = lines.filter_map(|line| line.parse().ok()).next_back();
    std::fs::remove_file(path).ok()?;
    Some(Left { what: note.what, begun: note.begun, free: note.free, asked })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_lives_as_long_as_its_work() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("running");
        assert_eq!(left_behind(&folder), []);
        let running = Running::begin(&folder, "%train").unwrap();
        let other = Running::begin(&folder, "%load x").unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        assert_eq!(left_behind(&folder), [], "both live");
        drop((running, other));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_note_without_a_process_is_told_once() {
        let home = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
        put("a.json", "{\"version\":1,\"what\":\"%train\",\"begun\":\"2030-01-01 10:00\",\"free\":5,\"more\":0}\n1000\n2000\n");
        put("b.json", "{\"version\":2,\"what\":7}\n");
        put("c.json", "{\"version\":2,\"what\":\"%dream\",\"begun\":\"\",\"free\":null}\n");
        put("d.json", "");
        put("e.txt", "mine");
        let left = Left { what: "%train".into(), begun: "2030-01-01 10:00".into(), free: Some(5), asked: Some(2000) };
        assert_eq!(left_behind(home.path()), [left]);
        assert_eq!(left_behind(home.path()), []);
        let mut names: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["b.json", "c.json", "d.json", "e.txt"], "what a later version wrote stays");
    }
}
