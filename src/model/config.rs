//! Reads `config.json`: every number is checked, and an error names the field.

use std::path::Path;

use serde_json::Value;

use crate::{Error, Result};

pub struct Config<'a> {
    pub path: &'a Path,
    pub json: &'a Value,
}

impl Config<'_> {
    pub fn bad(&self, cause: String) -> Error {
        Error::BadConfig { path: self.path.display().to_string(), cause }
    }

    /// A whole number of at least 1.
    ///
    /// # Errors
    /// `BadConfig` when it is missing or not such a number.
    pub fn count(&self, field: &str) -> Result<usize> {
        let value = &self.json[field];
        let number = value.as_u64().filter(|n| (1..=1 << 32).contains(n));
        number.map(|n| n as usize).ok_or_else(|| self.bad(format!("`{field}` must be a whole number of at least 1, it is {value}")))
    }

    pub fn count_or(&self, field: &str, default: usize) -> Result<usize> {
        if self.json[field].is_null() { Ok(default) } else { self.count(field) }
    }

    /// A finite number above 0.
    ///
    /// # Errors
    /// `BadConfig` when it is there and not such a number.
    pub fn positive_or(&self, field: &str, default: f64) -> Result<f64> {
        let value = &self.json[field];
        if value.is_null() {
            return Ok(default);
        }
        value
            .as_f64()
            .filter(|n| n.is_finite() && *n > 0.0)
            .ok_or_else(|| self.bad(format!("`{field}` must be a number above 0, it is {value}")))
    }

    pub fn flag_or(&self, field: &str, default: bool) -> bool {
        self.json[field].as_bool().unwrap_or(default)
    }

    pub fn text_or<'s>(&'s self, field: &str, default: &'s str) -> &'s str {
        self.json[field].as_str().unwrap_or(default)
    }
}
