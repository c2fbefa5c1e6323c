//! GGUF of every family that is read: weights, what a wrong reading would give, and a folder made of it.

use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{self, Content, Value};
use candle_core::{DType, Device, Tensor};
use lantern::model::{self, Model, Position, Projection, Request};
use lantern::nn::{Rope, Weight};
use lantern::tokenizer::Tokenizer;
use lantern::{Error, Result};

use super::fixture::{apart, close, device, ids_of, json, load, load_as, load_from, logits, path, say, session, tensors, tokenizer};
use super::gguf::as_stored;
use super::gguf_tokens::texts;
use super::greedy::greedy;
use super::training::parameters;

/// Folder without its `-gguf`, and its files; `llama` has a module of its own.
pub const FILES: &[(&str, &[&str])] =
    &[("llama3", &["f32"]), ("qwen2", &["f32", "q8_0"]), ("qwen3", &["f32", "q8_0"]), ("gpt2", &["f32", "q8_0"]), ("mistral", &["q8_0"])];

pub fn file(name: &str, kind: &str) -> String {
    format!("{name}-gguf/{name}-{kind}.gguf")
}

#[test]
fn logits_and_greedy_tokens_equal_transformers() {
    for (name, kinds) in FILES {
        let (golden, notes) = (tensors(&format!("{name}-gguf/golden.safetensors")), json(&format!("{name}-gguf/golden.json")));
        for kind in *kinds {
            let (model, tokenizer) = (load(&file(name, kind)), tokenizer(&file(name, kind)));
            let expected = golden.get(&format!("{kind}.logits"));
            assert_eq!((model.packed(), model.format().as_str()), (*kind != "f32", *kind));
            close(&format!("gguf {name} {kind} logits"), &logits(&model, &golden.ids("ids"), None), expected, 1e-4);
            let widened = load_as(&file(name, kind), Some(DType::F32));
            close(&format!("gguf {name} {kind} widened"), &logits(&widened, &golden.ids("ids"), None), expected, 1e-4);
            for row in notes[*kind]["greedy"].as_array().unwrap() {
                assert_eq!(greedy(&model, &tokenizer, &ids_of(&row["prompt"]), 32), ids_of(&row["new"]), "{name} {kind}");
            }
        }
    }
}

#[test]
fn an_f32_file_holds_the_same_model_as_the_folder() {
    for name in ["llama3", "qwen2", "qwen3"] {
        let (ours, folder) = (load(&file(name, "f32")), load(&format!("{name}-tiny")));
        assert_eq!(parameters(&ours).len(), parameters(&folder).len(), "{name}");
        for (key, tensor) in &parameters(&folder) {
            assert_eq!(apart(&parameters(&ours)[key], tensor), 0.0, "{name} {key}");
        }
        let plain = |model: &Model| (model.spec.eps, model.spec.head_dim, model.spec.tied, model.spec.context, model.family.name);
        assert_eq!(plain(&ours), plain(&folder), "{name}");
    }
}

/// Changes the weights of each layer's projection.
fn with(mut model: Model, change: impl Fn(&mut lantern::model::Attention)) -> Model {
    model.layers.iter_mut().for_each(|layer| change(&mut layer.attention));
    model
}

fn turned(weight: &Weight) -> Weight {
    let Weight::Dense { tensor, layout } = weight else { panic!("dense") };
    Weight::Dense { tensor: tensor.t().unwrap().contiguous().unwrap(), layout: *layout }
}

/// A model as one would get it by reading the file in another family's way.
fn misread(name: &str, kind: &str) -> Vec<(&'static str, Model)> {
    let model = || load_as(&file(name, kind), Some(DType::F32));
    let rows = |model: Model| {
        let (heads, kv_heads) = (model.spec.heads, model.spec.kv_heads);
        with(model, |attention| {
            let Projection::Split { q, k, .. } = &mut attention.projection else { panic!("split") };
            (q.weight, k.weight) = (as_stored(&q.weight, heads), as_stored(&k.weight, kv_heads));
        })
    };
    let unbiased = |attention: &mut lantern::model::Attention| match &mut attention.projection {
        Projection::Split { q, k, v } => [q, k, v].into_iter().for_each(|linear| linear.bias = None),
        Projection::Fused(qkv) => qkv.bias = None,
    };
    match name {
        "llama3" => {
            let mut unscaled = model();
            let Position::Rope { theta, dims, .. } = unscaled.spec.position else { panic!("rope") };
            unscaled.rope = Some(Rope::new(theta, dims, None));
            vec![("without rope_freqs", unscaled), ("with rows as they lie", rows(model()))]
        }
        "mistral" => vec![("with rows as they lie", rows(model()))],
        "qwen2" => vec![("with rows moved as llama's", rows(model())), ("without biases", with(model(), unbiased))],
        "qwen3" => vec![
            ("with rows moved as llama's", rows(model())),
            ("without norms of heads", with(model(), |attention| (attention.q_norm, attention.k_norm) = (None, None))),
        ],
        "gpt2" => {
            let mut nowhere = model();
            nowhere.positions = nowhere.positions.map(|table| table.zeros_like().unwrap());
            let out_turned = with(model(), |attention| attention.out.weight = turned(&attention.out.weight));
            vec![("with the hub's layout", out_turned), ("without biases", with(model(), unbiased)), ("without positions", nowhere)]
        }
        other => panic!("{other} has no misreading"),
    }
}

#[test]
fn a_misread_file_would_be_noticed() {
    for (name, kinds) in FILES {
        let golden = tensors(&format!("{name}-gguf/golden.safetensors"));
        for kind in *kinds {
            for (how, wrong) in misread(name, kind) {
                let difference = apart(&logits(&wrong, &golden.ids("ids"), None), golden.get(&format!("{kind}.logits")));
                say(&format!("gguf {name} {kind} is not read {how}: {difference:.2e}"));
                assert!(difference > 1e-2, "{name} {kind} cannot tell {how}: {difference}");
            }
        }
    }
}

