//! Saved and loaded again: the same bits. With `LANTERN_PARITY=FOLDER`, what `reference/parity.sh` gives to transformers.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;

use super::fixture::{ADAPTED, MODELS, apart, load, load_from, logits, path, session, tensors, tokenizer};
use super::{gguf_families, prompts};

#[test]
fn a_saved_model_loads_to_the_same_bits() {
    for name in MODELS {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("model");
        session(&path(name)).save(&place, false).unwrap();
        let again = session(&place);
        let ids = tensors(&format!("{name}/golden.safetensors")).ids("ids");
        let (first, second) = (logits(&load(name), &ids, None), logits(&again.base().unwrap().model, &ids, None));
        assert_eq!(apart(&first, &second), 0.0, "{name}");
        let stored = |file: &Path| candle_core::safetensors::load(file, &candle_core::Device::Cpu).unwrap();
        let (theirs, ours) = (stored(&path(name).join("model.safetensors")), stored(&place.join("model.safetensors")));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (key, tensor) in &theirs {
            assert_eq!(apart(&ours[key], tensor), 0.0, "{name}: {key}");
        }
        let text = "Hello, 12 tokens? (no)";
        let (first, second) = (tokenizer(name).encode(text).unwrap(), again.base().unwrap().tokenizer.encode(text).unwrap());
        assert_eq!(first, second, "{name}");
    }
}

/// Writes model, adapter and merged model with our logits beside each; `reference/saved.py` loads them with transformers and PEFT.
#[test]
fn what_parity_sh_compares() {
    let Some(out) = std::env::var_os("LANTERN_PARITY") else { return };
    for name in ADAPTED {
        let place = Path::new(&out).join(name);
        std::fs::create_dir_all(&place).unwrap();
        let ids = tensors(&format!("{name}/golden.safetensors")).ids("ids");
        let mut session = session(&path(name));
        session.save(&place.join("model"), false).unwrap();
        session.load_adapter(&path(&format!("{name}/lora"))).unwrap();
        session.save(&place.join("adapter"), false).unwrap();
        session.save(&place.join("merged"), true).unwrap();
        let model = load(name);
        let adapted = logits(&model, &ids, session.adapter().map(|adapter| adapter.deltas()));
        let merged = logits(&load_from(&place.join("merged"), name, None), &ids, None);
        let mut all: HashMap<String, Tensor> = [
            ("ids", ids.to_dtype(candle_core::DType::I64).unwrap()),
            ("model", logits(&model, &ids, None)),
            ("adapter", adapted.detach()),
            ("merged", merged),
        ]
        .map(|(key, tensor)| (key.to_owned(), tensor))
        .into();
        for kind in ["rslora", "dora", "patterns"] {
            session.load_adapter(&path(&format!("{name}/{kind}"))).unwrap();
            session.save(&place.join(kind), false).unwrap();
            let adapted = logits(&model, &ids, session.adapter().map(|adapter| adapter.deltas()));
            all.insert(format!("adapter.{kind}"), adapted.detach());
        }
        candle_core::safetensors::save(&all, place.join("logits.safetensors")).unwrap();
    }
    for (name, kinds) in prompts::CASES {
        for kind in *kinds {
            let place = Path::new(&out).join(format!("{name}+{kind}"));
            std::fs::create_dir_all(&place).unwrap();
            let mut session = session(&path(name));
            session.save(&place.join("model"), false).unwrap();
            // The one with its encoder, not the one that PEFT saved.
            session.set_adapter(Some(prompts::started(name, kind)));
            session.save(&place.join("adapter"), false).unwrap();
            let (model, ids) = (load(name), tensors(&format!("{name}/golden.safetensors")).ids("ids"));
            let adapted = logits(&model, &ids, session.adapter().map(|adapter| adapter.deltas())).detach();
            let wide = ids.to_dtype(candle_core::DType::I64).unwrap();
            let all = HashMap::from([("ids", wide), ("model", logits(&model, &ids, None)), ("adapter", adapted)]);
            candle_core::safetensors::save(&all, place.join("logits.safetensors")).unwrap();
        }
    }
    for (name, kinds) in gguf_families::FILES.iter().chain(&[("llama", ["f32", "q8_0", "q4_1"].as_slice())]) {
        for kind in *kinds {
            let file = gguf_families::file(name, kind);
            let place = Path::new(&out).join(format!("{name}-gguf-{kind}"));
            session(&path(&file)).save(&place.join("model"), false).unwrap();
            let ids = tensors(&format!("{name}-gguf/golden.safetensors")).ids("ids");
            let all = HashMap::from([("ids", ids.to_dtype(candle_core::DType::I64).unwrap()), ("model", logits(&load(&file), &ids, None))]);
            candle_core::safetensors::save(&all, place.join("logits.safetensors")).unwrap();
        }
    }
}
