//! LoRA: PEFT's folder read, its numbers reached, and written again as PEFT writes it.

use std::collections::BTreeSet;
use std::path::Path;

use candle_core::Tensor;
use lantern::adapter::{Adapter, merged, targets};
use lantern::model::Model;
use lantern::nn::{LowRank, Magnitude, row_norms};
use lantern::session::Session;
use lantern::train;
use serde_json::Value;

use super::fixture::{
    ADAPTED, MODELS, apart, close, in_order, json, largest, load, load_from, logits, path, session, tensors, whole_batch, within,
};
use super::training::{recipe, run};

const PREFIX: &str = "base_model.model.";

/// The folders of PEFT's adapters: `MODEL/KIND`.
fn folders() -> impl Iterator<Item = (&'static str, String)> {
    let kinds = |name: &'static str| {
        let kinds = std::fs::read_dir(path(name)).unwrap().map(|entry| entry.unwrap());
        let mut kinds: Vec<_> = kinds.filter(|kind| kind.path().join("adapter_config.json").is_file()).collect();
        kinds.sort_by_key(std::fs::DirEntry::file_name);
        kinds.into_iter().map(move |kind| (name, format!("{name}/{}", kind.file_name().to_str().unwrap())))
    };
    MODELS.iter().flat_map(move |name| kinds(name))
}

fn is_lora(folder: &str) -> bool {
    config(&path(folder))["peft_type"] == "LORA"
}

fn adapted(name: &str, folder: &str) -> (Model, Adapter) {
    let model = load(name);
    let adapter = Adapter::load(&path(folder), &model).unwrap();
    (model, adapter)
}

/// A session with the model and PEFT's adapter on it.
fn adapted_session(name: &str, folder: &str) -> Session {
    let mut session = session(&path(name));
    let loaded = session.load_adapter(&path(folder)).unwrap();
    assert!(loaded.adapter);
    session
}

#[test]
fn logits_loss_and_gradients_equal_pefts() {
    let mut kinds = BTreeSet::new();
    for (name, folder) in folders().filter(|(_, folder)| is_lora(folder)) {
        let golden = tensors(&format!("{folder}/golden.safetensors"));
        let (model, adapter) = adapted(name, &folder);
        kinds.insert(adapter.title().split(' ').next().unwrap().to_owned());
        let (ids, deltas) = (golden.ids("ids"), adapter.deltas());
        close(&format!("{folder} logits"), &logits(&model, &ids, Some(deltas)), golden.get("logits"), 1e-4);
        close(&format!("{folder} logits, nothing learned"), &logits(&model, &ids, Some(&deltas.detached())), golden.get("logits"), 1e-4);
        close(&format!("{folder} off"), &logits(&model, &ids, None), golden.get("base_logits"), 1e-4);
        let batch = whole_batch(golden.get("ids"), golden.get("labels"));
        let vars = adapter.vars().to_vec();
        let (loss, gradients) = train::gradients(&model, Some(deltas), &[batch], &vars, train::Aim::default(), &mut || 0).unwrap();
        let expected = f64::from(golden.get("loss").to_scalar::<f32>().unwrap());
        within(&format!("{folder} loss"), (loss.mean() - expected).abs(), 1e-5);
        let mut most = 0.0_f64;
        for ((key, _), gradient) in vars.iter().zip(&gradients.0) {
            let theirs = golden.get(&format!("grad.{PREFIX}{key}"));
            most = most.max(apart(gradient.as_ref().unwrap(), theirs) / largest(theirs));
        }
        assert_eq!(vars.len(), golden.under("grad.").len(), "{folder}");
        within(&format!("{folder} gradients, relative"), most, 1e-3);
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["dora", "lora", "rslora", "rslora+dora"]);
}

#[test]
fn five_adamw_steps_equal_pefts() {
    let mut taken = 0;
    for (name, folder) in folders().filter(|(_, folder)| is_lora(folder)) {
        let (notes, golden) = (json(&format!("{folder}/golden.json")), tensors(&format!("{folder}/golden.safetensors")));
        if notes["training"].is_null() {
            continue;
        }
        let mut session = adapted_session(name, &folder);
        let examples = super::fixture::examples(golden.get("training.ids"), golden.get("training.labels"));
        let before = super::training::parameters(&session.base().unwrap().model);
        run(&folder, &mut session, in_order(examples, 7), recipe(&notes["settings"], 1), &notes["training"]);
        let mut most = 0.0_f64;
        for (key, var) in session.adapter().unwrap().vars() {
            most = most.max(apart(var, golden.get(&format!("training.final.{PREFIX}{key}"))));
        }
        within(&format!("{folder}: what is trained, after 5 steps"), most, 1e-4);
        for (key, after) in super::training::parameters(&session.base().unwrap().model) {
            assert_eq!(apart(&before[&key], &after), 0.0, "{key} is frozen");
        }
        taken += 1;
    }
    assert_eq!(taken, 12, "three kinds on two models, six on their ends");
}

