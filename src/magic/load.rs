use std::path::Path;

use candle_core::DType;
use wire::{Value, value};

use super::{Magic, Out, Topic};
use crate::adapter::Adapter;
use crate::plot::number;
use crate::session::Session;
use crate::words::{prompts, ui};
use crate::{Result, device};

/// Load a model, or an adapter onto the model that is loaded
///
/// MODEL is a name of `%models`, a name of a hub (owner/name), a folder in the hub's layout (config.json, tokenizer.json,
/// *.safetensors), a .gguf file, or a PEFT adapter, as a folder or by its hub name. If loading fails, the model that was there stays.
#[derive(clap::Args)]
pub struct Args {
    /// Name, folder or file
    #[arg(value_name = "MODEL")]
    model: String,
    /// Type of the weights in memory; packed weights stay packed without it
    #[arg(long, value_name = "DTYPE", value_parser = ["f32", "f16", "bf16"])]
    dtype: Option<String>,
    /// What to call an adapter; without it as its folder
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where to put it: `cpu`, `cuda`, `metal`, `auto`
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
}

/// Seconds from which a load is announced.
const WORTH_SAYING: f64 = 1.0;

impl Magic for Args {
    const TOPIC: Topic = Topic::Model;
    const EXAMPLES: &'static [&'static str] =
        &["%load spark", "%load smollm2", "%load ./my-model dtype=bf16", "%load ./my-adapter name=poet"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let device = self.device.as_deref().map(device::parse).transpose()?;
        if let Some(name) = &self.name {
            session.check_name(name)?;
        }
        let label = ui::FETCHING.with(&[("what", &self.model)]);
        let loaded = if Adapter::is_at(Path::new(&self.model)) {
            session.load_adapter_as(Path::new(&self.model), self.name.as_deref())?
        } else {
            let mut progress = |done: u64, total: Option<u64>| out.progress("fetch", done, total.unwrap_or(done + 1), &label);
            let mut plan = session.find(&self.model, self.dtype.as_deref().and_then(dtype), device, &mut progress)?;
            if plan.forecast.seconds >= WORTH_SAYING {
                let free = number::bytes(device::memory::available().unwrap_or(0));
                let fields: [(&str, &dyn std::fmt::Display); 3] =
                    [("bytes", &number::bytes(plan.forecast.bytes)), ("free", &free), ("time", &number::duration(plan.forecast.seconds))];
                out.note(&ui::LOAD_FORECAST.with(&fields));
            }
            plan.called.clone_from(&self.name);
            session.load(plan)?
        };
        let fields: [(&str, &dyn std::fmt::Display); 5] = [
            ("name", &loaded.name),
            ("family", &loaded.family),
            ("parameters", &number::count(loaded.parameters)),
            ("bytes", &number::bytes(loaded.bytes)),
            ("seconds", &number::duration(loaded.seconds)),
        ];
        match session.adapter().filter(|_| loaded.adapter) {
            Some(adapter) => {
                out.line(&ui::ATTACHED.with(&[("adapter", &adapter.title()), ("model", &loaded.name)]));
                if adapter.lost_encoder() {
                    out.note(prompts::LOADED_BARE.text());
                }
            }
            None => out.line(&ui::LOADED.with(&fields)),
        }
        Ok(value::Load { family: loaded.family.to_owned(), parameters: loaded.parameters, bytes: loaded.bytes, seconds: loaded.seconds }
            .into())
    }
}

pub(super) fn dtype(name: &str) -> Option<DType> {
    match name {
        "f32" => Some(DType::F32),
        "f16" | "fp16" => Some(DType::F16),
        "bf16" => Some(DType::BF16),
        _ => None,
    }
}
