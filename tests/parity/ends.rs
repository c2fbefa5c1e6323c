//! Adapters on the embedding table and the output head: tied and not, packed and not, merged, gone on with.

use candle_core::{DType, Tensor};
use lantern::adapter::{Adapter, Lora, Targets};
use lantern::generate::next_logits;
use lantern::model::{Footprint, Model};
use lantern::nn::{Cache, Pass, Weight};
use lantern::ops::plain;
use lantern::random::Random;
use lantern::session::Session;

use super::adapters::{bits, go_on, out, recipe, trained};
use super::fixture::{apart, close, device, largest, load, load_from, logits, path, session, tensors, within};

/// Folders of PEFT's adapters on ends.
pub const FOLDERS: &[(&str, &str)] = &[
    ("gpt2-tiny", "ends"),
    ("gpt2-tiny", "ends-dora"),
    ("gpt2-tiny", "whole"),
    ("llama-tiny", "ends"),
    ("llama-tiny", "whole"),
    ("llama-tied-tiny", "ends-dora"),
    ("gpt_neox-tiny", "ends"),
];

fn table_of(model: &Model) -> &'static str {
    model.family.names.embed.rsplit('.').next().unwrap()
}

/// Matrices on both ends and inside; `whole`: one end whole instead.
fn on_ends(model: &Model, dora: bool, whole: Option<&str>) -> Lora {
    let names = ["all-linear", table_of(model), "lm_head"].into_iter().filter(|name| Some(*name) != whole);
    Lora {
        r: 4,
        alpha: 16.0,
        targets: Targets::list(names),
        dora,
        whole: whole.map(str::to_owned).into_iter().collect(),
        ..Lora::default()
    }
}

/// Like [`trained`], whole tables moved too.
pub fn moved(lora: Lora, model: &Model) -> Adapter {
    let adapter = trained(lora, model, 3);
    for (name, var) in adapter.vars().iter().filter(|(name, _)| adapter.deltas().whole.contains_key(name.trim_end_matches(".weight"))) {
        let noise = Random::seeded(name.len() as u64).normals(var.elem_count(), 0.2);
        let noise = Tensor::from_vec(noise, var.shape(), var.device()).unwrap();
        var.set(&(var.as_tensor() + noise).unwrap()).unwrap();
    }
    adapter
}

#[test]
fn a_fresh_adapter_changes_nothing() {
    for name in ["gpt2-tiny", "llama-tiny", "llama-gguf/llama-q8_0.gguf"] {
        let model = load(name);
        let ids = Tensor::from_vec((3..15_u32).collect::<Vec<_>>(), (1, 12), &device()).unwrap();
        for dora in [false, true] {
            for whole in [None, Some("lm_head"), Some(table_of(&model))] {
                let adapter = Adapter::new(on_ends(&model, dora, whole), &model, &Random::seeded(1)).unwrap();
                let what = format!("{name} {}", adapter.title());
                within(&what, apart(&logits(&model, &ids, Some(adapter.deltas())), &logits(&model, &ids, None)), 2e-5);
                let table = &adapter.deltas().layers.get(model.family.names.embed);
                // As PEFT begins: A of zeros, B of N(0, 1).
                if let Some(low) = table {
                    let spread = low.b.sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
                    assert!(largest(&low.a) == 0.0 && (0.5..1.7).contains(&spread), "{what}: {spread}");
                }
            }
        }
    }
}

