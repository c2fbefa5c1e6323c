//! Several adapters in one session; merged and back to the bit; frozen parts; packed bases that stay packed; methods side by side.

use candle_core::{DType, Tensor};
use lantern::Error;
use lantern::adapter::{Adapter, Lora, Targets};
use lantern::data::Dataset;
use lantern::model::{Frozen, Model, Slot};
use lantern::nn::Weight;
use lantern::random::Random;
use lantern::session::{Format, Session, Standing};
use lantern::train::Recipe;

use super::fixture::{apart, in_order, largest, logits, path, session, tensors, values, within};
use super::training::parameters;

const DENSE: &[&str] = &["gpt2-tiny", "llama-tiny"];

fn lora(r: usize, dora: bool) -> Lora {
    Lora { r, alpha: 16.0, targets: Targets::list(["all-linear"]), dora, ..Lora::default() }
}

/// An adapter that changes something: B is not zero.
pub fn trained(lora: Lora, model: &Model, seed: u64) -> Adapter {
    let adapter = Adapter::new(lora, model, &Random::seeded(seed)).unwrap();
    for (i, (name, var)) in adapter.vars().iter().enumerate() {
        if name.ends_with("lora_B.weight") || name.ends_with("lora_embedding_A") {
            let values = Random::seeded(seed + i as u64).normals(var.elem_count(), 0.1);
            var.set(&Tensor::from_vec(values, var.shape(), var.device()).unwrap()).unwrap();
        }
    }
    adapter
}

pub fn data(name: &str) -> Dataset {
    let golden = tensors(&format!("{name}/training.safetensors"));
    let examples = super::fixture::examples(golden.get("plain.ids"), golden.get("plain.labels"));
    let val = examples[..3].to_vec();
    Dataset { val, ..in_order(examples, 7) }
}

pub fn recipe(steps: usize) -> Recipe {
    Recipe { steps: Some(steps), batch: 2, lr: 1e-2, seed: 7, ..Recipe::default() }
}

pub fn train(session: &mut Session, steps: usize) -> Vec<f64> {
    session.begin_training(recipe(steps), DType::F32).unwrap();
    go_on(session)
}

pub fn go_on(session: &mut Session) -> Vec<f64> {
    while session.train_step().unwrap().is_some() {}
    session.finish_training().unwrap();
    session.run().unwrap().steps().iter().map(|step| step.loss).collect()
}

pub fn out(session: &Session, ids: &Tensor) -> Tensor {
    let deltas = session.adapter().map(|adapter| adapter.deltas().detached());
    logits(&session.base().unwrap().model.detached(), ids, deltas.as_ref())
}

/// Every number as it is stored, packed or not.
pub fn bits(model: &Model) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let visited = model.detached().visit(&mut |name, slot| {
        let bytes = match slot {
            Slot::Matrix(Weight::Packed(packed)) => packed.data().unwrap().concat(),
            Slot::Matrix(Weight::Dense { tensor, .. }) | Slot::Vector(tensor) => {
                values(tensor).iter().flat_map(|x| x.to_le_bytes()).collect()
            }
        };
        all.push((name.to_owned(), bytes));
        Ok(())
    });
    visited.unwrap();
    all
}

fn names(session: &Session) -> Vec<(String, Standing, bool)> {
    session.adapters().into_iter().map(|row| (row.name, row.standing, row.unsaved)).collect()
}

