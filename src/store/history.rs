//! Cells that were run, one JSON object a line; several processes may append to the same file.
//!
//! A session gets its number when its first cell is kept: one more than the largest in the file. A line that cannot be
//! read (a power cut, another version) is skipped.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use wire::{HistoryEntry, HistoryQuery};

use crate::{Error, Result};

/// Of a cell's output this much is kept, in characters.
const HEAD: usize = 2_000;

/// The history of this process and, with a file, of those before it.
#[derive(Debug, Default)]
pub struct History(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    file: Option<PathBuf>,
    /// This session's number; 0 until its first entry.
    session: i64,
    /// Entries of this process that are in no file.
    held: Vec<HistoryEntry>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    session: i64,
    line: usize,
    input: String,
    #[serde(default)]
    output: String,
}

impl History {
    /// Reads nothing yet; the file is made by the first entry. [`History::default`] keeps entries in memory alone.
    pub fn open(file: impl Into<PathBuf>) -> Self {
        Self(Mutex::new(State { file: Some(file.into()), ..State::default() }))
    }

    /// Appends an entry of this session; its `session` is filled in here.
    ///
    /// A file that cannot be written costs no entry: it stays in memory. The error is for a notice.
    pub fn add(&self, entry: HistoryEntry) -> Result<()> {
        let mut state = self.state();
        let output = entry.output.chars().take(HEAD).collect();
        let mut entry = HistoryEntry { output, ..entry };
        if let Some(file) = state.file.clone() {
            match append(&file, &mut state.session, &entry) {
                Ok(()) => return Ok(()),
                Err(cause) => {
                    entry.session = state.session.max(1);
                    state.session = entry.session;
                    state.held.push(entry);
                    return Err(cause);
                }
            }
        }
        state.session = 1;
        entry.session = 1;
        state.held.push(entry);
        Ok(())
    }

