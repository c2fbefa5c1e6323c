use wire::{Value, value};

use super::{Magic, Out, Topic, number};
use crate::adapter::{Adapter, Lora, Names, Pattern, Targets};
use crate::random::Random;
use crate::session::Session;
use crate::words::{adapters as words, ui};
use crate::{Error, Result, plot};

/// Attach a fresh LoRA adapter
///
/// The model is frozen; two small matrices beside each target learn instead: y = W x + B A x · alpha / r. B starts at zero, so nothing
/// changes until `%train`. An adapter that was trained stays under its name: `%adapters` lists them.
#[derive(clap::Args)]
pub struct Args {
    /// Rank of the matrices
    #[arg(long, value_name = "N", default_value = "16", value_parser = number::count)]
    r: usize,
    /// Scale: the delta counts alpha / r
    #[arg(long, value_name = "X", default_value = "32", visible_alias = "lora_alpha", value_parser = number::positive)]
    alpha: f64,
    /// Layers by name, by commas; `all-linear` for all inside blocks; the head and the embedding table by their names too; a regular expression of the whole path; without it the family's own choice
    #[arg(long, value_name = "TARGET", visible_alias = "target_modules", value_delimiter = ',')]
    target: Vec<String>,
    /// The head or the embedding table, by name, trained as a whole beside the matrices and saved with them
    #[arg(long, value_name = "TARGET", visible_alias = "modules_to_save", value_delimiter = ',')]
    whole: Vec<String>,
    /// Layers that stay out, named as in `target`
    #[arg(long, value_name = "TARGET", visible_alias = "exclude_modules", value_delimiter = ',')]
    exclude: Vec<String>,
    /// Blocks by number, by commas: `0,1` or `0-3`
    #[arg(long, value_name = "N", visible_alias = "layers_to_transform", value_delimiter = ',')]
    layers: Vec<String>,
    /// Scale by alpha / sqrt(r): high ranks learn as fast as low ones
    #[arg(long, visible_alias = "use_rslora", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    rslora: bool,
    /// Learn the length of each output beside its direction (DoRA)
    #[arg(long, visible_alias = "use_dora", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    dora: bool,
    /// Ranks of single modules: `c_attn:8,mlp.c_proj:4`
    #[arg(long, value_name = "NAME:N", value_delimiter = ',')]
    rank_pattern: Vec<String>,
    /// Alphas of single modules: `c_attn:16`
    #[arg(long, value_name = "NAME:X", value_delimiter = ',')]
    alpha_pattern: Vec<String>,
    /// Share of the input dropped while training
    #[arg(long, value_name = "SHARE", default_value = "0", visible_alias = "lora_dropout", value_parser = number::fraction)]
    dropout: f64,
    /// Seed of the initial A; without it the session's
    #[arg(long, value_name = "N", value_parser = number::seed)]
    seed: Option<u64>,
    /// What to call it; without it `lora`, `dora`, …
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Take the adapter off
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    detach: bool,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] = &[
        "%lora",
        "%lora r=16 alpha=32 target=c_attn dropout=0.1",
        "%lora r=8 target_modules=q_proj,v_proj",
        "%lora dora=true target=all-linear layers=0-3 rank_pattern=down_proj:4",
        "%lora rslora=true r=64 alpha=16 name=wide",
        "%lora target=all-linear,lm_head,embed_tokens",
        "%lora target=all-linear whole=lm_head",
        "%lora detach=true",
    ];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let model = &session.base()?.model;
        if self.detach {
            session.set_adapter(None);
            out.line(ui::DETACHED.text());
            return Ok(Value::Nothing);
        }
        let lora = self.recipe(model.family.targets)?;
        let random = Random::seeded(self.seed.unwrap_or(session.seed())).fork("lora");
        let adapter = Adapter::new(lora, model, &random)?;
        let (modules, parameters, all) =
            (adapter.deltas().layers.len() + adapter.deltas().whole.len(), adapter.parameters(), model.parameters());
        let fields: [(&str, &dyn std::fmt::Display); 4] = [
            ("adapter", &adapter.title()),
            ("modules", &modules),
            ("parameters", &plot::number::count(parameters as u64)),
            ("share", &format!("{:.2}", 100.0 * parameters as f64 / all as f64)),
        ];
        out.line(&ui::LORA.with(&fields));
        session.attach_adapter(self.name.as_deref(), adapter)?;
        Ok(value::Lora { modules: modules as u64, parameters: parameters as u64, r: self.r as u64, alpha: self.alpha }.into())
    }
}

impl Args {
    fn recipe(&self, default: &[&str]) -> Result<Lora> {
        let names = if self.target.is_empty() { Targets::list(default.iter().copied()).names } else { Names::parse(&self.target) };
        let layers = numbers("layers", &self.layers)?;
        let targets = Targets { names, exclude: Names::parse(&self.exclude), layers, layers_pattern: Vec::new() };
        Ok(Lora {
            r: self.r,
            alpha: self.alpha,
            targets,
            dropout: self.dropout,
            rslora: self.rslora,
            dora: self.dora,
            rank_pattern: Pattern::parse("rank_pattern", &self.rank_pattern, |r| r.parse().ok().filter(|r| *r > 0))?,
            alpha_pattern: Pattern::parse("alpha_pattern", &self.alpha_pattern, |x| {
                x.parse().ok().filter(|x: &f64| x.is_finite() && *x > 0.0)
            })?,
            whole: self.whole.iter().map(|name| name.trim_matches(['[', ']', '"', '\'', ' ']).to_owned()).collect(),
        })
    }
}

/// `0,2-4` as numbers, in order and once each.
///
/// # Errors
/// `BadValue`
pub(super) fn numbers(option: &str, given: &[String]) -> Result<Vec<usize>> {
    let mut all = Vec::new();
    for word in given {
        let plain = word.trim_matches(['[', ']', ' ']);
        let (first, last) = plain.split_once('-').unwrap_or((plain, plain));
        match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) if first <= last => all.extend(first..=last),
            _ => return Err(Error::BadValue { option: option.to_owned(), given: word.clone(), allowed: words::NUMBERS_FORM.to_string() }),
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}
