//! LoRA: PEFT's folder read, its numbers reached, and written again as PEFT writes it.

use std::path::Path;

use candle_core::Tensor;
use lantern::Error;
use lantern::adapter::{Adapter, merged};
use lantern::model::Model;
use lantern::session::Session;
use lantern::train;
use serde_json::Value;

use super::fixture::{
    ADAPTED, apart, close, in_order, json, largest, load, load_from, logits, path, session, tensors, whole_batch, within,
};
use super::training::{recipe, run};

const PREFIX: &str = "base_model.model.";

fn adapted(name: &str) -> (Model, Adapter) {
    let model = load(name);
    let adapter = Adapter::load(&path(&format!("{name}/lora")), &model).unwrap();
    (model, adapter)
}

/// A session with the model and PEFT's adapter on it.
fn adapted_session(name: &str) -> Session {
    let mut session = session(&path(name));
    let loaded = session.load_adapter(&path(&format!("{name}/lora"))).unwrap();
    assert!(loaded.adapter);
    session
}

#[test]
fn logits_loss_and_gradients_equal_pefts() {
    for name in ADAPTED {
        let golden = tensors(&format!("{name}/lora/golden.safetensors"));
        let (model, adapter) = adapted(name);
        let (ids, deltas) = (golden.ids("ids"), adapter.deltas());
        close(&format!("{name} lora logits"), &logits(&model, &ids, Some(deltas)), golden.get("logits"), 1e-4);
        close(&format!("{name} lora off"), &logits(&model, &ids, None), golden.get("base_logits"), 1e-4);
        let batch = whole_batch(golden.get("ids"), golden.get("labels"));
        let vars = adapter.vars().to_vec();
        let (loss, gradients) = train::gradients(&model, Some(deltas), &[batch], &vars, train::Aim::default(), &mut || 0).unwrap();
        let expected = f64::from(golden.get("loss").to_scalar::<f32>().unwrap());
        within(&format!("{name} lora loss"), (loss.mean() - expected).abs(), 1e-5);
        let mut most = 0.0_f64;
        for ((key, _), gradient) in vars.iter().zip(&gradients.0) {
            let theirs = golden.get(&format!("grad.{PREFIX}{key}"));
            most = most.max(apart(gradient.as_ref().unwrap(), theirs) / largest(theirs));
        }
        assert_eq!(vars.len(), golden.under("grad.").len());
        within(&format!("{name} lora gradients, relative"), most, 1e-3);
    }
}

#[test]
fn five_adamw_steps_equal_pefts() {
    for name in ADAPTED {
        let (notes, golden) = (json(&format!("{name}/lora/golden.json")), tensors(&format!("{name}/lora/golden.safetensors")));
        let mut session = adapted_session(name);
        let examples = super::fixture::examples(golden.get("training.ids"), golden.get("training.labels"));
        let before = super::training::parameters(&session.base().unwrap().model);
        run(&format!("{name} lora"), &mut session, in_order(examples, 7), recipe(&notes["settings"], 1), &notes["training"]);
        let mut most = 0.0_f64;
        for (key, var) in session.adapter().unwrap().vars() {
            most = most.max(apart(var, golden.get(&format!("training.final.{PREFIX}{key}"))));
        }
        within(&format!("{name} lora: A and B after 5 steps"), most, 1e-4);
        for (key, after) in super::training::parameters(&session.base().unwrap().model) {
            assert_eq!(apart(&before[&key], &after), 0.0, "{key} is frozen");
        }
    }
}

fn config(folder: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("adapter_config.json")).unwrap()).unwrap()
}

fn saved_tensors(folder: &Path) -> Vec<(String, Tensor)> {
    let file = folder.join("adapter_model.safetensors");
    let mut all: Vec<_> = candle_core::safetensors::load(file, &candle_core::Device::Cpu).unwrap().into_iter().collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[test]
fn a_saved_adapter_is_pefts_file() {
    for name in ADAPTED {
        let (folder, original) = (tempfile::tempdir().unwrap(), path(&format!("{name}/lora")));
        let place = folder.path().join("adapter");
        let files = adapted_session(name).save(&place, false).unwrap().files;
        assert_eq!(files.len(), 2);
        let (ours, theirs) = (saved_tensors(&place), saved_tensors(&original));
        assert_eq!(ours.len(), theirs.len());
        for ((our_key, ours), (their_key, theirs)) in ours.iter().zip(&theirs) {
            assert_eq!((our_key, ours.dims(), ours.dtype()), (their_key, theirs.dims(), theirs.dtype()));
            assert_eq!(apart(ours, theirs), 0.0, "{our_key}");
        }
        let (ours, theirs) = (config(&place), config(&original));
        for (key, value) in ours.as_object().unwrap() {
            assert_eq!(value, &theirs[key], "{name}: {key}");
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
    for name in ADAPTED {
        let golden = tensors(&format!("{name}/lora/golden.safetensors"));
        let (model, adapter) = adapted(name);
        for (key, theirs) in golden.under("merged.").into_iter() {
            let Some(module) = key.strip_suffix(".weight") else { continue };
            let linear = model.linears().find(|linear| linear.path == module).unwrap();
            let lantern::nn::Weight::Dense { tensor, .. } = merged(module, &linear.weight, &adapter).unwrap() else { panic!("packed") };
            close(&format!("{name} merged {module}"), &tensor, theirs, 1e-6);
        }
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("merged");
        adapted_session(name).save(&place, true).unwrap();
        let whole = load_from(&place, "merged", None);
        let ids = golden.ids("ids");
        let ours = logits(&whole, &ids, None);
        close(&format!("{name} merged logits"), &ours, golden.get("merged_logits"), 1e-4);
        let unmerged = logits(&model, &ids, Some(adapter.deltas()));
        within(&format!("{name} merged and unmerged, relative"), apart(&ours, &unmerged) / largest(&unmerged), 1e-5);
        assert!(apart(&ours, &logits(&model, &ids, None)) > 0.5, "the adapter does something");
    }
}

/// What cannot be read yet is refused, not read as plain LoRA.
#[test]
fn other_kinds_of_adapter_are_refused() {
    for name in ADAPTED {
        for kind in ["rslora", "dora"] {
            let refused = Adapter::load(&path(&format!("{name}/{kind}")), &load(name));
            assert!(matches!(refused, Err(Error::BadAdapter { .. })), "{kind}: {refused:?}");
        }
    }
}
