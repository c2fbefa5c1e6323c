//! Mixed precision: torch's GradScaler and autocast, and what an overflow leaves as it was.

use candle_core::{DType, Tensor};
use lantern::data::Dataset;
use lantern::model::{Model, Slot};
use lantern::nn::Weight;
use lantern::optim::{Gradients, Scaler};
use lantern::train::{self, Aim, Recipe, Run};

use super::fixture::{apart, examples, in_order, json, largest, load, tensors, values, whole_batch, within};

#[test]
fn the_scale_moves_as_torchs() {
    let mut skipped = 0;
    for case in json("scaler.json").as_array().unwrap() {
        let mut scaler = Scaler::with_interval(case["interval"].as_u64().unwrap() as usize);
        for (overflow, row) in case["pattern"].as_array().unwrap().iter().zip(case["rows"].as_array().unwrap()) {
            let overflow = overflow != 0;
            scaler.update(overflow);
            // What reads the file may miss the last bit.
            assert!((scaler.scale() / row[0].as_f64().unwrap() - 1.0).abs() < 1e-12, "{case}");
            assert_eq!((scaler.good(), overflow), (row[1].as_u64().unwrap() as usize, row[2] == 1), "{case}");
            skipped += usize::from(overflow);
        }
    }
    assert!(skipped > 10);
    assert_eq!((Scaler::default(), Scaler::of(Some(DType::BF16))), (Scaler::with_interval(2000), None));
}

/// `autocast.json`: the loss, and every gradient's norm and first numbers, under `torch.autocast("cpu", dtype)`.
#[test]
fn a_step_in_bf16_is_as_near_to_f32_as_torchs() {
    for name in ["gpt2-tiny", "llama-tiny", "qwen3-tiny"] {
        let notes = json(&format!("{name}/autocast.json"));
        let golden = tensors(&format!("{name}/golden.safetensors"));
        let mut model = load(name);
        let vars = model.track().unwrap();
        let batch = || whole_batch(golden.get("ids"), golden.get("labels"));
        let of = |half| train::gradients(&model, None, &[batch()], &vars, Aim { half, ..Aim::default() }, &mut || 0).unwrap();
        let ((exact, _), (loss, gradients)) = (of(None), of(Some(DType::BF16)));
        let number = |key: &str| notes[key].as_f64().unwrap();
        assert_ne!(loss.mean(), exact.mean(), "{name}: nothing was rounded");
        // Logits of about 10 in eight bits: theirs moves by up to 7e-3, up or down as it happens.
        within(&format!("{name} bf16 loss, from f32"), (loss.mean() - exact.mean()).abs(), 3e-2);
        assert!((number("loss") - number("loss_f32")).abs() < 3e-2 && (number("loss_f32") - exact.mean()).abs() < 1e-5);
        // The share of the gradient that rounding changes, over all parameters.
        let share = |gradients: &Gradients| {
            let squares = |of: &dyn Fn(&Tensor, &Tensor) -> f64| -> f64 {
                let pairs = vars.iter().zip(&gradients.0);
                pairs.map(|((key, _), g)| of(g.as_ref().unwrap(), golden.get(&format!("grad.{key}")))).sum()
            };
            let difference = |a: &Tensor, b: &Tensor| values(a).iter().zip(values(b)).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            (squares(&difference) / squares(&|_, b| values(b).iter().map(|x| f64::from(*x).powi(2)).sum())).sqrt()
        };
        within(&format!("{name} bf16 gradients from f32, theirs {:.1e}", number("share")), share(&gradients), 1.5 * number("share"));
        assert!(share(&gradients) > number("share") / 3.0, "{name}: less rounding than there should be");
    }
}

/// A model whose gradients in f16 overflow at the first scale: its head is far too large.
fn loud() -> Model {
    let mut model = load("llama-tiny");
    let visited = model.visit(&mut |name, slot| {
        if let (true, Slot::Matrix(Weight::Dense { tensor, .. })) = (name == "lm_head.weight", slot) {
            *tensor = (&*tensor * 200.0).unwrap();
        }
        Ok(())
    });
    visited.unwrap();
    model
}

