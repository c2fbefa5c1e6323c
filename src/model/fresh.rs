//! The config of a model that is to be made: a family's own or a file's, with what a person gives put over it.

use std::path::Path;

use serde_json::{Value, json};

use super::config::Config;
use super::families::{self, FAMILIES, Family};
use super::sizes;
use super::spec::Spec;
use crate::tokenizer::Tokenizer;
use crate::words::pretrain as words;
use crate::{Error, Result};

/// What a person gives; the rest is the config's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    pub layers: Option<usize>,
    pub hidden: Option<usize>,
    pub heads: Option<usize>,
    pub kv_heads: Option<usize>,
    pub head_dim: Option<usize>,
    pub inner: Option<usize>,
    pub context: Option<usize>,
    pub window: Option<usize>,
    pub rotary: Option<f64>,
    pub tie: Option<bool>,
}

/// A config that lacks only what the tokenizer says.
#[derive(Clone)]
pub struct Blueprint {
    pub family: &'static Family,
    config: Value,
    /// Vocabulary apart.
    pub spec: Spec,
}

/// An option, and the field of config.json that it is; `-` where GPT-2 has none.
struct Field {
    option: &'static str,
    gpt2: &'static str,
    others: &'static str,
    /// Those that have it; all where empty.
    families: &'static [&'static str],
}

const GROUPED: &[&str] = &["llama", "mistral", "qwen2", "qwen3"];
const FIELDS: &[Field] = &[
    Field { option: "layers", gpt2: "n_layer", others: "num_hidden_layers", families: &[] },
    Field { option: "hidden", gpt2: "n_embd", others: "hidden_size", families: &[] },
    Field { option: "heads", gpt2: "n_head", others: "num_attention_heads", families: &[] },
    Field { option: "kv_heads", gpt2: "-", others: "num_key_value_heads", families: GROUPED },
    Field { option: "head_dim", gpt2: "-", others: "head_dim", families: GROUPED },
    Field { option: "inner", gpt2: "n_inner", others: "intermediate_size", families: &[] },
    Field { option: "context", gpt2: "n_positions", others: "max_position_embeddings", families: &[] },
    Field { option: "window", gpt2: "-", others: "sliding_window", families: &["mistral"] },
    Field { option: "rotary", gpt2: "-", others: "rotary_pct", families: &["gpt_neox"] },
    Field { option: "tie", gpt2: "tie_word_embeddings", others: "tie_word_embeddings", families: &[] },
];

/// What transformers calls the class with the head.
const CLASSES: &[(&str, &str)] = &[
    ("gpt2", "GPT2LMHeadModel"),
    ("gpt_neox", "GPTNeoXForCausalLM"),
    ("llama", "LlamaForCausalLM"),
    ("mistral", "MistralForCausalLM"),
    ("qwen2", "Qwen2ForCausalLM"),
    ("qwen3", "Qwen3ForCausalLM"),
];

/// What another model's config says of its own files and its own copy.
const ITS_OWN: &[&str] = &["_name_or_path", "auto_map", "dtype", "quantization_config", "transformers_version", "task_specific_params"];

impl Blueprint {
    /// `family`'s own config, or that in `file` (a config.json, or a folder that holds one), with what is given put over it. What is not given keeps
    /// the config's proportions: MLP to width, query heads to key and value heads.
    ///
    /// # Errors
    /// `UnknownFamily`; `BadValue` for what a family lacks and for sizes that do not go together; `NotFound`, `BadConfig`.
    pub fn new(family: Option<&str>, file: Option<&Path>, given: &Given) -> Result<Self> {
        let (path, mut config) = match file {
            Some(file) => read(file)?,
            None => ("config.json".into(), sizes::own(family.unwrap_or("llama"))),
        };
        let reader = Config { path: &path, json: &config };
        let own = families::find(reader.text_or("model_type", family.unwrap_or_default()))?;
        if let Some(other) = family.filter(|name| *name != own.name) {
            let allowed = words::OTHER_FAMILY.with(&[("path", &path.display()), ("family", &own.name)]);
            return Err(Error::BadValue { option: "family".to_owned(), given: other.to_owned(), allowed });
        }
        let before = own.spec(&reader)?;
        for (option, value) in given.pairs() {
            put(&mut config, own, option, value)?;
        }
        for (option, value) in sizes::derived(&config, &before, given, file.is_none()) {
            put(&mut config, own, option, value)?;
        }
        adjust(&mut config, own);
        let spec = own.spec(&Config { path: &path, json: &config })?;
        sizes::check(&spec, own, given)?;
        Ok(Self { family: own, config, spec })
    }

