//! Every sentence a person reads, in English and Chinese, side by side so that neither can be forgotten.

pub mod adapters;
pub mod cells;
pub mod errors;
pub mod formats;
pub mod heads;
pub mod help_zh;
pub mod lab;
pub mod luck;
pub mod memory;
pub mod nearest;
pub mod pretrain;
pub mod prompts;
pub mod servers;
pub mod streams;
pub mod training;
pub mod ui;

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    En,
    Zh,
}

static CHINESE: AtomicBool = AtomicBool::new(false);

/// The language of this process.
pub fn lang() -> Lang {
    if CHINESE.load(Ordering::Relaxed) { Lang::Zh } else { Lang::En }
}

pub fn set_lang(lang: Lang) {
    CHINESE.store(lang == Lang::Zh, Ordering::Relaxed);
}

impl Lang {
    /// `zh`, `zh_CN.UTF-8` and the like are Chinese; `en…` is English; others are unknown.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if name.starts_with("zh") {
            Some(Self::Zh)
        } else if name.starts_with("en") || name == "c" || name.starts_with("c.") || name == "posix" {
            Some(Self::En)
        } else {
            None
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

/// One sentence in both languages; `{name}` is filled by [`Phrase::with`].
#[derive(Clone, Copy, Debug)]
pub struct Phrase {
    pub en: &'static str,
    pub zh: &'static str,
}

pub const fn phrase(en: &'static str, zh: &'static str) -> Phrase {
    Phrase { en, zh }
}

impl Phrase {
    pub fn text(&self) -> &'static str {
        match lang() {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }

    /// The sentence with its `{name}`s replaced.
    pub fn with(&self, fields: &[(&str, &dyn Display)]) -> String {
        let mut text = self.text().to_owned();
        for (name, value) in fields {
            text = text.replace(&format!("{{{name}}}"), &value.to_string());
        }
        text
    }
}

impl Display for Phrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}
