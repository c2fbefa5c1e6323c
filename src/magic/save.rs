use std::path::PathBuf;

use wire::{Value, value};

use super::{Magic, Out, Topic};
use crate::Result;
use crate::plot;
use crate::session::{Saved, Session};
use crate::words::{formats, luck, prompts, ui};

/// Save the adapter, or the model with its tokenizer
///
/// An attached adapter is written in PEFT's layout; `merged=true`, or no adapter, writes the whole model in the hub's layout. `%load DIR` reads
/// either back, and so do PEFT and transformers. Weights in nf4 or int8 are written as bitsandbytes writes them; other packed weights as f32. A folder that is there gives way only once everything is written,
/// and is kept beside it as DIR.old unless it held the same.
#[derive(clap::Args)]
pub struct Args {
    /// The folder to write
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Write the whole model with the adapter added in
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    merged: bool,
    /// Most bytes of a model's file, such as 500MB or 2GB; more go to several files with an index, as transformers splits them
    #[arg(long, value_name = "SIZE", default_value = "5GB", value_parser = size)]
    max_shard: u64,
    /// The adapter of this name, attached or not
    #[arg(long, value_name = "ADAPTER", conflicts_with = "merged")]
    name: Option<String>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Model;
    const EXAMPLES: &'static [&'static str] =
        &["%save my-adapter", "%save my-model merged=true", "%save my-adapter name=poet", "%save my-model max_shard=2GB"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let adapted = session.adapter().is_some();
        let Saved { files, kept, widened } = match &self.name {
            Some(name) => session.save_adapter(name, &self.dir)?,
            None => session.save_in_shards(&self.dir, self.merged, self.max_shard)?,
        };
        let bytes = files.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
        let names: Vec<String> = files.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned()).collect();
        let path = self.dir.display().to_string();
        let fields: [(&str, &dyn std::fmt::Display); 3] =
            [("path", &path), ("bytes", &plot::number::bytes(bytes)), ("files", &names.join(", "))];
        out.line(&ui::SAVED.with(&fields));
        if let Some(format) = widened {
            let phrase = if adapted { formats::MERGED_WIDE } else { formats::WRITTEN_WIDE };
            out.note(&phrase.with(&[("format", &format)]));
        }
        if session.adapter_called(self.name.as_deref()).is_ok_and(|adapter| adapter.has_network() && !adapter.lost_encoder()) {
            out.note(prompts::SAVED_BARE.text());
        }
        if let Some(kept) = kept {
            out.note(&luck::SAVE_KEPT.with(&[("kept", &kept.display())]));
        }
        Ok(value::Save { path, files: names, bytes }.into())
    }
}

/// Bytes with a unit: `500MB`, `1.5GB`.
fn size(text: &str) -> std::result::Result<u64, String> {
    const UNITS: &[(&str, f64)] = &[("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("b", 1.0)];
    let text = text.trim().to_ascii_lowercase();
    let (number, unit) = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size))).unwrap_or((&text, 1.0));
    let bytes = number.trim().parse().map_or(0.0, |number: f64| number * unit);
    if (1.0..1e18).contains(&bytes) { Ok(bytes as u64) } else { Err(formats::SIZE_WANTED.to_string()) }
}
