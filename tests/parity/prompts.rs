//! P-Tuning, prompt tuning and prefix tuning: PEFT's numbers, and its folder read and written.

use std::collections::BTreeMap;

use candle_core::{IndexOp, Tensor, Var};
use lantern::Error;
use lantern::adapter::{Adapter, Kind, Method, Prompt, Start};
use lantern::generate::{Generation, Options};
use lantern::model::Model;
use lantern::nn::{Net, Place};
use lantern::random::Random;
use lantern::session::Session;
use lantern::train;
use serde_json::Value;

use super::fixture::{
    Tensors, apart, close, device, ids_of, in_order, json, largest, load, load_as, logits, path, session, tensors, tokenizer, whole_batch,
    within,
};
use super::training::{parameters, recipe, run};

/// As `reference/prompts.py` has them.
pub const CASES: &[(&str, &[&str])] = &[
    ("gpt2-tiny", &["p-tuning-mlp", "p-tuning-lstm", "prompt", "prefix", "prefix-projection"]),
    ("llama-tiny", &["p-tuning-mlp", "prefix", "prefix-projection"]),
    ("qwen2-tiny", &["p-tuning-lstm", "prompt", "prefix-projection"]),
];

pub fn cases() -> impl Iterator<Item = (&'static str, &'static str, Tensors)> {
    let each = |(name, kinds): &(&'static str, &'static [&'static str])| {
        let name = *name;
        kinds.iter().map(move |kind| (name, *kind, tensors(&format!("{name}/{kind}/golden.safetensors"))))
    };
    CASES.iter().flat_map(each)
}

pub fn made(kind: &str, model: &Model) -> Prompt {
    let (kind, net, hidden) = match kind {
        "p-tuning-mlp" => (Kind::PTuning, Net::Mlp, 7),
        "p-tuning-lstm" => (Kind::PTuning, Net::Lstm { layers: 2, dropout: 0.0 }, 5),
        "prompt" => (Kind::Prompt, Net::Bare, model.spec.hidden),
        "prefix" => (Kind::Prefix, Net::Bare, model.spec.kv_width()),
        _ => (Kind::Prefix, Net::Projection, 6),
    };
    Prompt { kind, tokens: 3, net, hidden, start: Start::Random }
}

pub fn parts(golden: &Tensors) -> BTreeMap<String, Tensor> {
    golden.under("start.prompt_encoder.").into_iter().map(|(key, tensor)| (key.to_owned(), tensor.clone())).collect()
}

/// The adapter with PEFT's encoder, as it was before the first step.
fn adapter(kind: &str, golden: &Tensors, model: &Model) -> Adapter {
    Adapter::of_parts(made(kind, model), model, parts(golden)).unwrap()
}

/// The adapter of a case before the first step.
pub fn started(name: &str, kind: &str) -> Adapter {
    adapter(kind, &tensors(&format!("{name}/{kind}/golden.safetensors")), &load(name))
}

/// The columns of the positions that the fixture keeps.
pub fn kept(logits: &Tensor) -> Tensor {
    let positions = Tensor::new(&[0_u32, 5, 9], logits.device()).unwrap();
    logits.index_select(&positions, 1).unwrap()
}

#[test]
fn logits_loss_and_gradients_equal_pefts() {
    for (name, kind, golden) in cases() {
        let (what, model) = (format!("{name} {kind}"), load(name));
        let adapter = adapter(kind, &golden, &model);
        let deltas = adapter.deltas();
        let ours = logits(&model, &golden.ids("ids"), Some(deltas));
        close(&format!("{what} logits"), &kept(&ours), golden.get("logits"), 1e-4);
        let batch = whole_batch(golden.get("ids"), golden.get("labels"));
        let vars = adapter.vars().to_vec();
        let (loss, gradients) = train::gradients(&model, Some(deltas), &[batch], &vars, train::Aim::default(), &mut || 0).unwrap();
        let expected = f64::from(golden.get("loss").to_scalar::<f32>().unwrap());
        within(&format!("{what} loss"), (loss.mean() - expected).abs(), 1e-5);
        let mut most = (0.0, "");
        for ((key, _), gradient) in vars.iter().zip(&gradients.0) {
            let theirs = golden.get(&format!("grad.{key}"));
            let relative = apart(gradient.as_ref().unwrap(), theirs) / largest(theirs);
            if relative > most.0 {
                most = (relative, key);
            }
        }
        assert_eq!(vars.len(), golden.under("grad.").len(), "{what}: the names are PEFT's");
        within(&format!("{what} gradients, relative, worst {}", most.1), most.0, 1e-3);
    }
}

fn trained_session(name: &str, kind: &str, golden: &Tensors) -> Session {
    let mut session = session(&path(name));
    let model = load(name);
    session.set_adapter(Some(adapter(kind, golden, &model)));
    session
}

#[test]
fn five_adamw_steps_equal_pefts() {
    for (name, kind, golden) in cases() {
        let (what, notes) = (format!("{name} {kind}"), json(&format!("{name}/{kind}/golden.json")));
        let mut session = trained_session(name, kind, &golden);
        let before = parameters(&session.base().unwrap().model);
        let examples = super::fixture::examples(golden.get("training.ids"), golden.get("training.labels"));
        run(&what, &mut session, in_order(examples, 7), recipe(&notes["settings"], 1), &notes["training"]);
        let (mut most, mut moved) = (0.0_f64, 0.0_f64);
        for (key, var) in session.adapter().unwrap().vars() {
            most = most.max(apart(var, golden.get(&format!("training.final.{key}"))));
            moved = moved.max(apart(var, golden.get(&format!("start.{key}"))));
        }
        within(&format!("{what}: after 5 steps"), most, 1e-4);
        assert!(moved > 0.01, "{what}: only {moved} from the start");
        for (key, after) in parameters(&session.base().unwrap().model) {
            assert_eq!(apart(&before[&key], &after), 0.0, "{key} is frozen");
        }
    }
}

#[test]
fn pefts_folder_is_read_and_generates_the_same() {
    for (name, kind, golden) in cases() {
        let what = format!("{name} {kind}, from its folder");
        let mut session = session(&path(name));
        assert!(session.load_adapter(&path(&format!("{name}/{kind}"))).unwrap().adapter);
        let (model, adapter) = (&session.base().unwrap().model, session.adapter().unwrap());
        let ours = logits(model, &golden.ids("ids"), Some(adapter.deltas()));
        close(&what, &kept(&ours), golden.get("logits"), 1e-4);
        assert_eq!(adapter.lost_encoder(), adapter.has_network(), "{what}");
        let notes = json(&format!("{name}/{kind}/golden.json"));
        let options = Options { max_new_tokens: Some(8), ..Options::default() };
        let (deltas, prompt) = (Some(adapter.deltas().clone()), ids_of(&notes["prompt"]));
        let mut generation = Generation::begin(model, &tokenizer(name), &prompt, deltas, &options, Random::seeded(1)).unwrap();
        while generation.step(model).unwrap().is_some() {}
        let new = ids_of(&notes["greedy"]);
        let ended = new.iter().position(|id| tokenizer(name).eos().contains(id)).map_or(new.len(), |at| at + 1);
        assert_eq!(generation.new_ids(), &new[..ended], "{what}: greedy");
    }
}

#[test]
fn a_saved_folder_is_pefts() {
    for (name, kind, golden) in cases() {
        let what = format!("{name} {kind}");
        let folder = tempfile::tempdir().unwrap();
        let (place, original) = (folder.path().join("adapter"), path(&format!("{name}/{kind}")));
        trained_session(name, kind, &golden).save(&place, false).unwrap();
        let config = |folder: &std::path::Path| -> Value {
            serde_json::from_str(&std::fs::read_to_string(folder.join("adapter_config.json")).unwrap()).unwrap()
        };
        let (mut ours, mut theirs) = (config(&place), config(&original));
        for side in [&mut ours, &mut theirs] {
            side.as_object_mut().unwrap().remove("peft_version");
        }
        assert_eq!(ours, theirs, "{what}");
        let stored = |folder: &std::path::Path| {
            let mut all = candle_core::safetensors::load(folder.join("adapter_model.safetensors"), &candle_core::Device::Cpu).unwrap();
            assert_eq!(all.len(), 1);
            all.remove("prompt_embeddings").unwrap()
        };
        let (ours, theirs) = (stored(&place), stored(&original));
        assert_eq!((ours.dims(), ours.dtype()), (theirs.dims(), theirs.dtype()), "{what}");
        within(&format!("{what}: saved prompts"), apart(&ours, &theirs) / largest(&theirs), 1e-6);
        let again = Adapter::load(&place, &load(name)).unwrap();
        let (Method::Prompt(again), Method::Prompt(first)) = (&again.method, Adapter::load(&original, &load(name)).unwrap().method) else {
            panic!("{what}: another method")
        };
        assert_eq!(again, &first, "{what}");
    }
}

/// A file that cannot be these prompts is refused with what is wrong.
#[test]
fn what_does_not_fit_is_refused() {
    let model = load("llama-tiny");
    let other = Adapter::load(&path("gpt2-tiny/prompt"), &model);
    assert!(
        matches!(other, Err(Error::WrongShape { ref given, ref expected, .. }) if given == "[3, 24]" && expected == "[3, 32]"),
        "{other:?}"
    );
    let other = Adapter::load(&path("gpt2-tiny/prefix"), &model);
    assert!(
        matches!(other, Err(Error::WrongShape { ref given, ref expected, .. }) if given == "[3, 96]" && expected == "[3, 64]"),
        "{other:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let write = |kind: &str, submodules: usize| {
        let config = serde_json::json!({ "peft_type": kind, "num_virtual_tokens": 3, "num_transformer_submodules": submodules });
        std::fs::write(folder.path().join("adapter_config.json"), config.to_string()).unwrap();
        std::fs::copy(path("llama-tiny/lora/adapter_model.safetensors"), folder.path().join("adapter_model.safetensors")).unwrap();
        Adapter::load(folder.path(), &model)
    };
    for (kind, submodules, said) in
        [("PROMPT_TUNING", 2, "encoder and a decoder"), ("PROMPT_TUNING", 1, "prompt_embeddings"), ("IA3", 1, "P_TUNING")]
    {
        let refused = write(kind, submodules);
        assert!(matches!(refused, Err(Error::BadAdapter { ref cause, .. }) if cause.contains(said)), "{kind}: {refused:?}");
    }
}

/// PyTorch's start: uniform within ±1/sqrt(fan), N(0, 1) for the table; tokens of the vocabulary or of a text where asked for.
#[test]
fn fresh_prompts_start_as_pefts_do() {
    let model = load("llama-tiny");
    let fresh = |kind: &str, start: Start, tokens: usize, text: &[u32]| {
        let prompt = Prompt { tokens, start, ..made(kind, &model) };
        Adapter::prompt(prompt, text, &model, &Random::seeded(9))
    };
    let big = fresh("p-tuning-lstm", Start::Random, 60, &[]).unwrap();
    let values = |var: &Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (name, var) in big.vars() {
        let values = values(var);
        let most = values.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        if name.ends_with("embedding.weight") {
            let spread = (values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32).sqrt();
            assert!((spread - 1.0).abs() < 0.05, "{spread}");
            continue;
        }
        // Inputs of 5 in the LSTM (its hidden width), of 10 in both layers behind it.
        let bound = if name.contains("lstm_head") { 5_f32.powf(-0.5) } else { 10_f32.powf(-0.5) };
        assert!(most <= bound && most > 0.7 * bound, "{name}: {most} of {bound}");
    }
    let embedding =
        |ids: &[u32]| model.embed.embed(&Tensor::new(ids, &device()).unwrap().unsqueeze(0).unwrap()).unwrap().squeeze(0).unwrap();
    let text = fresh("prompt", Start::Text("..".into()), 5, &[7, 8]).unwrap();
    assert_eq!(apart(&text.vars()[0].1, &embedding(&[7, 8, 7, 8, 7])), 0.0);
    let drawn = fresh("prompt", Start::Vocabulary, 4, &[]).unwrap();
    let all = embedding(&(0..model.spec.vocabulary as u32).collect::<Vec<_>>());
    for row in 0..4 {
        let row = drawn.vars()[0].1.i(row).unwrap();
        assert!((0..model.spec.vocabulary).any(|id| apart(&row, &all.i(id).unwrap()) == 0.0), "a row of the embedding");
    }
    let long = fresh("prompt", Start::Text("..".into()), 3, &[7, 8, 9, 10]);
    assert!(matches!(long, Err(Error::LongPrompt { tokens: 4, n: 3 })), "{long:?}");
    let empty = fresh("prompt", Start::Text(String::new()), 3, &[]);
    assert!(matches!(empty, Err(Error::EmptyText {})), "{empty:?}");
    for tokens in [model.spec.context, model.spec.context + 1] {
        assert!(matches!(fresh("prompt", Start::Random, tokens, &[]), Err(Error::BadValue { .. })), "{tokens}");
    }
    fresh("prompt", Start::Random, model.spec.context - 1, &[]).unwrap();
}

/// One step of an LSTM has no state before it: its recurrent weights learn nothing and are no variables; a run does not stop at them.
#[test]
fn a_single_virtual_token_trains() {
    let model = load("gpt2-tiny");
    let golden = tensors("gpt2-tiny/p-tuning-lstm/golden.safetensors");
    let mut session = session(&path("gpt2-tiny"));
    let prompt = Prompt { tokens: 1, ..made("p-tuning-lstm", &model) };
    let adapter = session.fresh_prompt(prompt, Some(3)).unwrap();
    session.set_adapter(Some(adapter));
    assert!(session.adapter().unwrap().vars().iter().all(|(name, _)| !name.contains("weight_hh")));
    let notes = json("gpt2-tiny/p-tuning-lstm/golden.json");
    session.set_data(in_order(super::fixture::examples(golden.get("training.ids"), golden.get("training.labels")), 7));
    session.begin_training(recipe(&notes["settings"], 1), candle_core::DType::F32).unwrap();
    while session.train_step().unwrap().is_some() {}
    session.finish_training().unwrap();
}

/// The base may be packed or of half width: the prompts stay f32 and learn.
#[test]
fn every_method_learns_on_half_and_packed_weights() {
    let golden = tensors("llama-tiny/prefix/golden.safetensors");
    let batch = whole_batch(golden.get("ids"), golden.get("labels"));
    let bases =
        [load_as("llama-tiny", Some(candle_core::DType::BF16)), load("llama-gguf/llama-q8_0.gguf"), load("llama-gguf/llama-q4_1.gguf")];
    for model in &bases {
        for kind in ["p-tuning-mlp", "p-tuning-lstm", "prompt", "prefix", "prefix-projection"] {
            let adapter = Adapter::prompt(made(kind, model), &[], model, &Random::seeded(4)).unwrap();
            let vars = adapter.vars().to_vec();
            let (loss, gradients) =
                train::gradients(model, Some(adapter.deltas()), std::slice::from_ref(&batch), &vars, train::Aim::default(), &mut || 0)
                    .unwrap();
            assert!(loss.mean().is_finite());
            for ((name, _), gradient) in vars.iter().zip(&gradients.0) {
                assert!(largest(gradient.as_ref().unwrap()) > 1e-6, "{} {kind} {name}", model.format());
            }
            let place = adapter.deltas().prompt.as_ref().unwrap().place;
            assert_eq!(place == Place::Input, !kind.starts_with("prefix"));
        }
    }
}
