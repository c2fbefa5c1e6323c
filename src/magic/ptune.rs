use wire::{Value, value};

use super::{Magic, Out, Topic, number};
use crate::adapter::{Adapter, Kind, Method, Prompt, Start};
use crate::model::Spec;
use crate::nn::Net;
use crate::session::Session;
use crate::words::{prompts, ui};
use crate::{Error, Result, plot};

/// Attach virtual tokens that learn in front of every text
///
/// The model is frozen; n vectors that no token has stand before each text and learn instead. `p-tuning` makes them with a small network,
/// `prompt` learns the vectors themselves, `prefix` learns keys and values for every layer. They take n positions of the context. An
/// adapter that was trained stays under its name. They need larger steps than LoRA: `%train` takes lr=1e-3 with a network, 3e-2 for `prompt`, 1e-2 for
/// `prefix`, unless told otherwise.
#[derive(clap::Args)]
pub struct Args {
    /// How the virtual tokens are made
    #[arg(long, value_name = "NAME", default_value = "p-tuning", visible_alias = "peft_type", ignore_case = true,
          value_parser = ["p-tuning", "prompt", "prefix"])]
    method: String,
    /// Virtual tokens
    #[arg(long, value_name = "N", default_value = "20", visible_alias = "num_virtual_tokens", value_parser = number::count)]
    n: usize,
    /// p-tuning: the network that makes the prompt; `mlp` without it
    #[arg(long, value_name = "NET", visible_alias = "encoder_reparameterization_type", ignore_case = true, value_parser = ["mlp", "lstm"])]
    encoder: Option<String>,
    /// Width inside the network; without it that of what it makes
    #[arg(long, value_name = "N", visible_alias = "encoder_hidden_size", value_parser = number::count)]
    hidden: Option<usize>,
    /// p-tuning with an LSTM: its layers; 2 without it
    #[arg(long, value_name = "N", visible_alias = "encoder_num_layers", value_parser = number::count)]
    layers: Option<usize>,
    /// p-tuning with an LSTM: share dropped between its layers while training
    #[arg(long, value_name = "SHARE", visible_alias = "encoder_dropout", value_parser = number::fraction)]
    dropout: Option<f64>,
    /// prefix: make the keys and values with a small network
    #[arg(long, visible_alias = "prefix_projection", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    projection: bool,
    /// prompt: begin with random numbers, tokens of the vocabulary, or those of `text`
    #[arg(long, value_name = "START", visible_alias = "prompt_tuning_init", ignore_case = true, value_parser = ["random", "vocab", "text"])]
    init: Option<String>,
    /// prompt: the text to begin with, repeated to n tokens
    #[arg(long, value_name = "TEXT", visible_alias = "prompt_tuning_init_text")]
    text: Option<String>,
    /// Name in `%adapters`; without it the method's
    #[arg(long, value_name = "WORD", visible_alias = "adapter_name")]
    name: Option<String>,
    /// Seed of the initial numbers; without it the session's
    #[arg(long, value_name = "N", value_parser = number::seed)]
    seed: Option<u64>,
    /// Take the adapter off
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    detach: bool,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] = &[
        "%ptune",
        "%ptune n=20 encoder=lstm",
        "%ptune method=prompt text='Answer in one word:'",
        "%ptune method=prefix n=8 projection=true",
        "%ptune detach=true",
    ];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let spec = &session.base()?.model.spec;
        if self.detach {
            session.set_adapter(None);
            out.line(ui::DETACHED.text());
            return Ok(Value::Nothing);
        }
        let prompt = self.prompt(spec)?;
        let adapter = session.fresh_prompt(prompt, self.seed)?;
        let model = &session.base()?.model;
        let (title, parameters) = (adapter.title(), adapter.parameters());
        let fields: [(&str, &dyn std::fmt::Display); 3] = [
            ("adapter", &title),
            ("parameters", &plot::number::count(parameters as u64)),
            ("share", &format!("{:.2}", 100.0 * parameters as f64 / model.parameters() as f64)),
        ];
        out.line(&prompts::ATTACHED.with(&fields));
        let saved = kept(&adapter, &model.spec);
        if saved < parameters {
            out.note(&prompts::SHRINKS.with(&[("kept", &plot::number::count(saved as u64))]));
        }
        session.attach_adapter(self.name.as_deref(), adapter)?;
        Ok(value::Ptune { method: self.method, n: self.n as u64, parameters: parameters as u64, saved: saved as u64 }.into())
    }
}

/// Numbers that a saved adapter holds.
fn kept(adapter: &Adapter, spec: &Spec) -> usize {
    match &adapter.method {
        Method::Prompt(prompt) => prompt.tokens * prompt.kind.output(spec),
        Method::Lora(_) => adapter.parameters(),
    }
}

impl Args {
    fn prompt(&self, spec: &Spec) -> Result<Prompt> {
        let kind = [Kind::PTuning, Kind::Prompt, Kind::Prefix].into_iter().find(|kind| kind.name() == self.method).unwrap_or(Kind::PTuning);
        self.check(kind)?;
        let net = match kind {
            Kind::PTuning if self.encoder.as_deref() == Some("lstm") => {
                Net::Lstm { layers: self.layers.unwrap_or(2), dropout: self.dropout.unwrap_or(0.0) }
            }
            Kind::PTuning => Net::Mlp,
            Kind::Prefix if self.projection => Net::Projection,
            Kind::Prompt | Kind::Prefix => Net::Bare,
        };
        let start = match (self.init.as_deref(), &self.text) {
            (Some("text") | None, Some(text)) => Start::Text(text.clone()),
            (Some("text"), None) => return Err(Error::MissingArgument { magic: "ptune".into(), argument: "text=TEXT".into() }),
            (Some("vocab"), _) => Start::Vocabulary,
            _ => Start::Random,
        };
        Ok(Prompt { kind, tokens: self.n, net, hidden: self.hidden.unwrap_or_else(|| kind.width(spec)), start })
    }

    /// An option of another method would do nothing: it is refused.
    fn check(&self, kind: Kind) -> Result<()> {
        let lstm = kind == Kind::PTuning && self.encoder.as_deref() == Some("lstm");
        let with_net = kind == Kind::PTuning || kind == Kind::Prefix && self.projection;
        let given = |x: &Option<String>| x.clone().unwrap_or_default();
        let number = |x: Option<usize>| x.map(|n| n.to_string()).unwrap_or_default();
        let vain = [
            ("encoder", given(&self.encoder), kind == Kind::PTuning, prompts::ONLY_PTUNING),
            ("hidden", number(self.hidden), with_net, prompts::ONLY_NET),
            ("layers", number(self.layers), lstm, prompts::ONLY_LSTM),
            ("dropout", self.dropout.map(|x| x.to_string()).unwrap_or_default(), lstm, prompts::ONLY_LSTM),
            ("projection", if self.projection { "true".into() } else { String::new() }, kind == Kind::Prefix, prompts::ONLY_PREFIX),
            ("init", given(&self.init), kind == Kind::Prompt, prompts::ONLY_PROMPT),
            (
                "text",
                given(&self.text),
                kind == Kind::Prompt && !matches!(self.init.as_deref(), Some("random" | "vocab")),
                prompts::ONLY_TEXT,
            ),
        ];
        match vain.into_iter().find(|(_, given, fits, _)| !given.is_empty() && !fits) {
            Some((option, given, _, allowed)) => Err(Error::BadValue { option: option.to_owned(), given, allowed: allowed.to_string() }),
            None => Ok(()),
        }
    }
}
