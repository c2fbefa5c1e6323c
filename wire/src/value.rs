//! One struct per result. Field names are the keys of `--json`: stable, documented here.

use crate::code::{Code, Reader, coded};
use crate::json::{Json, object};

macro_rules! results {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq)]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

            impl Json for $name {
                fn write(&self, out: &mut String) {
                    object(out, &[$((stringify!($field), &self.$field as &dyn Json)),*]);
                }
            }

            coded!($name { $($field),* });

            impl TryFrom<Value> for $name {
                type Error = Value;
                fn try_from(value: Value) -> Result<Self, Value> {
                    match value {
                        Value::$name(result) => Ok(result),
                        other => Err(other),
                    }
                }
            }

            impl From<$name> for Value {
                fn from(result: $name) -> Value {
                    Value::$name(result)
                }
            }
        )*

        /// The structs' names.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// What a magic returns.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Value { Nothing, $($name($name)),* }

        impl Code for Value {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    Value::Nothing => String::new().put(out),
                    $(Value::$name(result) => {
                        stringify!($name).to_owned().put(out);
                        Code::put(result, out);
                    })*
                }
            }
            fn get(from: &mut Reader<'_>) -> Option<Self> {
                match String::get(from)?.as_str() {
                    "" => Some(Value::Nothing),
                    $(stringify!($name) => Some(Value::$name(Code::get(from)?)),)*
                    _ => None,
                }
            }
        }

        impl Json for Value {
            fn write(&self, out: &mut String) {
                match self {
                    Value::Nothing => out.push_str("{}"),
                    $(Value::$name(result) => result.write(out)),*
                }
            }
        }
    };
}

