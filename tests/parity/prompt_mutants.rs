//! Prompts done wrong in one place: each must move the logits away from PEFT's.

use std::collections::BTreeMap;

use candle_core::{IndexOp, Tensor};
use lantern::adapter::Adapter;

use super::fixture::{apart, load, logits, tensors};
use super::prompts::{CASES, cases, kept, made, parts};

/// An encoder that PEFT would not make moves the logits away from PEFT's.
#[test]
fn an_encoder_done_wrong_would_be_noticed() {
    let (third, fourth) = ("lstm_head.weight_ih_l0", "lstm_head.weight_ih_l0_reverse");
    for (name, kind, golden) in cases() {
        let model = load(name);
        let with = |what: &str, change: &dyn Fn(&mut BTreeMap<String, Tensor>)| {
            let mut parts = parts(&golden);
            change(&mut parts);
            let adapter = Adapter::of_parts(made(kind, &model), &model, parts).unwrap();
            let difference = apart(&kept(&logits(&model, &golden.ids("ids"), Some(adapter.deltas()))), golden.get("logits"));
            assert!(difference > 0.01, "{name} {kind}: {what} differs by {difference} only");
        };
        let zero = |key: &str| {
            let key = key.to_owned();
            move |parts: &mut BTreeMap<String, Tensor>| {
                let zeros = parts[&key].zeros_like().unwrap();
                parts.insert(key.clone(), zeros);
            }
        };
        for key in parts(&golden).keys() {
            with(&format!("{key} left out"), &zero(key));
        }
        // Keys without positions may come in any order.
        if !kind.starts_with("prefix") {
            with("the order of the virtual tokens", &|parts| {
                let table = &parts["embedding.weight"];
                let turned = Tensor::cat(&[table.i(1..).unwrap(), table.i(..1).unwrap()], 0).unwrap();
                parts.insert("embedding.weight".into(), turned);
            });
        }
        if kind == "p-tuning-lstm" {
            with("the two directions swapped", &|parts| {
                let (a, b) = (parts[third].clone(), parts[fourth].clone());
                parts.insert(third.into(), b);
                parts.insert(fourth.into(), a);
            });
            with("gates in another order", &|parts| {
                let gates = parts[third].chunk(4, 0).unwrap();
                parts.insert(third.into(), Tensor::cat(&[&gates[1], &gates[0], &gates[2], &gates[3]], 0).unwrap());
            });
        }
    }
}

/// Keys for values, one layer for another, heads across: each would be noticed.
#[test]
fn a_prefix_laid_out_otherwise_would_be_noticed() {
    for (name, _) in CASES.iter().filter(|(name, _)| *name != "qwen2-tiny") {
        let (model, golden) = (load(name), tensors(&format!("{name}/prefix/golden.safetensors")));
        let (heads, dim, layers) = (model.spec.kv_heads, model.spec.head_dim, model.spec.layers);
        let rows = parts(&golden)["embedding.weight"].reshape((3, layers, 2, heads, dim)).unwrap();
        let dims = (3, layers * 2 * heads * dim);
        let swapped = Tensor::cat(&[rows.i((.., .., 1..)).unwrap(), rows.i((.., .., ..1)).unwrap()], 2).unwrap();
        let across = rows.transpose(3, 4).unwrap();
        let values_behind = rows.transpose(1, 2).unwrap();
        for (what, wrong) in [("swapped", swapped), ("across", across), ("values behind all keys", values_behind)] {
            let wrong = wrong.contiguous().unwrap().reshape(dims).unwrap();
            let adapter = Adapter::of_rows(made("prefix", &model), &model, wrong).unwrap();
            let difference = apart(&kept(&logits(&model, &golden.ids("ids"), Some(adapter.deltas()))), golden.get("logits"));
            assert!(difference > 0.05, "{name} {what}: {difference}");
        }
    }
}
