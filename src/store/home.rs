//! The folder that everything else lies in. Finding it touches no disk; what is written makes its own folders.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
    /// There is no home folder, so this is a temporary place: worth a notice.
    pub temporary: bool,
}

impl Home {
    /// `given`, else `LANTERN_HOME`, else the platform's place for a person's data, else the folder for temporary files.
    pub fn find(given: Option<PathBuf>) -> Self {
        Self::from(given, &|name| std::env::var_os(name), std::env::home_dir())
    }

    fn from(given: Option<PathBuf>, variable: &dyn Fn(&str) -> Option<OsString>, person: Option<PathBuf>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let person = person.filter(|folder| folder.is_absolute());
        let platform = if cfg!(windows) {
            set("LOCALAPPDATA").map(|folder| folder.join("Lantern"))
        } else if cfg!(target_os = "macos") {
            person.map(|folder| folder.join("Library/Application Support/Lantern"))
        } else {
            // The standard says to ignore a relative one.
            let data = set("XDG_DATA_HOME").filter(|folder| folder.is_absolute());
            data.or_else(|| person.map(|folder| folder.join(".local/share"))).map(|folder| folder.join("lantern"))
        };
        match given.or_else(|| set("LANTERN_HOME")).or(platform) {
            Some(root) => Self { root, temporary: false },
            None => Self { root: std::env::temp_dir().join("lantern"), temporary: true },
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Fetched models and data: may be deleted at any time.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Checkpoints of training runs that were cut off, one folder each.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Records of all runs, for [`super::Runs`].
    pub fn records(&self) -> PathBuf {
        self.root.join("records")
    }

    /// Notes of heavy work, for [`super::Running`].
    pub fn running(&self) -> PathBuf {
        self.root.join("running")
    }

    /// For [`super::History::open`].
    pub fn history(&self) -> PathBuf {
        self.root.join("history.jsonl")
    }

    /// For [`super::Settings::read`].
    pub fn settings(&self) -> PathBuf {
        self.root.join("settings.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_answer_wins_and_no_home_is_a_temporary_one() {
        let set = |name: &str| (name == "LANTERN_HOME").then(|| OsString::from("/l"));
        let none = |_: &str| None;
        let home = Some(PathBuf::from("/home/p"));
        assert_eq!(Home::from(Some("/g".into()), &set, home.clone()).root(), Path::new("/g"));
        assert_eq!(Home::from(None, &set, home.clone()).root(), Path::new("/l"));
        assert!(Home::from(None, &|_| Some(OsString::new()), None).temporary);
        assert!(!Home::from(None, &set, None).temporary);
        if cfg!(target_os = "linux") {
            assert_eq!(Home::from(None, &none, home).root(), Path::new("/home/p/.local/share/lantern"));
            assert!(Home::from(None, &none, None).temporary);
        }
    }
}