fn config(folder: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("adapter_config.json")).unwrap()).unwrap()
}

fn saved_tensors(folder: &Path) -> Vec<(String, Tensor)> {
    let file = folder.join("adapter_model.safetensors");
    let all = candle_core::safetensors::load(file, &candle_core::Device::Cpu).unwrap().into_iter();
    // PEFT writes frozen tables too.
    let mut all: Vec<_> = all.filter(|(key, _)| !key.ends_with(".base_layer.weight")).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[test]
fn a_saved_adapter_is_pefts_file() {
    for (name, source) in folders().filter(|(_, folder)| is_lora(folder)) {
        let (folder, original) = (tempfile::tempdir().unwrap(), path(&source));
        let place = folder.path().join("adapter");
        let files = adapted_session(name, &source).save(&place, false).unwrap().files;
        assert_eq!(files.len(), 2);
        let (ours, theirs) = (saved_tensors(&place), saved_tensors(&original));
        assert_eq!(ours.len(), theirs.len());
        for ((our_key, ours), (their_key, theirs)) in ours.iter().zip(&theirs) {
            assert_eq!((our_key, ours.dims(), ours.dtype()), (their_key, theirs.dims(), theirs.dtype()));
            assert_eq!(apart(ours, theirs), 0.0, "{our_key}");
        }
        let (ours, theirs) = (config(&place), config(&original));
        for (key, value) in ours.as_object().unwrap() {
            assert_eq!(value, &theirs[key], "{source}: {key}");
        }
        for needed in ["peft_type", "task_type", "base_model_name_or_path", "r", "lora_alpha", "target_modules", "fan_in_fan_out", "bias"] {
            assert!(!ours[needed].is_null(), "{needed}");
        }
        let model = load(name);
        let again = Adapter::load(&place, &model).unwrap();
        let ids = tensors(&format!("{name}/golden.safetensors")).ids("ids");
        let first = logits(&model, &ids, Some(Adapter::load(&original, &model).unwrap().deltas()));
        assert_eq!(apart(&logits(&model, &ids, Some(again.deltas())), &first), 0.0);
    }
}

#[test]
fn merged_equals_pefts_merge_and_the_unmerged() {
    for (name, source) in folders().filter(|(_, folder)| is_lora(folder)) {
        let golden = tensors(&format!("{source}/golden.safetensors"));
        let (model, adapter) = adapted(name, &source);
        for (key, theirs) in golden.under("merged.").into_iter() {
            let Some(module) = key.strip_suffix(".weight") else { continue };
            let target = targets(&model).find(|target| target.path == module).unwrap();
            let lantern::nn::Weight::Dense { tensor, .. } = merged(module, target.weight, &adapter).unwrap() else { panic!("packed") };
            close(&format!("{source} merged {module}"), &tensor, theirs, 1e-6);
        }
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("merged");
        adapted_session(name, &source).save(&place, true).unwrap();
        let whole = load_from(&place, "merged", None);
        let ids = golden.ids("ids");
        let ours = logits(&whole, &ids, None);
        close(&format!("{source} merged logits"), &ours, golden.get("merged_logits"), 1e-4);
        let unmerged = logits(&model, &ids, Some(adapter.deltas()));
        within(&format!("{source} merged and unmerged, relative"), apart(&ours, &unmerged) / largest(&unmerged), 1e-5);
        assert!(apart(&ours, &logits(&model, &ids, None)) > 0.5, "the adapter does something");
    }
}

/// DoRA with dropout: the magnitude changes what the layer makes of the input that dropout left; the layer's own output keeps all of it.
#[test]
fn dora_drops_as_peft_does() {
    let (model, adapter) = adapted("llama-tiny", "llama-tiny/dora");
    let linear = model.linears().find(|linear| linear.path.ends_with("0.self_attn.q_proj")).unwrap();
    let low = LowRank { dropout: 0.4, ..adapter.deltas().layers[&linear.path].clone() };
    let (inn, _) = linear.weight.dims();
    let ones = Tensor::ones((3, inn), candle_core::DType::F32, &model.device).unwrap();
    // B of zeros and magnitudes of twice the norms: base(x) + base(dropped x). What comes back for x = 1 tells what was dropped.
    let b = low.b.zeros_like().unwrap();
    let norms = row_norms(&linear.weight, &low.a, &b, low.scale).unwrap();
    let double = LowRank { b, dora: Some(Magnitude::new((norms * 2.0).unwrap())), ..low.clone() };
    let plain = |x: &Tensor| linear.weight.apply(x, linear.bias.as_ref()).unwrap();
    let twice = (double.forward(linear, &ones, Some(5)).unwrap() - plain(&ones)).unwrap();
    assert!(apart(&twice, &plain(&ones)) > 0.1, "something is dropped");
    let single = LowRank { dora: None, ..low.clone() };
    // The same seed drops the same numbers from LoRA's input: A of the identity would show them; here both must follow one mask.
    let with = |low: &LowRank, seed| low.forward(linear, &ones, seed).unwrap();
    let (rest, low_part) = (twice, (with(&single, Some(5)) - plain(&ones)).unwrap());
    let gain = (&low.dora.as_ref().unwrap().m / row_norms(&linear.weight, &low.a, &low.b, low.scale).unwrap()).unwrap();
    let expected = plain(&ones) + ((&rest + &low_part).unwrap().broadcast_mul(&gain).unwrap() - &rest).unwrap();
    close("dora with dropout", &with(&low, Some(5)), &expected.unwrap(), 1e-5);
    assert_eq!(apart(&with(&low, Some(5)), &with(&low, Some(5))), 0.0, "a seed replays its mask");
}

/// What PEFT would compute in another way is refused, not read as plain LoRA.
#[test]
fn variants_that_are_not_known_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let original = path("gpt2-tiny/lora");
    std::fs::copy(original.join("adapter_model.safetensors"), folder.path().join("adapter_model.safetensors")).unwrap();
    let changes: &[(&str, Value)] = &[
        ("peft_type", "IA3".into()),
        ("lora_bias", true.into()),
        ("use_qalora", true.into()),
        ("alora_invocation_tokens", serde_json::json!([1])),
        ("init_lora_weights", "pissa_niter_4".into()),
        ("use_dora", true.into()),
        ("r", 4.into()),
        ("rank_pattern", serde_json::json!({"c_attn": 2})),
        ("target_modules", Value::Null),
    ];
    for (key, value) in changes {
        let mut changed = config(&original);
        changed[*key] = value.clone();
        std::fs::write(folder.path().join("adapter_config.json"), changed.to_string()).unwrap();
        let read = Adapter::load(folder.path(), &load("gpt2-tiny"));
        // Targets are not needed to read: the tensors have their paths.
        assert_eq!(read.is_err(), *key != "target_modules", "{key}: {read:?}");
    }
}