results! {
    /// `%load`
    Load {
        /// `llama`, `gpt2`, …
        family: String,
        parameters: u64,
        /// Weights in memory.
        bytes: u64,
        seconds: f64,
    }
    /// `%unload`: resident memory of the process.
    Unload { bytes_before: u64, bytes_after: u64, }
    /// `%models`
    Models { models: Vec<ModelRow>, }
    ModelRow {
        name: String,
        /// Empty when it is not on this machine yet.
        path: String,
        bytes: u64,
        licence: String,
        /// Whether the forecast says it can be loaded here.
        fits: bool,
    }
    /// `%info`
    Info {
        name: String,
        family: String,
        parameters: u64,
        bytes: u64,
        dtype: String,
        device: String,
        layers: u64,
        hidden: u64,
        heads: u64,
        kv_heads: u64,
        vocabulary: u64,
        context: u64,
        /// Trainable numbers of the attached adapter; 0 without one.
        adapter_parameters: u64,
    }
    /// `%device`
    Device { device: String, threads: u64, features: Vec<String>, memory_bytes: u64, }
    /// `%seed`
    Seed { seed: u64, }
    /// `%generate`, `%chat`
    Generate {
        text: String,
        /// New tokens only.
        ids: Vec<u32>,
        tokens_per_second: f64,
        /// `eos`, `stop`, `length`, `context`, `interrupt`.
        stopped_by: String,
    }
    /// `%next`
    Next { tokens: Vec<NextToken>, }
    NextToken {
        id: u32,
        text: String,
        /// Of the model itself.
        before: f64,
        /// After temperature, top-k, top-p; 0 when cut.
        after: f64,
    }
    /// `%tokens`
    Tokens { ids: Vec<u32>, texts: Vec<String>, }
    /// `%data`
    Data {
        /// `instruction`, `chat`, `text`.
        layout: String,
        train: u64,
        val: u64,
        tokens: u64,
        /// Tokens whose prediction is learned.
        learned: u64,
        /// Examples shortened to the context.
        cut: u64,
        /// Examples left out (empty, nothing to learn).
        dropped: u64,
    }
    /// `%lora`
    Lora { modules: u64, parameters: u64, r: u64, alpha: f64, }
    /// `%ptune`
    Ptune {
        /// `p-tuning`, `prompt`, `prefix`.
        method: String,
        /// Virtual tokens.
        n: u64,
        parameters: u64,
        /// Numbers of a saved adapter: the prompts without the network that makes them.
        saved: u64,
    }
    /// `%full`
    Full {
        parameters: u64,
        trained: u64,
        /// As it was asked for.
        frozen: Vec<String>,
    }
    /// `%adapters`
    Adapters { adapters: Vec<AdapterRow>, }
    AdapterRow {
        name: String,
        /// `lora r=16 c_attn`, …
        method: String,
        parameters: u64,
        /// `attached`, `detached`, `merged`.
        standing: String,
        unsaved: bool,
    }
    /// `%adapters spectrum=true`
    Spectrum { layers: Vec<SpectrumRow>, }
    SpectrumRow {
        layer: String,
        /// Singular values of what is added, the largest first.
        values: Vec<f64>,
    }
    /// `%merge`
    Merge {
        name: String,
        matrices: u64,
        /// Packed matrices that became f32.
        widened: u64,
    }
    /// `%unmerge`
    Unmerge { name: String, }
    /// `%compare`
    Compare {
        rows: Vec<CompareRow>,
        /// Names of the adapters that were trained.
        adapters: Vec<String>,
    }
    CompareRow {
        method: String,
        /// Trained numbers.
        parameters: u64,
        steps: u64,
        /// Mean validation losses.
        val_before: Option<f64>,
        val_after: Option<f64>,
        /// Perplexities of the text that the data does not teach.
        text_before: Option<f64>,
        text_after: Option<f64>,
        peak_rss_bytes: u64,
        tokens_per_second: f64,
        seconds: f64,
    }
    /// `%train`, `%pretrain`
    Train {
        /// Of every step.
        losses: Vec<f64>,
        steps: u64,
        /// Of the last step.
        loss: f64,
        val_loss: Option<f64>,
        best_step: Option<u64>,
        best_val_loss: Option<f64>,
        /// The step of the weights as they are: the last, or the best where the run went back.
        weights_of: u64,
        /// Steps that were left out in f16, because a number was too large.
        overflows: u64,
        tokens_per_second: f64,
        /// Highest resident memory during this run.
        peak_rss_bytes: u64,
        seconds: f64,
        /// What was forecast for it before the first step.
        forecast_rss_bytes: u64,
        /// The same with all layers kept for the backward pass.
        plain_rss_bytes: u64,
        /// Layers that are run again at a time; 0 where all are kept.
        recompute: u64,
        /// Spent in running layers again.
        again_seconds: f64,
    }
    /// `%runs`
    Runs {
        runs: Vec<RunRow>,
        /// Records that could not be read.
        skipped: u64,
    }
    RunRow {
        n: u64,
        /// `2026-11-24 13:30`, UTC.
        began: String,
        model: String,
        data: String,
        method: String,
        /// The settings, as JSON.
        recipe: String,
        parameters: u64,
        steps: u64,
        /// Planned.
        of: u64,
        loss: Option<f64>,
        best_step: Option<u64>,
        best_val_loss: Option<f64>,
        seconds: f64,
        /// 0 for a run that was killed.
        peak_rss_bytes: u64,
        /// `done`, `stopped`, `running`, `killed`, or the name of an error.
        ended: String,
        /// Of every step, where a run was asked for by its number.
        losses: Vec<f64>,
        grad_norms: Vec<f64>,
        /// log10 of update to weight.
        ratios: Vec<f64>,
    }
    /// `%eval memorised`: shares of sequences of eight tokens that stand word for word in the training set.
    Memorised {
        /// After training prefixes.
        trained: Option<f64>,
        /// After held-out prefixes.
        held_out: Option<f64>,
        /// Of the held-out text itself.
        chance: Option<f64>,
        /// Sequences that were looked at, of both kinds of prefixes.
        sequences: u64,
        method: String,
    }
    /// `%lr find`
    LrFind { rates: Vec<f64>, losses: Vec<f64>, suggestion: Option<f64>, }
    /// `%eval ppl`
    Eval { loss: f64, ppl: f64, tokens: u64, stride: u64, method: String, }
    /// `%quant`
    Quant { format: String, bytes_before: u64, bytes_after: u64, substituted: u64, }
    /// `%save`
    Save { path: String, files: Vec<String>, bytes: u64, }
    /// `%status`
    Status {
        model: Option<String>,
        adapter: Option<String>,
        data: Option<String>,
        /// `idle`, or what is going on.
        doing: String,
        rss_bytes: u64,
        /// What was trained and is nowhere but in memory.
        unsaved: Vec<String>,
    }
    /// `%attach`: the running cell, or the last one.
    Attach {
        /// Its number; 0 if no cell has run.
        cell: u64,
        code: String,
        running: bool,
        /// What it ended with.
        error: Option<String>,
        seconds: f64,
        /// The end of what it printed.
        text: String,
    }
    /// `%captured`: what `%%capture NAME` kept.
    Captured {
        name: String,
        /// What it printed to standard output, and its tables and values as text.
        text: String,
        /// What it printed to standard error.
        errors: String,
        /// Charts, pictures and tables.
        shown: u64,
    }
    /// `%history`
    History { inputs: Vec<String>, }
    /// `%input`
    Input { text: String, }
    /// `%lang`
    Lang { lang: String, }
    /// `%lsmagic`
    Lsmagic { magics: Vec<String>, }
    /// `!command`
    Command { status: i64, }
}