#[test]
fn merged_ends_leave_the_other_alone_and_come_back_to_the_bit() {
    for name in ["gpt2-tiny", "llama-tied-tiny", "llama-tiny", "gpt_neox-tiny", "llama-gguf/llama-q8_0.gguf"] {
        for (dora, end) in [(false, "head"), (true, "table"), (false, "both"), (true, "whole")] {
            let mut session = session(&path(name));
            let (before, config) = (bits(&session.base().unwrap().model), session.base().unwrap().model.config.clone());
            let model = &session.base().unwrap().model;
            let ids = Tensor::from_vec((3..15_u32).collect::<Vec<_>>(), (1, 12), &device()).unwrap();
            let (table, head) = (table_of(model), "lm_head");
            let lora = match end {
                "head" => Lora { targets: Targets::list([head]), ..on_ends(model, dora, None) },
                "table" => Lora { targets: Targets::list([table]), ..on_ends(model, dora, None) },
                "whole" => Lora { targets: Targets::list([head]), ..on_ends(model, dora, Some(table)) },
                _ => on_ends(model, dora, None),
            };
            let (tied, plain) = (model.spec.tied, logits(model, &ids, None));
            let adapter = moved(lora, model);
            let what = format!("{name} {}", adapter.title());
            session.attach_adapter(Some("one"), adapter).unwrap();
            let attached = out(&session, &ids);
            assert!(apart(&attached, &plain) > 0.05, "{what}: it does something");
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("merged");
            session.save(&place, true).unwrap();
            within(&format!("{what}, saved merged"), apart(&logits(&load_from(&place, "merged", None), &ids, None), &attached), 2e-4);
            let merging = session.merge_adapter().unwrap();
            assert_eq!(merging.untied > 0, tied, "{what}");
            within(&format!("{what}, merged"), apart(&out(&session, &ids), &attached), 2e-4);
            let merged = &session.base().unwrap().model;
            assert!(!merged.spec.tied && merged.head.is_some());
            assert!(merged.config["tie_word_embeddings"] != true, "{what}");
            if end == "head" {
                let table = |model: &Model| model.embed.rows(&device()).unwrap();
                assert_eq!(apart(&table(merged), &table(&load(name))), 0.0, "{what}: the embeddings are as they were");
            }
            session.unmerge_adapter().unwrap();
            let model = &session.base().unwrap().model;
            assert_eq!((&bits(model), &model.config, model.spec.tied), (&before, &config, tied), "{what}");
            assert_eq!(apart(&out(&session, &ids), &attached), 0.0);
        }
    }
}

/// The loss of the fused op, and of logits made plainly, dropout and all.
#[test]
fn the_fused_loss_is_that_of_the_logits() {
    for name in ["gpt2-tiny", "llama-tiny", "llama-gguf/llama-q4_1.gguf"] {
        let model = load(name);
        for (dora, dropout) in [(false, 0.0), (false, 0.4), (true, 0.0), (true, 0.4)] {
            let adapter = moved(Lora { dropout, ..on_ends(&model, dora, None) }, &model);
            let hidden = Random::seeded(4).normals(9 * model.spec.hidden, 1.0);
            let hidden = Tensor::from_vec(hidden, (9, model.spec.hidden), &device()).unwrap();
            let targets: Vec<u32> = (0..9).map(|i| 5 + 3 * i).collect();
            let pass = |seed| Pass { deltas: Some(adapter.deltas()), dropout: seed, ..Pass::default() };
            let plainly = |seed| {
                let logits = model.logits(&hidden, &pass(seed)).unwrap();
                let eye = Tensor::eye(model.spec.vocabulary, DType::F32, &device()).unwrap();
                let targets = Tensor::new(&targets[..], &device()).unwrap();
                plain::token_losses(&logits, &eye, &targets, 0.0).unwrap()
            };
            let sum = |losses: &Tensor| f64::from(losses.sum_all().unwrap().to_scalar::<f32>().unwrap());
            let what = format!("{name} dora={dora} dropout={dropout}");
            let fused = model.loss(&hidden, &targets, 0.0, &pass(Some(7))).unwrap();
            within(&what, (sum(&fused) - sum(&plainly(Some(7)))).abs() / sum(&fused), 1e-5);
            assert_eq!((sum(&fused) - sum(&plainly(None))).abs() > 1e-3, dropout > 0.0, "{what}: dropout shows");
            let losses = Tensor::new(model.losses(&hidden, &targets, &pass(None)).unwrap(), &device()).unwrap();
            close(&format!("{what}, each"), &losses, &plainly(None), 2e-4);
        }
    }
}

#[test]
fn a_packed_base_with_adapted_ends_teaches_as_the_widened_one() {
    for (kind, dora) in [("q8_0", false), ("q8_0", true), ("q4_1", true)] {
        super::adapters::packed_as_widened(kind, &format!("ends, dora={dora}"), |model| moved(on_ends(model, dora, None), model));
    }
}

/// Token by token through a cache, and all at once.
#[test]
fn generation_sees_both_ends() {
    for (name, kind) in FOLDERS {
        let (model, ids) = (load(name), tensors(&format!("{name}/{kind}/golden.safetensors")).ids("ids"));
        let adapter = Adapter::load(&path(&format!("{name}/{kind}")), &model).unwrap();
        let ids: Vec<u32> = ids.get(0).unwrap().to_vec1().unwrap();
        let whole = logits(&model, &super::fixture::row(&ids), Some(adapter.deltas()));
        let deltas = adapter.deltas().detached();
        let mut cache = Cache::new();
        for (i, id) in ids.iter().enumerate() {
            let next = next_logits(&model, Some(&deltas), &[*id], &mut cache).unwrap();
            let expected = whole.get(0).unwrap().get(i).unwrap();
            let difference = apart(&Tensor::new(next, &device()).unwrap(), &expected);
            assert!(difference < 1e-4, "{name}/{kind} token {i}: {difference}");
        }
    }
}