/// Done wrong in each way that is near at hand, the fixtures notice.
#[test]
fn the_fixtures_reject_their_mutants() {
    for name in ADAPTED {
        for kind in ["rslora", "dora"] {
            let golden = tensors(&format!("{name}/{kind}/golden.safetensors"));
            let (model, adapter) = adapted(name, &format!("{name}/{kind}"));
            let ids = golden.ids("ids");
            let differs = |what: &str, change: &dyn Fn(&mut LowRank)| {
                let mut deltas = adapter.deltas().clone();
                deltas.layers.values_mut().for_each(change);
                let difference = apart(&logits(&model, &ids, Some(&deltas)), golden.get("logits"));
                assert!(difference > 0.01, "{name}/{kind}: {what} differs by {difference} only");
            };
            if kind == "rslora" {
                differs("alpha / r", &|low| low.scale = 5.0 / 3.0);
            } else {
                differs("no magnitude", &|low| low.dora = None);
                differs("the magnitude of the base", &|low| {
                    let m = low.dora.as_ref().unwrap().m.mean_all().unwrap().broadcast_as(low.dora.as_ref().unwrap().m.shape()).unwrap();
                    low.dora = Some(Magnitude::new(m));
                });
                differs("no scale", &|low| low.scale = 1.0);
            }
        }
    }
}
