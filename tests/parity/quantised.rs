//! Fewer bits: no number moves further than its format allows, and what that costs is measured.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use lantern::eval::{Perplexity, Windows};
use lantern::model::{Blueprint, Given, Model, Slot};
use lantern::nn::Pass;
use lantern::session::{Format, Making, Session, Text, Tokens};
use lantern::train::Recipe;

use super::fixture::{apart, device, empty_session, ids_of, json, logits, open, path, say, tensors, tokenizer, values};
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

/// A fresh llama with rows of 256 and 512: whole blocks of the k formats.
pub fn wider() -> Session {
    let mut session = empty_session();
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.txt");
    std::fs::write(&text, crate::harness::world::TEXT.repeat(8)).unwrap();
    let given = Given {
        layers: Some(2),
        hidden: Some(256),
        heads: Some(4),
        kv_heads: Some(2),
        inner: Some(512),
        context: Some(64),
        ..Given::default()
    };
    let (blueprint, sources) = (Blueprint::new(Some("llama"), None, &given).unwrap(), [text.display().to_string()]);
    let text = Text { sources: &sources, ..Text::default() };
    let making =
        Making { name: "wider", blueprint: &blueprint, scaled: false, tokens: Tokens::Own(280), text, val: 0.0, block: 32, seed: 3 };
    session.make_model(&making, &Recipe::default(), &mut |_, _| {}).unwrap();
    session
}

/// The furthest a number may move, as a share of its block's largest (blocks) or of itself (halves).
fn allowed(format: &str, name: &str, row: usize) -> (usize, f64) {
    let scale = 2.0_f64.powi(-11); // the block's scale is an f16
    match format {
        "f16" => (1, 2.0_f64.powi(-11)),
        "bf16" => (1, 2.0_f64.powi(-8)),
        // Half a step of amax/127.
        "q8_0" => (32, 0.5 / 127.0 + scale),
        // The table of embeddings, which is the head too, stays finer.
        "nf4" | "int8" if name.contains("embed") => (1, 2.0_f64.powi(-8)),
        // Half of the widest gap between codes, below -0.69.
        "nf4" => (64, (1.0 - 0.6961928) / 2.0),
        // Half a step of a row's largest over 127, and f16 on the way.
        "int8" => (row, 0.5 / 127.0 + scale),
        "q4_0" | "q4_1" | "q5_0" | "q5_1" if name.contains("embed") => (32, 0.5 / 127.0 + scale),
        "q4_k" | "q5_k" | "q6_k" if name.contains("embed") => (256, 1.5 / 32.0),
        // Steps of amax/8 from -8 to 7: the far end, +8, is cut to 7, a whole step.
        "q4_0" => (32, 1.0 / 8.0 + scale),
        "q5_0" => (32, 1.0 / 16.0 + scale),
        // Half a step of a fifteenth (a thirty-first) of the range, which is 2 amax at most.
        "q4_1" => (32, 1.0 / 15.0 + 2.0 * scale),
        "q5_1" => (32, 1.0 / 31.0 + 2.0 * scale),
        // As q4_1 and q5_1, with scales and minima rounded to six bits of the block's largest; as q5_0 with a bit more and scales of seven bits.
        "q4_k" => (256, 1.5 / 15.0 + 1.0 / 63.0),
        "q5_k" => (256, 1.5 / 31.0 + 1.0 / 63.0),
        "q6_k" => (256, 1.5 / 32.0),
        _ => (1, 0.0),
    }
}