/// A copy of a file with metadata set, or taken away, and tensors replaced.
pub fn changed(name: &str, meta: &[(&str, Option<Value>)], tensors: &[(&str, Tensor)]) -> (tempfile::TempDir, PathBuf) {
    let mut reader = std::fs::File::open(path(name)).unwrap();
    let content = Content::read(&mut reader).unwrap();
    let mut values = content.metadata.clone();
    for (key, value) in meta {
        values.remove(*key);
        values.extend(value.clone().map(|value| ((*key).to_owned(), value)));
    }
    let mut all = std::collections::BTreeMap::new();
    for key in content.tensor_infos.keys() {
        all.insert(key.as_str(), content.tensor(&mut reader, key, &Device::Cpu).unwrap());
    }
    for (key, tensor) in tensors {
        all.insert(key, candle_core::quantized::QTensor::quantize(tensor, candle_core::quantized::GgmlDType::F32).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("changed.gguf");
    let values: Vec<(&str, &Value)> = values.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let all: Vec<_> = all.iter().map(|(key, tensor)| (*key, tensor)).collect();
    gguf_file::write(&mut std::fs::File::create(&place).unwrap(), &values, &all).unwrap();
    (folder, place)
}

fn open(place: &Path) -> Result<Model> {
    model::load(&Request { name: "x".into(), weights: vec![place.to_owned()], config: None, dtype: None, device: device() })
}

#[test]
fn what_is_not_computed_here_is_refused_by_name() {
    let text = |text: &str| Some(Value::String(text.into()));
    let cases = [
        ("llama3", "general.architecture", text("phi3"), "phi3"),
        ("llama3", "general.architecture", None, "general.architecture"),
        ("llama3", "llama.rope.scaling.type", text("yarn"), "`llama.rope.scaling.type` is `yarn`"),
        ("llama3", "llama.expert_count", Some(Value::U32(8)), "`llama.expert_count` is 8"),
        ("qwen2", "split.count", Some(Value::U16(3)), "one of 3 parts"),
        ("llama3", "llama.block_count", None, "`llama.block_count` is missing"),
        ("qwen3", "qwen3.attention.head_count_kv", Some(Value::Array(vec![Value::U32(2); 2])), "`qwen3.attention.head_count_kv`"),
        ("gpt2", "gpt2.context_length", None, "`gpt2.context_length` is missing"),
    ];
    for (name, key, value, said) in cases {
        let (_folder, place) = changed(&file(name, "f32"), &[(key, value)], &[]);
        let error = open(&place).err().unwrap();
        let shown = format!("{error:?}");
        assert!(matches!(error, Error::BadConfig { .. } | Error::UnknownFamily { .. }) && shown.contains(said), "{key}: {shown}");
    }
    let factors = Tensor::new(&[1_f32, 1.5, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0], &Device::Cpu).unwrap();
    let (_folder, place) = changed(&file("llama3", "f32"), &[], &[("rope_freqs.weight", factors)]);
    assert!(
        matches!(open(&place), Err(Error::BadConfig { cause, .. }) if cause.contains("`rope_freqs.weight`") && cause.contains("config.json"))
    );
    let same = [("llama.rope.scaling.type", text("none")), ("llama.expert_count", Some(Value::U32(0)))];
    assert!(open(&changed(&file("llama3", "f32"), &same, &[]).1).is_ok());
}

#[test]
fn saved_as_a_folder_it_is_the_same_model_and_tokenizer() {
    for (name, kinds) in FILES {
        let golden = tensors(&format!("{name}-gguf/golden.safetensors"));
        for kind in *kinds {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("model");
            session(&path(&file(name, kind))).save(&place, false).unwrap();
            let again = load_from(&place, "again", None);
            close(
                &format!("gguf {name} {kind} saved"),
                &logits(&again, &golden.ids("ids"), None),
                golden.get(&format!("{kind}.logits")),
                1e-4,
            );
            let tokenizer = Tokenizer::from_folder(&place).unwrap();
            for (text, ids) in texts(name) {
                assert_eq!(tokenizer.encode(&text).unwrap(), ids, "{name}: {text:?}");
            }
            assert_eq!((tokenizer.eos(), tokenizer.template().is_some()), ([2].as_slice(), true));
        }
    }
}

/// GPT-2's matrices lie the other way round in a folder; an adapter does not notice.
#[test]
fn an_adapter_on_gpt2_from_gguf_is_the_one_on_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("model");
    let mut from_file = session(&path(&file("gpt2", "f32")));
    from_file.save(&place, false).unwrap();
    let mut from_folder = session(&place);
    let ids = tensors("gpt2-gguf/golden.safetensors").ids("ids");
    let plain = logits(&from_folder.base().unwrap().model, &ids, None);
    let mut all = Vec::new();
    for (n, session) in [&mut from_file, &mut from_folder].into_iter().enumerate() {
        session.load_adapter(&path("gpt2-tiny/lora")).unwrap();
        let base = &session.base().unwrap().model;
        all.push(logits(base, &ids, session.adapter().map(|adapter| adapter.deltas())).detach());
        let merged = folder.path().join(format!("merged-{n}"));
        session.save(&merged, true).unwrap();
        all.push(logits(&load_from(&merged, "merged", None), &ids, None));
    }
    for other in &all[1..] {
        close("gguf gpt2 with an adapter, merged, from a folder", other, &all[0], 1e-4);
    }
    assert!(apart(&all[0], &plain) > 0.5);
}