    /// The config for a vocabulary, with the ids of its special tokens. One that pads and ends at once is no padding: its embedding would start as
    /// zeros, and in transformers (`nn.Embedding`'s `padding_idx`) never learn.
    pub fn config(&self, tokenizer: &Tokenizer) -> Value {
        let (bos, ends) = (tokenizer.bos(), tokenizer.eos());
        let mut config = self.config.clone();
        config["vocab_size"] = tokenizer.vocabulary().into();
        config["bos_token_id"] = bos.into();
        config["eos_token_id"] = match ends {
            [] => Value::Null,
            [one] => (*one).into(),
            several => several.into(),
        };
        config["pad_token_id"] = tokenizer.pad().filter(|pad| Some(*pad) != bos && !ends.contains(pad)).into();
        config
    }

    /// Numbers in the model that this becomes.
    pub fn parameters(&self, vocabulary: usize) -> u64 {
        Spec { vocabulary, ..self.spec.clone() }.parameters()
    }
}

impl std::fmt::Debug for Blueprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

impl Given {
    fn pairs(&self) -> Vec<(&'static str, Value)> {
        let counts = [
            ("layers", self.layers),
            ("hidden", self.hidden),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("head_dim", self.head_dim),
            ("inner", self.inner),
            ("context", self.context),
            ("window", self.window),
        ];
        let counts = counts.into_iter().filter_map(|(option, value)| Some((option, json!(value?))));
        let rest = [("rotary", self.rotary.map(Value::from)), ("tie", self.tie.map(Value::from))];
        counts.chain(rest.into_iter().filter_map(|(option, value)| Some((option, value?)))).collect()
    }
}

/// config.json, and where it lies.
fn read(file: &Path) -> Result<(std::path::PathBuf, Value)> {
    let path = if file.is_dir() { file.join("config.json") } else { file.to_owned() };
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
    let bad = |cause: String| Error::BadConfig { path: path.display().to_string(), cause };
    let mut config: Value = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    // How its weights are stored, and the like, is no part of the architecture.
    if let Some(fields) = config.as_object_mut() {
        ITS_OWN.iter().for_each(|name| drop(fields.remove(*name)));
    }
    match config["model_type"].as_str() {
        Some(_) => Ok((path, config)),
        None => Err(bad("`model_type` is missing".to_owned())),
    }
}

/// The field of `option` in the config of a family; `None` where it has no such thing.
pub(super) fn field(option: &str, family: &Family) -> Option<&'static str> {
    let row = FIELDS.iter().find(|row| row.option == option)?;
    let has = row.families.is_empty() || row.families.contains(&family.name);
    has.then_some(if family.name == "gpt2" { row.gpt2 } else { row.others })
}

fn put(config: &mut Value, family: &Family, option: &str, value: Value) -> Result<()> {
    let Some(name) = field(option, family) else {
        let having = FAMILIES.iter().filter(|other| field(option, other).is_some()).map(|other| other.name);
        let allowed = words::NOT_OF_FAMILY.with(&[("family", &family.name), ("having", &having.collect::<Vec<_>>().join(" | "))]);
        return Err(Error::BadValue { option: option.to_owned(), given: value.to_string(), allowed });
    };
    let most = sizes::most(option);
    if value.as_u64().is_some_and(|size| size > most) {
        let allowed = words::AT_MOST.with(&[("most", &most)]);
        return Err(Error::BadValue { option: option.to_owned(), given: value.to_string(), allowed });
    }
    // transformers 5 keeps the share with the rest of the rotation, and it would win there.
    if option == "rotary" && config["rope_parameters"].is_object() {
        config["rope_parameters"]["partial_rotary_factor"] = value.clone();
    }
    config[name] = value;
    Ok(())
}

/// What follows from the sizes, and what must not follow the model that the file is of.
fn adjust(config: &mut Value, family: &Family) {
    let layers = field("layers", family).and_then(|name| config[name].as_u64()).unwrap_or(0) as usize;
    if let Some(kinds) = config.get_mut("layer_types").and_then(Value::as_array_mut) {
        // Any other kind is refused by the family, in the layers that stay.
        kinds.resize(layers, "full_attention".into());
    }
    let class = CLASSES.iter().find(|(name, _)| *name == family.name).map_or("", |(_, class)| class);
    config["architectures"] = json!([class]);
    config["torch_dtype"] = "float32".into();
}
