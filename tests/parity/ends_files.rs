//! Adapters on the ends: which names choose them, what files hold and what is refused, and the fixtures against what is done wrong.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use lantern::Error;
use lantern::adapter::{Adapter, Lora, Target, Targets, merged, targets};
use lantern::model::Model;
use lantern::nn::Deltas;
use lantern::random::Random;
use serde_json::Value;

use super::ends::{FOLDERS, moved};
use super::fixture::{apart, close, load, logits, path, tensors};

#[test]
fn names_choose_the_ends_and_all_linear_does_not() {
    let chosen = |model: &Model, targets: Targets| {
        let lora = Lora { targets, ..Lora::default() };
        Adapter::new(lora, model, &Random::seeded(1)).map(|adapter| {
            let ends = |path: &&String| [model.family.names.embed, model.family.names.head].contains(&path.as_str());
            adapter.deltas().layers.keys().filter(ends).cloned().collect::<Vec<_>>()
        })
    };
    let (gpt2, neox) = (load("gpt2-tiny"), load("gpt_neox-tiny"));
    assert!(chosen(&gpt2, Targets::list(["all-linear"])).unwrap().is_empty());
    assert_eq!(chosen(&gpt2, Targets::list(["all-linear", "lm_head"])).unwrap(), ["lm_head"]);
    assert_eq!(chosen(&neox, Targets::list(["embed_in", "embed_out"])).unwrap(), ["gpt_neox.embed_in", "lm_head"]);
    // As in PEFT: what has no number is in no block.
    let layers = Targets { layers: vec![0], ..Targets::list(["c_attn", "wte"]) };
    assert!(chosen(&gpt2, layers).unwrap().is_empty());
    assert!(matches!(chosen(&gpt2, Targets::list(["wpe"])), Err(Error::NoTarget { known, .. }) if known.ends_with("wte, lm_head")));
    let adapter = moved(Lora { targets: Targets::list(["all-linear", "lm_head"]), ..Lora::default() }, &gpt2);
    let folder = tempfile::tempdir().unwrap();
    adapter.save(folder.path(), &gpt2).unwrap();
    let config: Value = serde_json::from_slice(&std::fs::read(folder.path().join("adapter_config.json")).unwrap()).unwrap();
    assert_eq!(config["target_modules"], serde_json::json!(["c_attn", "c_proj", "c_fc", "lm_head"]));
}

fn changed(name: &str, change: impl Fn(&mut Value, &mut HashMap<String, Tensor>)) -> lantern::Result<Adapter> {
    let (folder, original) = (tempfile::tempdir().unwrap(), path(name));
    let mut config: Value = serde_json::from_slice(&std::fs::read(original.join("adapter_config.json")).unwrap()).unwrap();
    let mut stored = candle_core::safetensors::load(original.join("adapter_model.safetensors"), &Device::Cpu).unwrap();
    change(&mut config, &mut stored);
    std::fs::write(folder.path().join("adapter_config.json"), config.to_string()).unwrap();
    candle_core::safetensors::save(&stored, folder.path().join("adapter_model.safetensors")).unwrap();
    Adapter::load(folder.path(), &load(name.split('/').next().unwrap()))
}

