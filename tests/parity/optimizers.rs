//! Five steps with every optimizer, and with smoothed labels, through the session's own loop.

use candle_core::Tensor;
use lantern::optim::Method;
use lantern::train::Recipe;
use serde_json::Value;

use super::fixture::{ADAPTED, examples, in_order, json, path, session, tensors, within};
use super::training::{parameters, recipe, run};

const ROADS: [&str; 5] = ["sgd", "momentum", "adafactor", "betas", "smoothed"];

fn of(settings: &Value, usual: Recipe) -> Recipe {
    let number = |key: &str, usual: f64| settings[key].as_f64().unwrap_or(usual);
    Recipe {
        optimizer: match settings["optimizer"].as_str().unwrap() {
            "sgd" => Method::Sgd,
            "adafactor" => Method::Adafactor,
            _ => Method::AdamW,
        },
        momentum: number("momentum", usual.momentum),
        beta1: number("beta1", usual.beta1),
        beta2: number("beta2", usual.beta2),
        eps: number("eps", usual.eps),
        label_smoothing: number("label_smoothing", 0.0),
        ..usual
    }
}

/// The largest difference of every n-th number of each parameter from the fixture's.
fn difference(ours: &std::collections::BTreeMap<String, Tensor>, theirs: &Value, every: usize) -> (f64, String) {
    let mut most = (0.0, String::new());
    for (key, expected) in theirs.as_object().unwrap() {
        let values: Vec<f32> = ours[key].flatten_all().unwrap().to_vec1().unwrap();
        let expected: Vec<f64> = expected.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        assert_eq!(values.len().div_ceil(every), expected.len(), "{key}");
        // The key's part of a fused bias: its true gradient is 0, adaptive optimizers step on rounding there.
        let third = values.len() / 3;
        let rounding = |i: usize| key.ends_with("c_attn.bias") && (third..2 * third).contains(&(i * every));
        for (i, (a, b)) in values.iter().step_by(every).zip(&expected).enumerate().filter(|(i, _)| !rounding(*i)) {
            let apart = (f64::from(*a) - b).abs();
            if apart > most.0 {
                most = (apart, format!("{key} {}", i * every));
            }
        }
    }
    most
}

#[test]
fn five_steps_of_every_optimizer_equal_theirs() {
    for name in ADAPTED {
        let (notes, golden) = (json(&format!("{name}/optimizers.json")), tensors(&format!("{name}/training.safetensors")));
        let settings = &json(&format!("{name}/training.json"))["settings"];
        let every = notes["every"].as_u64().unwrap() as usize;
        let mut finals = Vec::new();
        let roads: Vec<&str> = ROADS.into_iter().filter(|road| notes[*road].is_object()).collect();
        assert!(roads.len() == ROADS.len() || name == &"gpt2-tiny", "{name}: {roads:?}");
        for road in &roads {
            let what = format!("{name} {road}");
            let mut session = session(&path(name));
            let examples = examples(golden.get("accumulated.ids"), golden.get("accumulated.labels"));
            run(&what, &mut session, in_order(examples, 7), of(&notes[road]["settings"], recipe(settings, 2)), &notes[road]);
            finals.push(parameters(&session.base().unwrap().model));
            let (apart, place) = difference(finals.last().unwrap(), &notes[road]["final"], every);
            within(&format!("{what}: parameters after 5 steps, worst {place}"), apart, 1e-4);
        }
        // No road passes for another.
        for (i, ours) in finals.iter().enumerate() {
            for (_, road) in roads.iter().enumerate().filter(|(j, _)| *j != i) {
                let apart = difference(ours, &notes[*road]["final"], every).0;
                assert!(apart > 5e-4, "{name}: {} is {road} to {apart}", roads[i]);
            }
        }
    }
}