fn data() -> Dataset {
    let golden = tensors("llama-tiny/training.safetensors");
    in_order(examples(golden.get("accumulated.ids"), golden.get("accumulated.labels")), 7)
}

#[test]
fn a_step_that_overflows_is_left_out_and_counted() {
    let (mut model, data) = (loud(), data());
    let vars = model.track().unwrap();
    let recipe = Recipe { steps: Some(16), batch: 2, lr: 1e-3, warmup: 0.5, seed: 7, ..Recipe::default() };
    let rates = recipe.rates(16);
    let mut run = Run::begin(recipe, vars.clone(), &data).unwrap();
    run.compute_in(DType::F16);
    let before: Vec<Vec<f32>> = vars.iter().map(|(_, var)| values(var)).collect();
    let mut taken = 0;
    while !run.done() {
        let scale = run.overflows().unwrap().1;
        let step = run.step(&model, None, &data).unwrap().clone();
        assert_eq!(step.lr, rates.lr(taken), "the schedule waits for the steps that are left out");
        assert_eq!(run.overflows().unwrap().1, if step.overflowed { scale / 2.0 } else { scale });
        taken += usize::from(!step.overflowed);
        let same = vars.iter().zip(&before).all(|((_, var), before)| values(var) == *before);
        // The first step that is taken has a rate of 0: the warm-up.
        assert_eq!(same, taken <= 1, "step {}", step.n);
    }
    let (skipped, scale) = run.overflows().unwrap();
    assert!(skipped >= 2 && taken >= 4, "{skipped} left out, {taken} taken");
    assert_eq!(scale, 65536.0 / 2_f64.powi(skipped as i32));
    assert!(vars.iter().all(|(_, var)| values(var).iter().all(|x| x.is_finite())));
}

#[test]
fn a_loss_that_no_scale_helps_is_an_error() {
    let (mut model, data) = (loud(), data());
    let visited = model.visit(&mut |name, slot| {
        if let (true, Slot::Vector(tensor)) = (name.ends_with("norm.weight"), slot) {
            *tensor = (&*tensor * f64::from(f32::NAN)).unwrap();
        }
        Ok(())
    });
    visited.unwrap();
    let mut run = Run::begin(Recipe { steps: Some(40), batch: 2, ..Recipe::default() }, model.track().unwrap(), &data).unwrap();
    run.compute_in(DType::F16);
    let error = loop {
        if let Err(error) = run.step(&model, None, &data) {
            break error;
        }
    };
    assert_eq!((error.name(), run.overflows().unwrap().0), ("BadNumber", 17), "16 halvings, and one step without a scale");
}

/// The scaled road gives the gradients of the plain one: a power of two costs no digits.
#[test]
fn the_scale_cancels() {
    let golden = tensors("llama-tiny/golden.safetensors");
    let mut model = load("llama-tiny");
    let vars = model.track().unwrap();
    let of = |scale: f64| {
        let aim = Aim { scale, ..Aim::default() };
        train::gradients(&model, None, &[whole_batch(golden.get("ids"), golden.get("labels"))], &vars, aim, &mut || 0).unwrap().1
    };
    let (plain, mut scaled) = (of(1.0), of(65536.0));
    let scaler = Scaler::default();
    assert!(largest(scaled.0[0].as_ref().unwrap()) > 1000.0 * largest(plain.0[0].as_ref().unwrap()));
    scaler.unscale(&mut scaled).unwrap();
    for (a, b) in plain.0.iter().zip(&scaled.0) {
        let (a, b) = (a.as_ref().unwrap(), b.as_ref().unwrap());
        within("unscaled gradients", apart(a, b) / largest(a), 1e-6);
    }
}
