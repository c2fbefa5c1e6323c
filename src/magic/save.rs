use std::path::PathBuf;

use wire::{Value, value};

use super::{Magic, Out, Topic};
use crate::Result;
use crate::plot::number;
use crate::session::{Saved, Session};
use crate::words::{luck, prompts, ui};

/// Save the adapter, or the model with its tokenizer
///
/// An attached adapter is written in PEFT's layout; `merged=true`, or no adapter, writes the whole model in the hub's layout. `%load DIR` reads
/// either back, and so do PEFT and transformers. A folder that is there gives way only once everything is written,
/// and is kept beside it as DIR.old unless it held the same.
#[derive(clap::Args)]
pub struct Args {
    /// The folder to write
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Write the whole model with the adapter added in
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    merged: bool,
    /// The adapter of this name, attached or not
    #[arg(long, value_name = "ADAPTER", conflicts_with = "merged")]
    name: Option<String>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Model;
    const EXAMPLES: &'static [&'static str] = &["%save my-adapter", "%save my-model merged=true", "%save my-adapter name=poet"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let Saved { files, kept } = match &self.name {
            Some(name) => session.save_adapter(name, &self.dir)?,
            None => session.save(&self.dir, self.merged)?,
        };
        let bytes = files.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
        let names: Vec<String> = files.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned()).collect();
        let path = self.dir.display().to_string();
        let fields: [(&str, &dyn std::fmt::Display); 3] = [("path", &path), ("bytes", &number::bytes(bytes)), ("files", &names.join(", "))];
        out.line(&ui::SAVED.with(&fields));
        if session.adapter_called(self.name.as_deref()).is_ok_and(|adapter| adapter.has_network() && !adapter.lost_encoder()) {
            out.note(prompts::SAVED_BARE.text());
        }
        if let Some(kept) = kept {
            out.note(&luck::SAVE_KEPT.with(&[("kept", &kept.display())]));
        }
        Ok(value::Save { path, files: names, bytes }.into())
    }
}
