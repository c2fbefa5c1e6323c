use wire::{Table, Value, value};

use super::{Magic, Out, Topic};
use crate::adapter::{Target, module_names, targets};
use crate::plot::number;
use crate::session::Session;
use crate::words::{heads, ui};
use crate::{Result, device};

/// Describe the loaded model
#[derive(clap::Args)]
pub struct Args {}

impl Magic for Args {
    const TOPIC: Topic = Topic::Model;
    const EXAMPLES: &'static [&'static str] = &["%info"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let model = &session.base()?.model;
        let spec = &model.spec;
        let info = value::Info {
            name: model.name.clone(),
            family: model.family.name.to_owned(),
            parameters: model.parameters(),
            bytes: model.bytes(),
            dtype: model.format(),
            device: device::name(&model.device),
            layers: spec.layers as u64,
            hidden: spec.hidden as u64,
            heads: spec.heads as u64,
            kv_heads: spec.kv_heads as u64,
            vocabulary: spec.vocabulary as u64,
            context: spec.context as u64,
            adapter_parameters: session.adapter().map_or(0, |adapter| adapter.parameters() as u64),
        };
        let mut rows = vec![
            (ui::MODEL, format!("{} ({})", info.name, info.family)),
            (ui::PARAMETERS, number::count(info.parameters)),
            (ui::MEMORY, format!("{} ({})", number::bytes(info.bytes), info.dtype)),
            (ui::DEVICE, info.device.clone()),
            (ui::LAYERS, info.layers.to_string()),
            (ui::HIDDEN, info.hidden.to_string()),
            (ui::HEADS, format!("{} / {}", info.heads, info.kv_heads)),
            (ui::VOCABULARY, info.vocabulary.to_string()),
            (ui::CONTEXT, info.context.to_string()),
        ];
        if let Some(adapter) = session.adapter() {
            let share = 100.0 * info.adapter_parameters as f64 / info.parameters as f64;
            rows.push((ui::ADAPTER, format!("{}: {} ({share:.2} %)", adapter.title(), number::count(info.adapter_parameters))));
        }
        rows.push((ui::TARGETS, module_names(model).join(", ")));
        let ends = targets(model).filter(Target::is_end).filter_map(|target| target.path.rsplit('.').next());
        rows.push((heads::END_TARGETS, ends.collect::<Vec<_>>().join(", ")));
        out.table(Table::pairs(rows.into_iter().map(|(name, value)| (name.text(), value))));
        Ok(info.into())
    }
}
