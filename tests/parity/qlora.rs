//! LoRA on packed weights: what they are computes, and trains, as their numbers would; and they stay as they are.

use candle_core::DType;
use lantern::adapter::{Adapter, Lora, Targets};
use lantern::model::{Model, Slot};
use lantern::nn::Weight;
use lantern::random::Random;
use lantern::session::{Format, Session};
use lantern::train::{self, Recipe};

use super::fixture::{ADAPTED, apart, in_order, json, largest, path, session, tensors, whole_batch, within};
use super::training::recipe;

/// Each with a block and whether scales are packed too.
const FORMATS: &[(&str, Option<usize>, bool)] = &[("nf4", None, false), ("nf4", Some(32), true), ("int8", None, false)];

fn quantised(name: &str, (format, block, double): (&str, Option<usize>, bool)) -> Session {
    let mut session = session(&path(name));
    let format = Format::parse(format).unwrap().with_scales(block, double).unwrap();
    session.quantise(format, &mut |_, _| {}).unwrap();
    session.load_adapter(&path(&format!("{name}/lora"))).unwrap();
    session
}

/// The bytes of every packed matrix.
fn packed_bytes(model: &Model) -> Vec<u8> {
    let mut all = Vec::new();
    let visited = model.clone().visit(&mut |_, slot| {
        if let Slot::Matrix(Weight::Packed(packed)) = slot {
            packed.data()?.iter().for_each(|bytes| all.extend_from_slice(bytes));
        }
        Ok(())
    });
    visited.unwrap();
    all
}

#[test]
fn gradients_on_packed_weights_are_those_on_their_numbers() {
    for name in ADAPTED {
        let golden = tensors(&format!("{name}/lora/golden.safetensors"));
        for format in FORMATS {
            let session = quantised(name, *format);
            let model = &session.base().unwrap().model;
            let frozen = model.converted_but(DType::F32, true).unwrap();
            assert_eq!(frozen.format(), model.format(), "packed weights stay packed");
            let wide = model.converted(DType::F32).unwrap();
            let sides = [frozen, wide].map(|model| {
                let adapter = Adapter::load(&path(&format!("{name}/lora")), &model).unwrap();
                let batch = whole_batch(golden.get("ids"), golden.get("labels"));
                let (loss, gradients) =
                    train::gradients(&model, Some(adapter.deltas()), &[batch], &adapter.vars().to_vec(), train::Aim::default(), &mut || 0)
                        .unwrap();
                (loss.mean(), gradients)
            });
            let [(loss, ours), (expected, theirs)] = sides;
            within(&format!("{name} {format:?} loss"), (loss - expected).abs(), 1e-6);
            let pairs = ours.0.iter().zip(&theirs.0).map(|(a, b)| (a.as_ref().unwrap(), b.as_ref().unwrap()));
            let most = pairs.map(|(a, b)| apart(a, b) / largest(b)).fold(0.0, f64::max);
            within(&format!("{name} {format:?} gradients, relative"), most, 1e-5);
            // The fixture can fail: the f32 base has other gradients.
            let first = golden.under("grad.")[0].1;
            assert!(apart(ours.0[0].as_ref().unwrap(), first) > 1e-4 * largest(first), "{name} {format:?}");
        }
    }
}

/// ggml's blocks, as a GGUF file has them; a fresh adapter's B gets all of the gradient.
#[test]
fn gradients_on_blocks_are_those_on_their_numbers() {
    for file in ["llama-gguf/llama-q4_1.gguf", "llama-gguf/llama-q8_0.gguf"] {
        let model = super::fixture::load(file);
        let ids = tensors("llama-gguf/golden.safetensors").get("ids").clone();
        let batch = || whole_batch(&ids, &ids.to_dtype(DType::I64).unwrap());
        let lora = Lora { r: 4, targets: Targets::list(["all-linear"]), ..Lora::default() };
        let sides = [model.converted_but(DType::F32, true).unwrap(), model.converted(DType::F32).unwrap()].map(|model| {
            let adapter = Adapter::new(lora.clone(), &model, &Random::seeded(5)).unwrap();
            let (loss, gradients) =
                train::gradients(&model, Some(adapter.deltas()), &[batch()], &adapter.vars().to_vec(), train::Aim::default(), &mut || 0)
                    .unwrap();
            (loss.mean(), gradients)
        });
        let [(loss, ours), (expected, theirs)] = sides;
        within(&format!("{file} loss"), (loss - expected).abs(), 1e-6);
        let pairs = ours.0.iter().zip(&theirs.0).map(|(a, b)| (a.as_ref().unwrap(), b.as_ref().unwrap()));
        let most = pairs.map(|(a, b)| apart(a, b) / largest(b).max(1e-6)).fold(0.0, f64::max);
        within(&format!("{file} gradients, relative"), most, 1e-5);
    }
}

#[test]
fn a_run_leaves_packed_weights_as_they_were() {
    for name in ADAPTED {
        let (notes, golden) = (json(&format!("{name}/lora/golden.json")), tensors(&format!("{name}/lora/golden.safetensors")));
        for format in FORMATS {
            let mut session = quantised(name, *format);
            let before = packed_bytes(&session.base().unwrap().model);
            assert!(!before.is_empty());
            let examples = super::fixture::examples(golden.get("training.ids"), golden.get("training.labels"));
            session.set_data(in_order(examples, 7));
            let recipe = Recipe { keep_packed: true, ..recipe(&notes["settings"], 1) };
            let prediction = session.begin_training(recipe, DType::F32).unwrap();
            assert_eq!(prediction.widened, 0, "{name} {format:?}");
            let mut losses = Vec::new();
            while let Some(step) = session.train_step().unwrap() {
                losses.push(step.loss);
            }
            session.finish_training().unwrap();
            assert_eq!(losses.len(), 5);
            assert!(packed_bytes(&session.base().unwrap().model) == before, "{name} {format:?}: the base moved");
        }
    }
}
