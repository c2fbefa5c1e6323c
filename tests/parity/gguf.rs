//! Llama from GGUF: dense and packed, and the order of the q and k rows.

use candle_core::{DType, IndexOp, Tensor};
use lantern::adapter::{Adapter, Lora, Targets};
use lantern::model::{Model, Projection};
use lantern::nn::Weight;
use lantern::random::Random;
use lantern::train;

use super::fixture::{
    apart, close, ids_of, json, largest, load, load_as, load_from, logits, say, session, tensors, tokenizer, whole_batch, within,
};
use super::greedy::greedy;
use super::training::parameters;

const FILES: &[&str] = &["f32", "q8_0", "q4_1"];

fn file(kind: &str) -> String {
    format!("llama-gguf/llama-{kind}.gguf")
}

/// The kernels widen blocks to f32 and leave the activations alone, so packed weights answer like the same weights in f32.
#[test]
fn logits_and_greedy_tokens_equal_those_of_the_dequantised_weights() {
    let (golden, notes) = (tensors("llama-gguf/golden.safetensors"), json("llama-gguf/golden.json"));
    for kind in FILES {
        let (model, tokenizer) = (load(&file(kind)), tokenizer(&file(kind)));
        assert_eq!((model.packed(), model.format().as_str()), (*kind != "f32", *kind));
        let ours = logits(&model, &golden.ids("ids"), None);
        close(&format!("gguf {kind} logits"), &ours, golden.get(&format!("{kind}.logits")), 1e-4);
        let widened = load_as(&file(kind), Some(DType::F32));
        assert!(!widened.packed());
        close(&format!("gguf {kind} widened"), &logits(&widened, &golden.ids("ids"), None), &ours, 1e-4);
        for row in notes[*kind]["greedy"].as_array().unwrap() {
            assert_eq!(greedy(&model, &tokenizer, &ids_of(&row["prompt"]), 32), ids_of(&row["new"]), "{kind}");
        }
    }
}

#[test]
fn the_f32_file_holds_the_same_model_as_the_folder() {
    let (from_gguf, from_folder) = (parameters(&load(&file("f32"))), parameters(&load("llama-tiny")));
    assert_eq!(from_gguf.keys().collect::<Vec<_>>(), from_folder.keys().collect::<Vec<_>>());
    for (key, tensor) in &from_folder {
        assert_eq!(apart(&from_gguf[key], tensor), 0.0, "{key}");
    }
}

/// Row `s * half + j` of a head where the file had row `2j + s`: what a reader gets that takes the rows as they lie.
pub fn as_stored(weight: &Weight, heads: usize) -> Weight {
    let Weight::Dense { tensor, layout } = weight else { panic!("dense") };
    let (rows, columns) = tensor.dims2().unwrap();
    let halves = tensor.reshape((heads, 2, rows / heads / 2, columns)).unwrap();
    let tensor = halves.transpose(1, 2).unwrap().contiguous().unwrap().reshape((rows, columns)).unwrap();
    Weight::Dense { tensor, layout: *layout }
}

fn with_rows_as_stored(mut model: Model) -> Model {
    let (heads, kv_heads) = (model.spec.heads, model.spec.kv_heads);
    for layer in &mut model.layers {
        let Projection::Split { q, k, .. } = &mut layer.attention.projection else { panic!("split") };
        (q.weight, k.weight) = (as_stored(&q.weight, heads), as_stored(&k.weight, kv_heads));
    }
    model
}

#[test]
fn rows_left_in_the_files_order_would_be_noticed() {
    let golden = tensors("llama-gguf/golden.safetensors");
    let wrong = with_rows_as_stored(load(&file("f32")));
    let path = super::fixture::path(&file("f32"));
    let mut reader = std::fs::File::open(path).unwrap();
    let content = candle_core::quantized::gguf_file::Content::read(&mut reader).unwrap();
    let stored = content.tensor(&mut reader, "blk.0.attn_q.weight", &candle_core::Device::Cpu).unwrap();
    let stored = stored.dequantize(&candle_core::Device::Cpu).unwrap();
    assert_eq!(apart(&parameters(&wrong)["model.layers.0.self_attn.q_proj.weight"], &stored), 0.0, "this is the file's order");
    let difference = apart(&logits(&wrong, &golden.ids("ids"), None), golden.get("f32.logits"));
    say(&format!("gguf without un-permuting differs by {difference:.2}"));
    assert!(difference > 1.0);
}

#[test]
fn a_packed_model_saved_as_a_folder_answers_the_same() {
    let golden = tensors("llama-gguf/golden.safetensors");
    for kind in ["q8_0", "q4_1"] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("model");
        session(&super::fixture::path(&file(kind))).save(&place, false).unwrap();
        let again = logits(&load_from(&place, "again", None), &golden.ids("ids"), None);
        close(&format!("gguf {kind} saved as a folder"), &again, golden.get(&format!("{kind}.logits")), 1e-4);
    }
}

/// One row alone takes the kernels for few rows, where packed weights are read block by block.
#[test]
fn a_single_packed_row_equals_the_batch() {
    let golden = tensors("llama-gguf/golden.safetensors");
    for kind in ["q8_0", "q4_1"] {
        let model = load(&file(kind));
        let first = golden.ids("ids").i((.., ..1)).unwrap();
        let ours: Vec<Tensor> = (0..2).map(|row| logits(&model, &first.i(row..=row).unwrap(), None)).collect();
        let expected = golden.get(&format!("{kind}.logits")).i((.., ..1)).unwrap();
        close(&format!("gguf {kind} first token alone"), &Tensor::cat(&ours, 0).unwrap(), &expected, 1e-4);
    }
}

/// The gradients that reach an adapter through packed weights are those through the same weights in f32.
#[test]
fn a_lora_on_a_packed_base_learns_as_on_the_widened_one() {
    let golden = tensors("llama-gguf/golden.safetensors");
    for (kind, dora) in [("q8_0", false), ("q4_1", false), ("q8_0", true), ("q4_1", true)] {
        let lora = Lora { r: 4, alpha: 8.0, targets: Targets::list(["all-linear"]), dropout: 0.0, dora, ..Lora::default() };
        let gradients = |model: &Model| {
            let adapter = Adapter::new(lora.clone(), model, &Random::seeded(8)).unwrap();
            for (i, (_, var)) in adapter.vars().iter().enumerate() {
                let values = Random::seeded(i as u64).normals(var.elem_count(), 0.2);
                var.set(&Tensor::from_vec(values, var.shape(), var.device()).unwrap()).unwrap();
            }
            let ids = golden.get("ids");
            let window = [whole_batch(ids, ids)];
            let (loss, gradients) =
                train::gradients(model, Some(adapter.deltas()), &window, &adapter.vars().to_vec(), train::Aim::default(), &mut || 0)
                    .unwrap();
            (loss.mean(), gradients.0.into_iter().map(Option::unwrap).collect::<Vec<_>>())
        };
        let (packed, wide) = (gradients(&load(&file(kind))), gradients(&load_as(&file(kind), Some(DType::F32))));
        within(&format!("gguf {kind} lora loss, packed and widened"), (packed.0 - wide.0).abs(), 1e-5);
        let most = packed.1.iter().zip(&wide.1).map(|(a, b)| apart(a, b) / largest(b)).fold(0.0, f64::max);
        assert_eq!(packed.1.len(), 2 * 7 * if dora { 3 } else { 2 });
        within(&format!("gguf {kind} lora gradients, packed and widened, relative"), most, 1e-4);
    }
}