#[test]
fn no_weight_moves_further_than_its_format_allows() {
    for format in Format::NAMES {
        let mut session = if format.ends_with('k') { wider() } else { wide() };
        let before = matrices(&session.base().unwrap().model);
        let report = session.quantise(Format::parse(format).unwrap(), &mut |_, _| {}).unwrap();
        let after = matrices(&session.base().unwrap().model);
        let mut most = 0.0_f64;
        for (name, before) in &before {
            let (block, share) = allowed(format, name, before.dim(1).unwrap());
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
        assert_eq!(report.substitutes, []);
        // What a format promises of a whole matrix of normal numbers.
        let promised = match *format {
            "f32" => 0.0,
            "f16" => 3e-4,
            "bf16" => 2e-3,
            "q8_0" => 0.006,
            "q6_k" => 0.022,
            "int8" => 0.01,
            "q5_0" | "q5_1" | "q5_k" => 0.05,
            _ => 0.1,
        };
        assert!(worst <= promised, "{format}: {worst}");
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
    for (format, change, moved) in [
        ("f32", 0.0, 0.0),
        ("f16", 1e-3, 0.05),
        ("bf16", 1e-2, 0.3),
        ("q8_0", 0.02, 0.5),
        ("q5_1", 0.2, 5.0),
        ("q5_0", 0.2, 6.0),
        ("q4_1", 0.5, 8.0),
        ("q4_0", 0.5, 8.0),
        ("int8", 0.05, 1.0),
        ("nf4", 0.5, 8.0),
    ] {
        let mut session = wide();
        let before = ppl(&session.base().unwrap().model, &ids);
        let first = logits(&session.base().unwrap().model, &batch, None);
        session.quantise(Format::parse(format).unwrap(), &mut |_, _| {}).unwrap();
        let model = &session.base().unwrap().model;
        let after = ppl(model, &ids);
        let difference = apart(&first, &logits(model, &batch, None));
        let kept: usize =
            rows.iter().map(|row| shared(&greedy(model, &tokenizer, &ids_of(&row["prompt"]), 32), &ids_of(&row["new"]))).sum();
        say(&format!("{format}: ppl {before:.3} -> {after:.3}, logits moved by {difference:.4}, {kept} of 96 greedy tokens kept"));
        assert!((after / before - 1.0).abs() <= change, "{format}: ppl {before} -> {after}");
        assert!(difference <= moved, "{format}: logits moved by {difference}");
        assert!(kept == 96 || !["f32", "f16"].contains(&format), "{format} keeps the text: {kept}");
    }
}

/// Two roads to one answer: blocks read as they are, and the same weights widened first.
#[test]
fn packed_weights_compute_as_widened_ones() {
    let ids = Tensor::from_vec((0..24_u32).map(|i| i * 11 % 257).collect::<Vec<_>>(), (2, 12), &device()).unwrap();
    for format in Format::NAMES.iter().filter(|name| name.starts_with('q') || ["nf4", "int8"].contains(name)) {
        let mut session = wider();
        let first = logits(&session.base().unwrap().model, &ids, None);
        session.quantise(Format::parse(format).unwrap(), &mut |_, _| {}).unwrap();
        let model = &session.base().unwrap().model;
        assert_eq!(model.format(), *format);
        let packed = logits(model, &ids, None);
        let widened = logits(&model.converted(DType::F32).unwrap(), &ids, None);
        let (largest, moved) = (values(&first).iter().fold(0.0_f32, |most, x| most.max(x.abs())), apart(&first, &packed));
        let difference = apart(&packed, &widened);
        say(&format!(
            "{format}: {difference:.1e} from its widened twin, {moved:.4} from the f32 model whose largest logit is {largest:.3}"
        ));
        assert!(difference <= 2e-5, "{format}: {difference}");
        assert!(moved > 0.0 && moved <= 0.4 * f64::from(largest), "{format}: {moved} of {largest}");
        // Token by token, with few rows, as well as all at once.
        let tokenizer = &session.base().unwrap().tokenizer;
        let prompt = tokenizer.encode("The quick").unwrap();
        let packed = greedy(model, tokenizer, &prompt, 8);
        assert_eq!(packed, greedy(&model.converted(DType::F32).unwrap(), tokenizer, &prompt, 8), "{format}");
    }
}

#[test]
fn a_k_format_names_the_matrices_it_cannot_take() {
    let mut session = wide();
    for (format, instead) in [("q4_k", "q5_0"), ("q5_k", "q5_1"), ("q6_k", "q8_0")] {
        let report = session.quantise(Format::parse(format).unwrap(), &mut |_, _| {}).unwrap();
        assert_eq!(report.substitutes.len(), report.errors.len(), "rows of 64 and 128");
        for substitute in &report.substitutes {
            let end = substitute.name == "model.embed_tokens.weight";
            let expected = if end { ("q6_k", "q8_0") } else { (format, instead) };
            assert_eq!((substitute.asked, substitute.taken), expected, "{}", substitute.name);
            assert_eq!(substitute.row, if substitute.name.contains("down_proj") { 128 } else { 64 });
        }
        assert_eq!(session.base().unwrap().model.format(), instead);
    }
}

/// Length of the common start.
fn shared(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
