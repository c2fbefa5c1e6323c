use wire::{Table, Value, value};

use super::{Magic, Out, Topic};
use crate::plot::number;
use crate::session::Session;
use crate::words::ui;
use crate::{Result, device};

/// Show or choose the device that computes
///
/// The next `%load` puts the model there.
#[derive(clap::Args)]
pub struct Args {
    /// `cpu`, `cuda`, `cuda:1`, `metal`, `auto`
    #[arg(value_name = "DEVICE")]
    device: Option<String>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%device", "%device cpu"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        if let Some(name) = self.device {
            session.set_device(device::parse(&name)?);
        }
        let result = value::Device {
            device: device::name(session.device()),
            threads: device::threads() as u64,
            features: device::features().into_iter().map(str::to_owned).collect(),
            memory_bytes: device::memory::available().unwrap_or(0),
        };
        out.table(Table::pairs([
            (ui::DEVICE.text(), result.device.clone()),
            (ui::THREADS.text(), result.threads.to_string()),
            (ui::CPU_FEATURES.text(), result.features.join(" ")),
            (ui::MEMORY_FREE.text(), number::bytes(result.memory_bytes)),
        ]));
        Ok(result.into())
    }
}
