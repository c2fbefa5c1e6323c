//! Saved and loaded again: the same bits. With `LANTERN_PARITY=FOLDER`, what `reference/parity.sh` gives to transformers.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use lantern::Error;
use lantern::session::{Format, MAX_SHARD, Session};

use super::fixture::{ADAPTED, MODELS, apart, device, empty_session, load, load_from, logits, open, path, session, tensors, tokenizer};
use super::quantised::wider;
use super::{ends, gguf_families, prompts};

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

/// Formats that the hub knows, with what `%quant` takes for them.
const CODED: &[(&str, &str, Option<usize>, bool)] =
    &[("nf4", "nf4", None, false), ("nf4-dq", "nf4", Some(128), true), ("int8", "int8", None, false)];

fn coded(name: &str, (_, format, block, double): &(&str, &str, Option<usize>, bool)) -> Session {
    let mut session = session(&path(name));
    let format = Format::parse(format).unwrap().with_scales(*block, *double).unwrap();
    session.quantise(format, &mut |_, _| {}).unwrap();
    session
}

#[test]
fn packed_weights_are_saved_packed_and_load_to_the_same_bits() {
    for name in ADAPTED {
        for kind in CODED {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("model");
            let mut first = coded(name, kind);
            let saved = first.save(&place, false).unwrap();
            assert_eq!(saved.widened, None);
            let second = session(&place);
            let (first, second) = (&first.base().unwrap().model, &second.base().unwrap().model);
            assert_eq!(first.format(), second.format(), "{name} {kind:?}");
            let ids = tensors(&format!("{name}/golden.safetensors")).ids("ids");
            assert_eq!(apart(&logits(first, &ids, None), &logits(second, &ids, None)), 0.0, "{name} {kind:?}");
        }
    }
}

#[test]
fn what_is_wrong_in_a_packed_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("model");
    coded("llama-tiny", &CODED[0]).save(&place, false).unwrap();
    let path = place.join("config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"bitsandbytes\"", "\"gptq\"")).unwrap();
    let error = open(&mut empty_session(), place.to_str().unwrap(), None).unwrap_err();
    assert!(matches!(&error, Error::BadConfig { cause, .. } if cause.contains("`gptq`")), "{error:?}");
    std::fs::write(&path, text).unwrap();
    let path = place.join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(15).position(|window| window == b"\"blocksize\": 64").unwrap();
    let mut wrong = bytes.clone();
    wrong[at + 13..at + 15].copy_from_slice(b"63");
    std::fs::write(&path, wrong).unwrap();
    let error = open(&mut empty_session(), place.to_str().unwrap(), None).unwrap_err();
    assert!(matches!(&error, Error::BadWeights { cause, .. } if cause.contains("blocksize` is 63")), "{error:?}");
}

#[test]
fn shards_have_an_index_and_load_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("model");
    let mut first = session(&path("llama-tiny"));
    let saved = first.save_in_shards(&place, false, 20_000).unwrap();
    let shards: Vec<&Path> =
        saved.files.iter().map(|file| file.as_path()).filter(|file| file.extension().unwrap() == "safetensors").collect();
    assert!(shards.len() > 2, "{shards:?}");
    let index: serde_json::Value = serde_json::from_slice(&std::fs::read(place.join("model.safetensors.index.json")).unwrap()).unwrap();
    let mut total = 0;
    for shard in &shards {
        let tensors = candle_core::safetensors::load(shard, &candle_core::Device::Cpu).unwrap();
        let bytes: usize = tensors.values().map(|tensor| tensor.elem_count() * 4).sum();
        assert!(bytes <= 20_000 || tensors.len() == 1, "{shard:?}: {bytes}");
        assert!(tensors.keys().all(|key| index["weight_map"][key] == shard.file_name().unwrap().to_str().unwrap()));
        total += bytes;
    }
    assert_eq!(index["metadata"]["total_size"], total);
    assert_eq!(index["metadata"]["total_parameters"], total / 4);
    let ids = tensors("llama-tiny/golden.safetensors").ids("ids");
    let second = session(&place);
    assert_eq!(apart(&logits(&first.base().unwrap().model, &ids, None), &logits(&second.base().unwrap().model, &ids, None)), 0.0);
    // Fewer files in their place leave none of the old ones.
    first.save(&place, false).unwrap();
    assert!(!place.join("model.safetensors.index.json").exists());
    assert_eq!(session(&place).base().unwrap().model.bytes(), first.base().unwrap().model.bytes());
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
    let ids = Tensor::from_vec((0..24_u32).map(|i| i * 11 % 257).collect::<Vec<_>>(), (2, 12), &device()).unwrap();
    let parity = |kind: &str, session: &mut Session, limit: u64| {
        let place = Path::new(&out).join(format!("wider-{kind}"));
        session.save_in_shards(&place.join("model"), false, limit).unwrap();
        let model = logits(&session.base().unwrap().model, &ids, None);
        let all = HashMap::from([("ids", ids.to_dtype(candle_core::DType::I64).unwrap()), ("model", model)]);
        candle_core::safetensors::save(&all, place.join("logits.safetensors")).unwrap();
    };
    // Rows that are whole blocks of 64: bitsandbytes reads others wrongly on some machines.
    for (kind, format, block, double) in CODED {
        let mut session = wider();
        session.quantise(Format::parse(format).unwrap().with_scales(*block, *double).unwrap(), &mut |_, _| {}).unwrap();
        parity(kind, &mut session, MAX_SHARD);
    }
    parity("shards", &mut wider(), 500_000);
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
    for (name, kind) in ends::FOLDERS {
        let place = Path::new(&out).join(format!("{name}+{kind}"));
        std::fs::create_dir_all(&place).unwrap();
        let mut session = session(&path(name));
        session.save(&place.join("model"), false).unwrap();
        session.load_adapter(&path(&format!("{name}/{kind}"))).unwrap();
        session.save(&place.join("adapter"), false).unwrap();
        session.save(&place.join("merged"), true).unwrap();
        let (model, ids) = (load(name), tensors(&format!("{name}/golden.safetensors")).ids("ids"));
        let adapted = logits(&model, &ids, session.adapter().map(|adapter| adapter.deltas())).detach();
        let merged = logits(&load_from(&place.join("merged"), name, None), &ids, None);
        let wide = ids.to_dtype(candle_core::DType::I64).unwrap();
        let all = [("ids", wide), ("model", logits(&model, &ids, None)), ("adapter", adapted), ("merged", merged)];
        candle_core::safetensors::save(&HashMap::from(all), place.join("logits.safetensors")).unwrap();
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
