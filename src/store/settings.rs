//! Choices that outlive a session, as a small JSON object; keys of later versions are kept.

use std::path::Path;

use serde_json::{Map, Value};

use super::write::atomic_write;
use crate::words::Lang;
use crate::{Error, Result};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings(Map<String, Value>);

impl Settings {
    /// No file, or one that is not JSON, means no choices yet.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        Self(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub fn write(&self, path: &Path) -> Result<()> {
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
