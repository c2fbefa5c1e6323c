//! `--json`: one line, the documented keys, nothing else said.

use serde_json::Value;

use crate::harness::world::World;

/// A cell and the keys of its last line.
const KEYS: &[(&str, &[&str])] = &[
    ("%load llama-tiny --json", &["family", "parameters", "bytes", "seconds"]),
    ("%unload --json", &["bytes_before", "bytes_after"]),
    ("%models --json", &["models"]),
    (
        "%info --json",
        &[
            "name",
            "family",
            "parameters",
            "bytes",
            "dtype",
            "device",
            "layers",
            "hidden",
            "heads",
            "kv_heads",
            "vocabulary",
            "context",
            "adapter_parameters",
        ],
    ),
    ("%device --json", &["device", "threads", "features", "memory_bytes"]),
    ("%seed 7 --json", &["seed"]),
    ("%generate \"Once upon\" max_new_tokens=4 --json", &["text", "ids", "tokens_per_second", "stopped_by"]),
    ("%chat hi max_new_tokens=4 --json", &["text", "ids", "tokens_per_second", "stopped_by"]),
    ("%next Once --json", &["tokens"]),
    ("%tokens Once --json", &["ids", "texts"]),
    ("%data rows.jsonl --json", &["layout", "train", "val", "tokens", "learned", "cut", "dropped"]),
    ("%lora --json", &["modules", "parameters", "r", "alpha"]),
    ("%full freeze=norms --json", &["parameters", "trained", "frozen"]),
    ("%lora\n%adapters --json", &["adapters"]),
    ("%lora\n%adapters spectrum=true --json", &["layers"]),
    ("%lora\n%merge --json", &["name", "matrices", "widened"]),
    ("%lora\n%merge\n%unmerge --json", &["name"]),
    ("%data rows.jsonl\n%compare lora,full steps=1 --json", &["rows", "adapters"]),
    ("%ptune --json", &["method", "n", "parameters", "saved"]),
    (
        "%data rows.jsonl\n%lora\n%train steps=1 --json",
        &[
            "losses",
            "steps",
            "loss",
            "val_loss",
            "best_step",
            "best_val_loss",
            "weights_of",
            "overflows",
            "tokens_per_second",
            "peak_rss_bytes",
            "seconds",
        ],
    ),
    (
        "%pretrain text.txt steps=1 batch=1 vocab=270 layers=1 hidden=32 heads=2 context=16 block=8 --json",
        &[
            "losses",
            "steps",
            "loss",
            "val_loss",
            "best_step",
            "best_val_loss",
            "weights_of",
            "overflows",
            "tokens_per_second",
            "peak_rss_bytes",
            "seconds",
        ],
    ),
    ("%data rows.jsonl\n%lr find steps=3 --json", &["rates", "losses", "suggestion"]),
    ("%eval ppl text.txt --json", &["loss", "ppl", "tokens", "stride", "method"]),
    ("%data rows.jsonl\n%eval ppl --json", &["loss", "ppl", "tokens", "stride", "method"]),
    ("%quant bf16 --json", &["format", "bytes_before", "bytes_after", "substituted"]),
    ("%save out --json", &["path", "files", "bytes"]),
    ("%status --json", &["model", "adapter", "data", "doing", "rss_bytes", "unsaved"]),
    ("# %%\n%attach --json", &["cell", "code", "running", "error", "seconds", "text"]),
    ("%history --json", &["inputs"]),
    ("%captured --json", &[]),
    ("%clear --json", &[]),
    ("%lang --json", &["lang"]),
    ("%lsmagic --json", &["magics"]),
    ("%help --json", &[]),
];

#[test]
fn results_have_the_documented_keys() {
    let world = World::with(&["llama-tiny"]);
    for (code, keys) in KEYS {
        let result = world.json(&format!("%load llama-tiny\n{code}"));
        let Value::Object(object) = result else { panic!("{code}: {result}") };
        let (mut found, mut wanted): (Vec<_>, Vec<_>) = (object.keys().map(String::as_str).collect(), keys.to_vec());
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{code}");
    }
    let tested = |name: &str| KEYS.iter().any(|(code, _)| code.lines().last().unwrap().starts_with(&format!("%{name} ")));
    let missing: Vec<_> = lantern::magic::LIST.iter().map(|entry| entry.name).filter(|name| !tested(name) && *name != "input").collect();
    assert!(missing.is_empty(), "no --json test: {missing:?}");
}

#[test]
fn nothing_else_is_said() {
    let world = World::with(&["llama-tiny"]);
    let out = world.run("%load llama-tiny --json\n%data rows.jsonl --json\n%lora --json\n%train steps=2 --json\n%eval ppl --json");
    assert_eq!(out.lines().count(), 5, "{out}");
    assert!(out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{out}");
}

#[test]
fn values_agree_with_each_other() {
    let world = World::with(&["llama-tiny"]);
    let load = world.json("%load llama-tiny --json");
    assert_eq!((load["family"].as_str(), load["parameters"].as_u64(), load["bytes"].as_u64()), (Some("llama"), Some(23_200), Some(92_800)));
    let written = world.json("%load llama-tiny\n%generate \"Once upon\" max_new_tokens=4 --json");
    assert_eq!((written["ids"].as_array().map(Vec::len), written["stopped_by"].as_str()), (Some(4), Some("length")));
    let full = world.json("%load llama-tiny\n%generate \"Once upon\" max_new_tokens=400 --json");
    assert_eq!(full["stopped_by"], "context");
    let eval = world.json("%load llama-tiny\n%eval ppl text.txt stride=8 --json");
    assert!((eval["loss"].as_f64().unwrap().exp() / eval["ppl"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{eval}");
    assert_eq!(eval["stride"], 8);
}
