//! Early stopping decides as transformers' callback does, and puts the best weights back.

use candle_core::DType;
use lantern::data::Dataset;
use lantern::session::Session;
use lantern::train::{Recipe, out_of_patience};

use super::fixture::{examples, in_order, json, path, session, tensors};
use super::training::parameters;

#[test]
fn patience_ends_where_transformers_does() {
    let cases = json("stopping.json");
    let mut stopped = 0;
    for case in cases.as_array().unwrap() {
        let losses: Vec<f64> = case["losses"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        let (patience, threshold) = (case["patience"].as_u64().unwrap() as usize, case["threshold"].as_f64().unwrap());
        let first = (1..=losses.len()).find(|n| out_of_patience(losses[..*n].iter().copied(), patience, threshold));
        assert_eq!(first, case["stop"].as_u64().map(|n| n as usize), "{case}");
        stopped += usize::from(first.is_some());
    }
    assert!(stopped > 10 && stopped < cases.as_array().unwrap().len());
}

/// A run that overfits at once: few rows, a rate that is far too high, and other rows to look at.
fn overfitting(patience: Option<usize>) -> (Session, Recipe) {
    let golden = tensors("llama-tiny/training.safetensors");
    let mut session = session(&path("llama-tiny"));
    let mut rows = examples(golden.get("accumulated.ids"), golden.get("accumulated.labels"));
    let val = rows.split_off(8);
    session.set_data(Dataset { val, ..in_order(rows, 7) });
    let recipe = Recipe { steps: Some(60), batch: 2, lr: 5e-3, seed: 7, eval_every: Some(2), patience, ..Recipe::default() };
    (session, recipe)
}

#[test]
fn a_run_that_ran_out_of_patience_has_its_best_weights() {
    let (mut session, recipe) = overfitting(Some(3));
    session.begin_training(recipe.clone(), DType::F32).unwrap();
    while session.train_step().unwrap().is_some() {}
    let back = session.finish_training().unwrap().expect("the best is not the last");
    let run = session.run().unwrap();
    assert!(run.steps().len() < 60 && run.steps().len() == back.step + 6, "{} {back:?}", run.steps().len());
    assert_eq!((run.weights_of(), run.best().unwrap()), (back.step, back));
    let kept = parameters(&session.base().unwrap().model);

    // The same run stopped there has the same bits.
    let (mut other, _) = overfitting(None);
    other.begin_training(recipe.clone(), DType::F32).unwrap();
    for _ in 0..back.step {
        other.train_step().unwrap();
    }
    other.finish_training().unwrap();
    for (key, value) in parameters(&other.base().unwrap().model) {
        assert_eq!(super::fixture::values(&kept[&key]), super::fixture::values(&value), "{key}");
    }
    assert_eq!(session.resume_training(Some(5)).unwrap_err().name(), "RunReturned");
}

#[test]
fn without_patience_the_last_weights_stay_until_asked() {
    let (mut session, recipe) = overfitting(None);
    session.begin_training(Recipe { steps: Some(20), ..recipe }, DType::F32).unwrap();
    while session.train_step().unwrap().is_some() {}
    assert_eq!(session.finish_training().unwrap(), None);
    let best = session.run().unwrap().best().unwrap();
    assert!(session.run().unwrap().can_go_back() && best.step < 20);
    let last = session.loss_on_data(usize::MAX).unwrap().0.mean();
    assert_eq!(session.go_back().unwrap(), best);
    let loss = session.loss_on_data(usize::MAX).unwrap().0.mean();
    assert!((loss - best.loss).abs() < 1e-6 && loss < last, "{loss} {last} {best:?}");
    assert_eq!(session.go_back().unwrap_err().name(), "NoBest");
}
