//! `lantern attach`: the terminal joins the session of a kernel that runs, beside its notebook.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use kernel::client::Client;
use lantern::words::ui;
use wire::{Completeness, Completion, Event, Execute, HistoryEntry, HistoryQuery, Report};

use crate::host::Host;

/// Connection files that are tried before giving up, the newest first.
const TRIED: usize = 20;

/// Joins the kernel of `file`, or the newest one that answers and is ours.
///
/// # Errors
/// Nothing answers there, or nowhere.
pub fn join(file: Option<&Path>) -> Result<(Client, PathBuf), Report> {
    if let Some(file) = file {
        return Client::connect(file).map(|client| (client, file.to_owned()));
    }
    let folder = runtime(&|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from));
    let looked_in = folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default();
    let files = folder.map(|folder| newest(&folder)).unwrap_or_default();
    for file in files.into_iter().take(TRIED) {
        if let Ok(client) = Client::connect(&file) {
            if client.implementation() == "lantern" {
                return Ok((client, file));
            }
            client.close();
        }
    }
    Err(Report {
        name: "NoKernelThere".to_owned(),
        message: ui::NO_RUNNING_KERNEL.with(&[("folder", &looked_in)]),
        hint: Some(ui::NO_RUNNING_KERNEL_HINT.to_string()),
        ..Report::default()
    })
}

/// Jupyter's folder of connection files: <https://docs.jupyter.org/en/latest/use/jupyter-directories.html>
fn runtime(env: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    if let Some(folder) = env("JUPYTER_RUNTIME_DIR") {
        return Some(folder);
    }
    let data = env("JUPYTER_DATA_DIR").or_else(|| match std::env::consts::OS {
        "macos" => Some(env("HOME")?.join("Library/Jupyter")),
        "windows" => Some(env("APPDATA")?.join("jupyter")),
        _ => Some(env("XDG_DATA_HOME").or_else(|| Some(env("HOME")?.join(".local/share")))?.join("jupyter")),
    });
    data.map(|data| data.join("runtime"))
}

/// `kernel-*.json` in `folder`, the latest first.
fn newest(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = |entry: &std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("kernel-") && name.ends_with(".json")
    };
    let time = |entry: &std::fs::DirEntry| entry.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut files: Vec<_> = entries.filter(ours).map(|entry| (time(&entry), entry.path())).collect();
    files.sort_by(|a, b| b.cmp(a));
    files.into_iter().map(|(_, path)| path).collect()
}

impl Host for Client {
    fn execute(&self, request: Execute) -> Receiver<Event> {
        Self::execute(self, request)
    }

    fn interrupt(&self) {
        Self::interrupt(self);
    }

    fn answer(&self, text: Option<String>) {
        Self::answer(self, text);
    }

    fn complete(&self, code: &str, cursor: usize) -> Completion {
        Self::complete(self, code, cursor)
    }

    fn is_complete(&self, code: &str) -> Completeness {
        Self::is_complete(self, code)
    }

    fn history(&self, query: &HistoryQuery) -> Vec<HistoryEntry> {
        Self::history(self, query)
    }

    /// The session goes on, and nothing is lost by leaving it.
    fn unsaved(&self) -> Vec<String> {
        Vec::new()
    }

    fn gone(&self) -> bool {
        Self::gone(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_jupyters() {
        let with = |env: &[(&str, &str)]| runtime(&|name| env.iter().find(|(k, _)| *k == name).map(|(_, v)| PathBuf::from(v)));
        assert_eq!(with(&[("JUPYTER_RUNTIME_DIR", "/r"), ("JUPYTER_DATA_DIR", "/d")]), Some("/r".into()));
        assert_eq!(with(&[("JUPYTER_DATA_DIR", "/d"), ("HOME", "/h")]), Some("/d/runtime".into()));
        if cfg!(target_os = "linux") {
            assert_eq!(with(&[("HOME", "/h")]), Some("/h/.local/share/jupyter/runtime".into()));
            assert_eq!(with(&[("HOME", "/h"), ("XDG_DATA_HOME", "/x")]), Some("/x/jupyter/runtime".into()));
        }
        assert_eq!(with(&[]), None);
    }
}
