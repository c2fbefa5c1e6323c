//! Fewer bits: no number moves further than its format allows, and what that costs is measured.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use lantern::eval::{Perplexity, Windows};
use lantern::model::{Model, Slot};
use lantern::nn::Pass;
use lantern::session::{Format, Session};

use super::fixture::{apart, empty_session, ids_of, json, open, path, say, tensors, tokenizer, values};
use super::greedy::greedy;

/// The wide llama of the fixtures, dense in f32.
fn wide() -> Session {
    let mut session = empty_session();
    let file = path("llama-gguf/llama-q4_1.gguf");
    open(&mut session, file.to_str().unwrap(), Some(DType::F32)).unwrap();
    session
}

/// Every matrix as `[out, in]` rows of f32.
fn matrices(model: &Model) -> BTreeMap<String, Tensor> {
    let mut all = BTreeMap::new();
    let device = model.device.clone();
    let visited = model.clone().visit(&mut |name, slot| {
        if let Slot::Matrix(weight) = slot {
            all.insert(name.to_owned(), weight.rows(&device)?);
        }
        Ok(())
    });
    visited.unwrap();
    all
}

/// The furthest a number may move, as a share of its block's largest (blocks) or of itself (halves).
fn allowed(format: &str, name: &str) -> (usize, f64) {
    let scale = 2.0_f64.powi(-11); // the block's scale is an f16
    match format {
        "f16" => (1, 2.0_f64.powi(-11)),
        "bf16" => (1, 2.0_f64.powi(-8)),
        // Half a step of amax/127.
        "q8_0" => (32, 0.5 / 127.0 + scale),
        // The table of embeddings, which is the head too, stays finer.
        "q4_0" if name.contains("embed") => (32, 0.5 / 127.0 + scale),
        // Steps of amax/8 from -8 to 7: the far end, +8, is cut to 7, a whole step.
        "q4_0" => (32, 1.0 / 8.0 + scale),
        _ => (1, 0.0),
    }
}

#[test]
fn no_weight_moves_further_than_its_format_allows() {
    for format in Format::NAMES {
        let mut session = wide();
        let before = matrices(&session.base().unwrap().model);
        let report = session.quantise(Format::parse(format).unwrap(), &mut |_, _| {}).unwrap();
        let after = matrices(&session.base().unwrap().model);
        let mut most = 0.0_f64;
        for (name, before) in &before {
            let (block, share) = allowed(format, name);
            for (before, after) in values(before).chunks(block).zip(values(&after[name]).chunks(block)) {
                let largest = f64::from(before.iter().fold(0.0_f32, |most, x| most.max(x.abs())));
                for (a, b) in before.iter().zip(after) {
                    let moved = f64::from((a - b).abs());
                    // Below f16's normal range its steps no longer shrink.
                    assert!(moved <= share * largest * 1.001 + 3e-8, "{format} {name}: {moved} of {largest}");
                    most = most.max(moved / largest.max(1e-9));
                }
            }
        }
        let worst = report.errors.iter().map(|e| e.relative).fold(0.0, f64::max);
        say(&format!("{format}: moved by {most:.5} of the block's largest at most, worst matrix {worst:.5} of its own size"));
        assert_eq!(report.errors.len(), before.len());
        assert!(report.bytes_after <= report.bytes_before);
    }
}

fn ppl(model: &Model, ids: &[u32]) -> f64 {
    let (mut windows, mut sum) = (Windows::new(ids.to_vec(), 32, 16), Perplexity::default());
    while windows.score(model, &Pass::default(), &mut sum).unwrap().is_some() {}
    sum.ppl()
}

/// A random model leads by little, so its text is the hardest to keep.
#[test]
fn the_cost_of_each_format() {
    let ids = ids_of(&json("llama-tiny/golden.json")["perplexity_ids"]);
    let (notes, tokenizer) = (json("llama-gguf/golden.json"), tokenizer("llama-gguf/llama-q4_1.gguf"));
    let rows = notes["q4_1"]["greedy"].as_array().unwrap();
    let batch = tensors("llama-gguf/golden.safetensors").ids("ids");
    for (format, change, moved) in [("f32", 0.0, 0.0), ("f16", 1e-3, 0.05), ("bf16", 1e-2, 0.3), ("q8_0", 0.02, 0.5), ("q4_0", 0.5, 8.0)] {
        let mut session = wide();
        let before = ppl(&session.base().unwrap().model, &ids);
        let first = super::fixture::logits(&session.base().unwrap().model, &batch, None);
        session.quantise(Format::parse(format).unwrap(), &mut |_, _| {}).unwrap();
        let model = &session.base().unwrap().model;
        let after = ppl(model, &ids);
        let difference = apart(&first, &super::fixture::logits(model, &batch, None));
        let kept: usize =
            rows.iter().map(|row| shared(&greedy(model, &tokenizer, &ids_of(&row["prompt"]), 32), &ids_of(&row["new"]))).sum();
        say(&format!("{format}: ppl {before:.3} -> {after:.3}, logits moved by {difference:.4}, {kept} of 96 greedy tokens kept"));
        assert!((after / before - 1.0).abs() <= change, "{format}: ppl {before} -> {after}");
        assert!(difference <= moved, "{format}: logits moved by {difference}");
        assert!(kept == 96 || !["f32", "f16"].contains(&format), "{format} keeps the text: {kept}");
    }
}

/// Length of the common start.
fn shared(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
