use wire::{Value, value};

use super::{Magic, Out, Topic, number};
use crate::adapter::{Adapter, Lora};
use crate::random::Random;
use crate::session::Session;
use crate::words::ui;
use crate::{Result, plot};

/// Attach a fresh LoRA adapter
///
/// The model is frozen; two small matrices beside each target learn instead: y = W x + B A x · alpha / r. B starts at zero, so nothing
/// changes until `%train`. An adapter that was attached is replaced.
#[derive(clap::Args)]
pub struct Args {
    /// Rank of the matrices
    #[arg(long, value_name = "N", default_value = "16", value_parser = number::count)]
    r: usize,
    /// Scale: the delta counts alpha / r
    #[arg(long, value_name = "X", default_value = "32", visible_alias = "lora_alpha", value_parser = number::positive)]
    alpha: f64,
    /// Linear layers by name, by commas; `all-linear`; without it the family's own choice
    #[arg(long, value_name = "TARGET", visible_alias = "target_modules", value_delimiter = ',')]
    target: Vec<String>,
    /// Share of the input dropped while training
    #[arg(long, value_name = "SHARE", default_value = "0", visible_alias = "lora_dropout", value_parser = number::fraction)]
    dropout: f64,
    /// Seed of the initial A; without it the session's
    #[arg(long, value_name = "N", value_parser = number::seed)]
    seed: Option<u64>,
    /// Take the adapter off
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    detach: bool,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] =
        &["%lora", "%lora r=16 alpha=32 target=c_attn dropout=0.1", "%lora r=8 target_modules=q_proj,v_proj", "%lora detach=true"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let model = &session.base()?.model;
        if self.detach {
            session.set_adapter(None);
            out.line(ui::DETACHED.text());
            return Ok(Value::Nothing);
        }
        let default = || model.family.targets.iter().map(|target| (*target).to_owned()).collect();
        // PEFT's own notation for a list is accepted too: ["q_proj", "v_proj"].
        let plain = |target: String| target.trim_matches(['[', ']', '"', '\'', ' ']).to_owned();
        let targets: Vec<String> = if self.target.is_empty() { default() } else { self.target.into_iter().map(plain).collect() };
        let lora = Lora { r: self.r, alpha: self.alpha, targets, dropout: self.dropout };
        let random = Random::seeded(self.seed.unwrap_or(session.seed())).fork("lora");
        let adapter = Adapter::new(lora, model, &random)?;
        let (modules, parameters, all) = (adapter.deltas().layers.len(), adapter.parameters(), model.parameters());
        let fields: [(&str, &dyn std::fmt::Display); 4] = [
            ("adapter", &adapter.title()),
            ("modules", &modules),
            ("parameters", &plot::number::count(parameters as u64)),
            ("share", &format!("{:.2}", 100.0 * parameters as f64 / all as f64)),
        ];
        out.line(&ui::LORA.with(&fields));
        session.set_adapter(Some(adapter));
        Ok(value::Lora { modules: modules as u64, parameters: parameters as u64, r: self.r as u64, alpha: self.alpha }.into())
    }
}