#[test]
fn what_was_trained_stays_under_its_name() {
    let mut session = session(&path("llama-tiny"));
    session.set_data(data("llama-tiny"));
    let ids = tensors("llama-tiny/golden.safetensors").ids("ids");
    let fresh = |session: &Session, r| Adapter::new(lora(r, false), &session.base().unwrap().model, &Random::seeded(1)).unwrap();
    // One without a name that learned nothing gives way.
    let adapter = fresh(&session, 2);
    assert_eq!(session.attach_adapter(None, adapter).unwrap(), "lora");
    let adapter = fresh(&session, 3);
    assert_eq!(session.attach_adapter(None, adapter).unwrap(), "lora");
    assert_eq!(names(&session), [("lora".into(), Standing::Attached, false)]);
    train(&mut session, 3);
    let learned = out(&session, &ids);
    let adapter = fresh(&session, 4);
    assert_eq!(session.attach_adapter(None, adapter).unwrap(), "lora-2");
    assert_eq!(names(&session), [("lora-2".into(), Standing::Attached, false), ("lora".into(), Standing::Detached, true)]);
    assert!(apart(&out(&session, &ids), &learned) > 0.01);
    // Its name is not given to another before it is saved or dropped.
    let adapter = fresh(&session, 2);
    assert!(matches!(session.attach_adapter(Some("lora"), adapter), Err(Error::AdapterTaken { .. })));
    assert!(matches!(session.switch_adapter("loar"), Err(Error::NoAdapterNamed { nearest, .. }) if nearest == "lora"));
    session.switch_adapter("lora").unwrap();
    assert_eq!(apart(&out(&session, &ids), &learned), 0.0, "the same numbers");
    assert_eq!(names(&session), [("lora".into(), Standing::Attached, true)]);
    session.detach_adapter().unwrap();
    assert_eq!(names(&session), [("lora".into(), Standing::Detached, true)]);
    let place = tempfile::tempdir().unwrap();
    session.save_adapter("lora", &place.path().join("poet")).unwrap();
    assert_eq!(names(&session), [("lora".into(), Standing::Detached, false)]);
    session.load_adapter(&place.path().join("poet")).unwrap();
    assert_eq!(names(&session), [("poet".into(), Standing::Attached, false), ("lora".into(), Standing::Detached, false)]);
    assert_eq!(apart(&out(&session, &ids), &learned), 0.0);
    session.drop_adapter("poet").unwrap();
    session.drop_adapter("lora").unwrap();
    assert!(session.adapters().is_empty() && session.adapter().is_none());
}

#[test]
fn unmerged_weights_are_the_bits_they_were() {
    for name in ["gpt2-tiny", "llama-tiny", "llama-gguf/llama-q8_0.gguf", "llama-gguf/llama-q4_1.gguf"] {
        let packed = name.ends_with(".gguf");
        let golden = if packed { "llama-gguf/golden.safetensors".to_owned() } else { format!("{name}/golden.safetensors") };
        for dora in [false, true] {
            let mut session = session(&path(name));
            let (ids, before) = (tensors(&golden).ids("ids"), bits(&session.base().unwrap().model));
            let adapter = trained(lora(4, dora), &session.base().unwrap().model, 3);
            session.attach_adapter(Some("one"), adapter).unwrap();
            let attached = out(&session, &ids);
            let merging = session.merge_adapter().unwrap();
            assert_eq!((merging.widened > 0, merging.widened == merging.matrices), (packed, packed), "{name}");
            assert_eq!(names(&session), [("one".into(), Standing::Merged, false)]);
            within(&format!("{name} dora={dora}: merged and attached"), apart(&out(&session, &ids), &attached), 1e-4);
            assert!(apart(&out(&session, &ids), &logits(&super::fixture::load(name), &ids, None)) > 0.1);
            assert!(matches!(session.switch_adapter("one"), Err(Error::AdapterMerged { .. })), "not twice");
            // A second one on top of the first.
            let second = trained(lora(2, false), &session.base().unwrap().model, 9);
            session.attach_adapter(Some("two"), second).unwrap();
            session.merge_adapter().unwrap();
            assert_eq!(session.unmerge_adapter().unwrap(), "two");
            session.detach_adapter().unwrap();
            within(&format!("{name}: the second taken out"), apart(&out(&session, &ids), &attached), 1e-4);
            assert_eq!(session.unmerge_adapter().unwrap(), "one");
            assert_eq!(bits(&session.base().unwrap().model), before, "{name}");
            assert_eq!(apart(&out(&session, &ids), &attached), 0.0);
            assert!(matches!(session.unmerge_adapter(), Err(Error::NothingMerged {})));
        }
    }
}

#[test]
fn weights_that_changed_cannot_be_unmerged() {
    let mut session = session(&path("llama-tiny"));
    let adapter = trained(lora(4, false), &session.base().unwrap().model, 3);
    session.attach_adapter(Some("one"), adapter).unwrap();
    session.merge_adapter().unwrap();
    session.quantise(Format::Half(DType::BF16), &mut |_, _| {}).unwrap();
    assert!(matches!(session.unmerge_adapter(), Err(Error::CannotUnmerge { .. })));
    assert!(matches!(session.switch_adapter("one"), Err(Error::AdapterMerged { .. })));
}