    /// Entries that match, oldest first.
    pub fn query(&self, query: &HistoryQuery) -> Vec<HistoryEntry> {
        let (mut all, session) = {
            let state = self.state();
            let mut all = state.file.as_deref().map(read).unwrap_or_default();
            all.extend(state.held.iter().cloned());
            (all, state.session)
        };
        match query {
            HistoryQuery::Tail { n } => last(all, *n),
            HistoryQuery::Range { session: asked, start, stop } => {
                let wanted = number(&all, session, *asked);
                all.retain(|entry| Some(entry.session) == wanted && (*start..*stop).contains(&entry.line));
                all
            }
            HistoryQuery::Search { pattern, n, unique } => {
                all.retain(|entry| glob(pattern, &entry.input));
                if *unique {
                    let mut seen = std::collections::HashSet::new();
                    all.reverse();
                    all.retain(|entry| seen.insert(entry.input.clone()));
                    all.reverse();
                }
                last(all, *n)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn last(mut entries: Vec<HistoryEntry>, n: usize) -> Vec<HistoryEntry> {
    entries.drain(..entries.len().saturating_sub(n));
    entries
}

/// The session that is meant: 0 is the current one, -1 the one that began before it.
fn number(all: &[HistoryEntry], current: i64, asked: i64) -> Option<i64> {
    if asked > 0 {
        return Some(asked);
    }
    let mut sessions: Vec<i64> = all.iter().map(|entry| entry.session).filter(|s| current == 0 || *s < current).collect();
    sessions.sort_unstable();
    sessions.dedup();
    match usize::try_from(-asked).unwrap_or(usize::MAX) {
        0 => Some(current).filter(|session| *session > 0),
        back => sessions.len().checked_sub(back).map(|i| sessions[i]),
    }
}

fn read(path: &Path) -> Vec<HistoryEntry> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n');
    let entries = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    entries.map(|Line { session, line, input, output }| HistoryEntry { session, line, input, output }).collect()
}

/// One write under the file's lock, so lines of several processes do not mix and session numbers are given once.
fn append(path: &Path, session: &mut i64, entry: &HistoryEntry) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    let mut file = File::options().create(true).append(true).read(true).open(path).map_err(Error::io(path))?;
    // Some network file systems have no locks: then only the order of lines is at risk.
    let locked = file.lock().is_ok();
    if *session == 0 {
        *session = read(path).iter().map(|entry| entry.session).max().unwrap_or(0) + 1;
    }
    let HistoryEntry { line, input, output, .. } = entry.clone();
    let text = serde_json::to_string(&Line { session: *session, line, input, output }).unwrap_or_default();
    let written = ends_a_line(&mut file).and_then(|whole| {
        let text = format!("{}{text}\n", if whole { "" } else { "\n" });
        file.write_all(text.as_bytes())
    });
    if locked {
        let _ = file.unlock();
    }
    written.map_err(Error::io(path))
}

/// Whether the last line is finished: one that is not must not swallow the next.
fn ends_a_line(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte == *b"\n")
}

/// `*` stands for any text, `?` for one character; all else for itself.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when a letter fails: after the last star, one character later in the text.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                (p, t) = (star, from + 1);
                retry = Some((star, from + 1));
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: usize, input: &str) -> HistoryEntry {
        HistoryEntry { session: 0, line, input: input.to_owned(), output: String::new() }
    }

    fn inputs(history: &History, query: HistoryQuery) -> Vec<String> {
        history.query(&query).into_iter().map(|entry| entry.input).collect()
    }

    fn search(pattern: &str, n: usize, unique: bool) -> HistoryQuery {
        HistoryQuery::Search { pattern: pattern.to_owned(), n, unique }
    }

    #[test]
    fn sessions_follow_each_other_and_a_broken_line_costs_itself_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/history.jsonl");
        let first = History::open(&path);
        assert_eq!(first.query(&HistoryQuery::Tail { n: 9 }), []);
        for (line, input) in [(1, "%load spark"), (2, "%generate 你好\nx"), (3, "%load spark")] {
            first.add(entry(line, input)).unwrap();
        }
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"session\":1,\"li").unwrap();
        let second = History::open(&path);
        let range = |session, start, stop| HistoryQuery::Range { session, start, stop };
        assert_eq!(inputs(&second, range(-1, 2, 9)), ["%generate 你好\nx", "%load spark"]);
        assert_eq!(inputs(&second, range(0, 0, 9)), [""; 0]);
        second.add(entry(1, "%train")).unwrap();
        first.add(entry(4, "%info")).unwrap();
        assert_eq!(inputs(&second, HistoryQuery::Tail { n: 3 }), ["%load spark", "%train", "%info"]);
        assert_eq!(inputs(&second, range(0, 0, usize::MAX)), ["%train"]);
        assert_eq!(inputs(&second, range(-1, 4, 5)), ["%info"]);
        assert_eq!(inputs(&second, range(2, 0, 9)), ["%train"]);
        assert_eq!(inputs(&second, range(-2, 0, 9)), [""; 0]);
        assert_eq!(inputs(&second, search("%load*", 9, false)).len(), 2);
        assert_eq!(inputs(&second, search("*a*", 2, true)), ["%load spark", "%train"]);
        assert_eq!(second.query(&HistoryQuery::Tail { n: 2 })[0].session, 2);
    }

    #[test]
    fn processes_that_append_at_once_lose_no_line() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("history.jsonl");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let history = History::open(&path);
                    (1..=25).for_each(|line| history.add(entry(line, &"x".repeat(5_000))).unwrap());
                });
            }
        });
        let all = History::open(&path).query(&HistoryQuery::Tail { n: usize::MAX });
        let pairs: std::collections::BTreeSet<(i64, usize)> = all.iter().map(|entry| (entry.session, entry.line)).collect();
        assert_eq!(pairs, (1..=4).flat_map(|s| (1..=25).map(move |l| (s, l))).collect());
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_entries_in_memory() {
        let root = tempfile::tempdir().unwrap();
        let history = History::open(root.path());
        assert!(history.add(entry(1, "a")).is_err());
        assert!(history.add(entry(2, "b")).is_err());
        assert_eq!(inputs(&history, HistoryQuery::Range { session: 0, start: 1, stop: 3 }), ["a", "b"]);
        let memory = History::default();
        memory.add(HistoryEntry { output: "é".repeat(HEAD + 1), ..entry(1, "a") }).unwrap();
        assert_eq!(memory.query(&HistoryQuery::Tail { n: 1 })[0].output.chars().count(), HEAD);
    }

    #[test]
    fn globs() {
        for (pattern, text) in [("*", ""), ("%l?ad*", "%load x"), ("*b*b", "abxb\nb"), ("a*c", "abcabc"), ("你?", "你好")] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("?", ""), ("a*c", "abca"), ("load", "%load")] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }
}
