//! Choices that outlive a session, as a small JSON object; keys of later versions are kept.

use std::path::Path;

use serde_json::{Map, Value};

use super::write::atomic_write;
use crate::words::{Lang, luck};
use crate::{Error, Result};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings(Map<String, Value>);

impl Settings {
    /// No file, or one that is not JSON, means no choices yet.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        Self(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// # Errors
    /// `Io` where the file is there and not an object: another version's settings are not ours to destroy.
    pub fn write(&self, path: &Path) -> Result<()> {
        let there = std::fs::read(path).unwrap_or_default();
        if !there.trim_ascii().is_empty() && serde_json::from_slice::<Map<String, Value>>(&there).is_err() {
            return Err(Error::Io { path: path.display().to_string(), cause: luck::FOREIGN_SETTINGS.text().to_owned() });
        }
        let text = serde_json::to_string_pretty(&self.0).unwrap_or_default();
        atomic_write(path, |file| file.write_all(text.as_bytes()).map_err(Error::io(path)))
    }

    /// What `%lang` chose; `None` leaves it to the environment.
    pub fn lang(&self) -> Option<Lang> {
        self.0.get("lang").and_then(Value::as_str).and_then(Lang::parse)
    }

    pub fn set_lang(&mut self, lang: Lang) {
        self.0.insert("lang".to_owned(), Value::from(lang.code()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_version_wrote_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("settings.json");
        let choose = || {
            let mut settings = Settings::read(&path);
            settings.set_lang(Lang::Zh);
            settings.write(&path)
        };
        choose().unwrap();
        assert_eq!(Settings::read(&path).lang(), Some(Lang::Zh));
        std::fs::write(&path, r#"{"version": 9, "lang": "en", "theme": {"dark": true}}"#).unwrap();
        choose().unwrap();
        let kept: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(kept, serde_json::json!({"version": 9, "lang": "zh", "theme": {"dark": true}}));
        for other in ["[settings]\nlang = 1", "[1, 2]"] {
            std::fs::write(&path, other).unwrap();
            assert!(matches!(choose(), Err(Error::Io { .. })));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
        }
    }
}