/// What a file holds beyond matrices is taken, or named in the refusal.
#[test]
fn a_file_with_more_is_taken_or_named() {
    let cause = |read: lantern::Result<Adapter>| match read {
        Err(Error::BadAdapter { cause, .. }) => cause,
        other => panic!("{other:?}"),
    };
    let base = "base_model.model.model.embed_tokens.base_layer.weight";
    assert!(changed("llama-tiny/ends", |_, stored| assert!(stored.contains_key(base))).is_ok());
    let other = changed("llama-tiny/ends", |_, stored| {
        let table = stored[base].affine(-1.0, 0.0).unwrap();
        stored.insert(base.to_owned(), table);
    });
    assert!(cause(other).contains("differ by 200 %"));
    let head = "base_model.model.lm_head.weight";
    let lost = changed("llama-tiny/whole", |_, stored| drop(stored.remove(head).unwrap()));
    assert!(cause(lost).contains("the file has no `lm_head.weight`"));
    let norm = changed("llama-tiny/whole", |config, stored| {
        config["modules_to_save"] = serde_json::json!(["norm"]);
        let tensor = stored.remove(head).unwrap();
        stored.insert("base_model.model.model.norm.weight".to_owned(), tensor);
    });
    assert!(cause(norm).contains("`norm`"));
    for key in ["ensure_weight_tying", "trainable_token_indices"] {
        assert!(cause(changed("llama-tiny/ends", |config, _| config[key] = serde_json::json!([1]))).contains(key));
    }
    // transformers 4 calls the head of a GPT-NeoX `embed_out`.
    let older = changed("gpt_neox-tiny/ends", |config, stored| {
        config["target_modules"] = serde_json::json!(["embed_in", "dense", "embed_out"]);
        config["rank_pattern"] = serde_json::json!({"embed_out|lm_head": 4});
        for part in ["lora_A.weight", "lora_B.weight"] {
            let tensor = stored.remove(&format!("base_model.model.lm_head.{part}")).unwrap();
            stored.insert(format!("base_model.model.embed_out.{part}"), tensor);
        }
    });
    let (model, golden) = (load("gpt_neox-tiny"), tensors("gpt_neox-tiny/ends/golden.safetensors"));
    close("embed_out", &logits(&model, &golden.ids("ids"), Some(older.unwrap().deltas())), golden.get("logits"), 1e-4);
}

#[test]
fn an_end_is_either_whole_or_has_matrices() {
    let model = load("llama-tiny");
    let whole = |name: &str, target: &str| {
        let lora = Lora { targets: Targets::list([target]), whole: vec![name.to_owned()], ..Lora::default() };
        Adapter::new(lora, &model, &Random::seeded(1))
    };
    assert!(matches!(whole("lm_head", "lm_head"), Err(Error::BadValue { option, .. }) if option == "whole"));
    let unknown = |allowed: &str| allowed == "one or both of embed_tokens, lm_head";
    assert!(matches!(whole("norm", "q_proj"), Err(Error::BadValue { allowed, .. }) if unknown(&allowed)));
    let adapter = whole("embed_tokens", "q_proj").unwrap();
    assert_eq!(adapter.parameters(), 120 * 32 + 2 * (8 * 32 + 32 * 8));
}

/// Done wrong in each way that is near at hand, the fixtures notice.
#[test]
fn the_fixtures_reject_their_mutants() {
    for (name, kind) in FOLDERS {
        let golden = tensors(&format!("{name}/{kind}/golden.safetensors"));
        let model = load(name);
        let adapter = Adapter::load(&path(&format!("{name}/{kind}")), &model).unwrap();
        let ids = golden.ids("ids");
        let differs = |what: &str, change: &dyn Fn(&mut Deltas)| {
            let mut deltas = adapter.deltas().clone();
            change(&mut deltas);
            let difference = apart(&logits(&model, &ids, Some(&deltas)), golden.get("logits"));
            assert!(difference > 0.01, "{name}/{kind}: {what} differs by {difference} only");
        };
        for target in targets(&model).filter(Target::is_end).filter(|target| adapter.changes(target.path)) {
            let path = target.path;
            differs(&format!("no {path}"), &|deltas| drop((deltas.layers.remove(path), deltas.whole.remove(path))));
            if adapter.deltas().layers.contains_key(path) {
                differs(&format!("another scale of {path}"), &|deltas| deltas.layers.get_mut(path).unwrap().scale *= 1.2);
            }
            if kind.ends_with("dora") {
                differs(&format!("{path} without magnitudes"), &|deltas| deltas.layers.get_mut(path).unwrap().dora = None);
            }
        }
        // Both ends changed where one is meant: what PEFT's merge makes of a tied model.
        if model.spec.tied {
            let mut shared = model.clone();
            for target in targets(&model).filter(Target::is_end) {
                shared.embed = merged(target.path, &shared.embed, &adapter).unwrap();
            }
            let alone = Deltas { layers: adapter.deltas().layers.clone(), ..Deltas::default() };
            let rest = |path: &String| !targets(&model).any(|target| target.is_end() && target.path == path);
            let inside = alone.layers.into_iter().filter(|(path, _)| rest(path)).collect();
            let deltas = Deltas { layers: inside, ..Deltas::default() };
            assert!(apart(&logits(&shared, &ids, Some(&deltas)), golden.get("merged_logits")) > 0.05, "{name}/{kind}");
        }
    }
}