/// Also after the run was stopped and went on.
#[test]
fn what_is_frozen_keeps_its_bits() {
    for name in DENSE {
        let mut session = session(&path(name));
        session.set_data(data(name));
        let before = parameters(&session.base().unwrap().model);
        let words = ["0", "embeddings", "biases"].map(str::to_owned);
        let frozen = Frozen::parse(&words, &session.base().unwrap().model);
        // llama-tiny has no bias: a word that hits nothing is no word.
        let frozen = frozen.or_else(|_| Frozen::parse(&words[..2], &session.base().unwrap().model)).unwrap();
        assert!(frozen.count() > 0 && frozen.count() < session.base().unwrap().model.parameters());
        session.train_whole(frozen.clone());
        let prediction = session.begin_training(recipe(4), DType::F32).unwrap();
        assert_eq!(prediction.parameters as u64, session.base().unwrap().model.parameters() - frozen.count());
        session.train_step().unwrap();
        session.train_step().unwrap();
        session.finish_training().unwrap();
        session.resume_training(None).unwrap();
        assert_eq!(go_on(&mut session).len(), 4);
        for (key, after) in parameters(&session.base().unwrap().model) {
            let moved = apart(&before[&key], &after) > 0.0;
            assert_eq!(moved, !frozen.holds(&key), "{name}: {key}");
        }
    }
}

/// Five steps of an adapter beside a packed base against the same beside the widened one; the base stays as it was.
pub fn packed_as_widened(kind: &str, what: &str, adapter: impl Fn(&Model) -> Adapter) {
    let run = |packed: bool| {
        let mut session = session(&path(&format!("llama-gguf/llama-{kind}.gguf")));
        let ids = tensors("llama-gguf/golden.safetensors").get("ids").clone();
        session.set_data(in_order(super::fixture::examples(&ids, &ids), 7));
        let model = &session.base().unwrap().model;
        let (before, adapter) = (bits(model), adapter(model));
        session.attach_adapter(None, adapter).unwrap();
        let prediction = session.begin_training(Recipe { keep_packed: packed, ..recipe(5) }, DType::F32).unwrap();
        assert_eq!(prediction.widened == 0, packed, "{kind} {what}");
        let losses = go_on(&mut session);
        assert_eq!(bits(&session.base().unwrap().model), before, "{kind} {what}: the base is as it was");
        let vars: Vec<Tensor> = session.adapter().unwrap().vars().iter().map(|(_, var)| var.as_tensor().copy().unwrap()).collect();
        (losses, vars)
    };
    let ((losses, packed), (expected, wide)) = (run(true), run(false));
    let most = losses.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    within(&format!("{kind} {what}: losses of 5 steps, packed and widened"), most, 1e-5);
    let most = packed.iter().zip(&wide).map(|(a, b)| apart(a, b) / largest(b)).fold(0.0, f64::max);
    within(&format!("{kind} {what}: the adapter after 5 steps, relative"), most, 1e-3);
    assert!(losses[4] < losses[0], "{losses:?}");
}

#[test]
fn a_packed_base_stays_packed_and_teaches_the_same() {
    for (kind, dora) in [("q8_0", false), ("q4_1", false), ("q8_0", true)] {
        packed_as_widened(kind, &format!("dora={dora}"), |model| trained(lora(4, dora), model, 3));
    }
}

/// Model, adapter and run are what they were: the run goes on as if nothing had been compared.
#[test]
fn a_comparison_leaves_no_trace() {
    let ids = tensors("llama-tiny/golden.safetensors").ids("ids");
    let run = |compare: bool| {
        let mut session = session(&path("llama-tiny"));
        session.set_data(data("llama-tiny"));
        let adapter = Adapter::new(lora(3, false), &session.base().unwrap().model, &Random::seeded(1)).unwrap();
        session.attach_adapter(Some("mine"), adapter).unwrap();
        session.begin_training(recipe(6), DType::F32).unwrap();
        session.train_step().unwrap();
        session.train_step().unwrap();
        session.finish_training().unwrap();
        let before = (bits(&session.base().unwrap().model), values(&out(&session, &ids)), names(&session));
        if compare {
            let mut aside = session.set_aside().unwrap();
            for dora in [Some(false), Some(true), None] {
                let model = &session.base().unwrap().model;
                let adapter = dora.map(|dora| Adapter::new(lora(2, dora), model, &Random::seeded(1)).unwrap());
                session.begin_trial(adapter, &aside);
                let start = session.measure(None, 0).unwrap().val.unwrap();
                train(&mut session, 4);
                assert!(session.measure(None, 0).unwrap().val.unwrap() < start);
                session.end_trial(&mut aside);
            }
            assert_eq!(session.bring_back(aside), ["lora", "dora"]);
            assert_eq!((&bits(&session.base().unwrap().model), &values(&out(&session, &ids))), (&before.0, &before.1));
            assert_eq!(names(&session)[..1], before.2[..]);
            assert_eq!(names(&session).len(), 3);
        }
        session.resume_training(None).unwrap();
        (go_on(&mut session), values(&out(&session, &ids)))
    };
    assert_eq!(run(true), run(false));
}