/// What the matrices beside a head take is in the forecast.
#[test]
fn the_forecast_knows_the_head() {
    let model = load("llama-tiny").detached();
    let bytes = |lora: Option<Lora>| {
        let adapter = lora.map(|lora| Adapter::new(lora, &model, &Random::seeded(1)).unwrap());
        let deltas = adapter.as_ref().map(Adapter::deltas);
        Footprint::of(&model, &Pass { deltas, ..Pass::default() }, false).unwrap().bytes(1, 8, None)
    };
    let head = |dora, whole: &[&str]| Lora {
        targets: Targets::list([if whole.is_empty() { "lm_head" } else { "layers.1.mlp.down_proj" }]),
        whole: whole.iter().map(|name| (*name).to_owned()).collect(),
        dora,
        ..Lora::default()
    };
    let nothing = bytes(None);
    let (b, table, chunk) = (120 * 8 * 4, 120 * 32 * 4, 8 * 120 * 4);
    assert_eq!(bytes(Some(head(false, &[]))) - nothing, 2 * b);
    assert_eq!(bytes(Some(head(true, &[]))) - nothing, 3 * b + chunk);
    let inside = bytes(Some(Lora { targets: Targets::list(["layers.1.mlp.down_proj"]), ..Lora::default() }));
    assert_eq!(bytes(Some(head(false, &["lm_head"]))) - inside, 2 * table);
}

/// A checkpoint of a run on both ends goes on in another session as if nothing had happened.
#[test]
fn a_run_on_the_ends_goes_on_to_the_bit() {
    let start = || {
        let mut session = session(&path("gpt2-tiny"));
        session.set_data(super::adapters::data("gpt2-tiny"));
        let model = &session.base().unwrap().model;
        let adapter = moved(Lora { dropout: 0.2, ..on_ends(model, true, Some("lm_head")) }, model);
        session.attach_adapter(None, adapter).unwrap();
        session.begin_training(recipe(6), DType::F32).unwrap();
        session
    };
    let end = |session: &Session| -> Vec<Vec<f32>> {
        session.adapter().unwrap().vars().iter().map(|(_, var)| super::fixture::values(var.as_tensor())).collect()
    };
    let (mut whole, mut stopped) = (start(), start());
    let expected = go_on(&mut whole);
    stopped.train_step().unwrap();
    stopped.train_step().unwrap();
    stopped.finish_training().unwrap();
    stopped.resume_training(None).unwrap();
    assert_eq!((go_on(&mut stopped), end(&stopped)), (expected, end(&whole)));
}

/// Half precision rounds what the products beside both ends give; a run still learns.
#[test]
fn half_precision_learns_on_the_ends() {
    for dtype in [DType::BF16, DType::F16] {
        let mut session = session(&path("llama-tied-tiny"));
        session.set_data(super::adapters::data("llama-tied-tiny"));
        let model = &session.base().unwrap().model;
        let adapter = moved(on_ends(model, true, None), model);
        session.attach_adapter(None, adapter).unwrap();
        session.begin_training(recipe(8), dtype).unwrap();
        let losses = go_on(&mut session);
        assert!(losses.iter().all(|loss| loss.is_finite()) && losses[7] < losses[0], "{losses:?}");
    }
}

/// The norm of a table's columns, packed and dense.
#[test]
fn magnitudes_of_a_packed_table_are_those_of_its_numbers() {
    let model = load("llama-gguf/llama-q8_0.gguf");
    let Weight::Packed(packed) = &model.embed else { panic!("packed") };
    let adapter = moved(on_ends(&model, false, None), &model);
    let low = &adapter.deltas().layers[model.family.names.embed];
    let table = packed.dequantize(&device()).unwrap();
    let whole = (&table + (low.b.matmul(&low.a).unwrap().t().unwrap() * low.scale).unwrap()).unwrap();
    let expected = whole.sqr().unwrap().sum(0).unwrap().sqrt().unwrap();
    within("norms of a packed table, relative", apart(&low.norms(&model.embed).unwrap(), &expected) / largest(&expected), 1e-5);
}
