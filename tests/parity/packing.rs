//! Examples end to end in one row, side by side with padding, and one by one in a window: the same loss and gradients.

use lantern::data::{Batch, Example, batch, pack};
use lantern::model::Model;
use lantern::optim::{Gradients, Parameters};
use lantern::train::{self, Aim, Recipe, Run};

use super::fixture::{apart, examples, in_order, largest, load, tensors, within};

const MODELS: [&str; 7] = ["gpt2-tiny", "llama-tiny", "llama-tied-tiny", "gpt_neox-tiny", "qwen2-tiny", "qwen3-tiny", "mistral-tiny"];

/// Sixteen rows of 2 to 12 tokens, each with its own share of learned ones.
fn rows(name: &str) -> Vec<Example> {
    let golden = tensors(&format!("{}/training.safetensors", if name == "mistral-tiny" { "llama-tiny" } else { name }));
    let mut rows = examples(golden.get("accumulated.ids"), golden.get("accumulated.labels"));
    rows.truncate(16);
    for (i, row) in rows.iter_mut().enumerate() {
        row.cut(2 + i * 7 % 11);
        // A row whose learned tokens were all cut off learns its last one.
        if !row.learned.contains(&true) {
            *row.learned.last_mut().unwrap() = true;
        }
    }
    rows
}

struct Window {
    loss: f64,
    gradients: Gradients,
}

fn window(model: &Model, vars: &Parameters, batches: &[Batch], smoothing: f64) -> Window {
    let (loss, gradients) = train::gradients(model, None, batches, vars, Aim { smoothing, ..Aim::default() }, &mut || 0).unwrap();
    Window { loss: loss.mean(), gradients }
}

/// How far two windows are apart: the losses, and the gradients relative to the largest.
fn difference(a: &Window, b: &Window) -> (f64, f64) {
    let pairs = || a.gradients.0.iter().zip(&b.gradients.0).map(|(a, b)| (a.as_ref().unwrap(), b.as_ref().unwrap()));
    let scale = pairs().map(|(a, _)| largest(a)).fold(0.0, f64::max);
    ((a.loss / b.loss - 1.0).abs(), pairs().map(|(a, b)| apart(a, b)).fold(0.0, f64::max) / scale)
}

#[test]
fn sixteen_rows_are_one_window_however_they_are_cut() {
    for name in MODELS {
        let (rows, mut model) = (rows(name), load(name));
        let vars = model.track().unwrap();
        for smoothing in [0.0, 0.1] {
            let cut = |size: usize, make: fn(&[Example]) -> Batch| -> Window {
                window(&model, &vars, &rows.chunks(size).map(make).collect::<Vec<_>>(), smoothing)
            };
            let padded = |rows: &[Example]| batch(rows, 0);
            let whole = cut(16, padded);
            for (how, other) in [
                ("4x4", cut(4, padded)),
                ("16x1", cut(1, padded)),
                ("1x16 packed", cut(16, |rows| pack(rows))),
                ("4x4 packed", cut(4, |rows| pack(rows))),
            ] {
                let (loss, gradients) = difference(&other, &whole);
                within(&format!("{name} {how} = 1x16 loss, relative"), loss, 1e-6);
                within(&format!("{name} {how} = 1x16 gradients, relative to the largest"), gradients, 5e-6);
            }
        }
        // Documents that see each other, or whose positions do not begin anew, are another window.
        let mut joined = pack(&rows[..5]);
        joined.packed = false;
        let (loss, _) = difference(&window(&model, &vars, &[joined], 0.0), &window(&model, &vars, &[pack(&rows[..5])], 0.0));
        assert!(loss > 1e-3, "{name}: one long row differs by {loss} only");
    }
}

/// Ten rows in batches of two and windows of four: a window of four batches, and one of the batch that is left.
#[test]
fn the_last_short_window_counts() {
    let rows = rows("llama-tiny")[..10].to_vec();
    let trail = |pack: bool| {
        let (mut model, data) = (load("llama-tiny"), in_order(rows.clone(), 7));
        let recipe = Recipe { batch: 2, accum: 4, seed: 7, lr: 1e-2, pack, ..Recipe::default() };
        let mut run = Run::begin(recipe, model.track().unwrap(), &data).unwrap();
        while !run.done() {
            run.step(&model, None, &data).unwrap();
        }
        run.steps().to_vec()
    };
    let (padded, packed) = (trail(false), trail(true));
    let tokens: Vec<usize> = padded.iter().map(|step| step.tokens).collect();
    let of = |rows: &[Example]| rows.iter().map(|row| row.len() - 1).sum::<usize>();
    assert_eq!(tokens, [of(&rows[..8]), of(&rows[8..])]);
    for (a, b) in padded.iter().zip(&packed) {
        assert_eq!(a.tokens, b.tokens);
        within("a packed run's loss, relative", (a.loss / b.loss - 1.0).abs(), 1e-5);
        within("a packed run's gradient norm, relative", (a.grad_norm / b.grad_norm - 1.0).abs(), 1e-5);
    }
}
