//! A run that was stopped and taken up again is the run that was not.

use std::sync::Arc;

use candle_core::DType;
use lantern::data::Options;
use lantern::hub::Wish;
use lantern::session::{Format, Session, Shared};
use lantern::stop::Stop;
use lantern::store::{History, Home};
use lantern::train::Recipe;

use super::fixture::{ADAPTED, device, examples, in_order, json, open, path, session, tensors};
use super::training::recipe;

/// A session about to take the fixture's five steps, on an adapter or on all weights.
fn ready(name: &str, adapter: bool, dtype: DType) -> Session {
    let (golden, notes) = (tensors(&format!("{name}/training.safetensors")), json(&format!("{name}/training.json")));
    let mut session = session(&path(name));
    if adapter {
        session.load_adapter(&path(&format!("{name}/lora"))).unwrap();
    }
    session.set_data(in_order(examples(golden.get("plain.ids"), golden.get("plain.labels")), 7));
    session.begin_training(recipe(&notes["settings"], 1), dtype).unwrap();
    session
}

/// The bits of the losses of up to `count` steps.
fn steps(session: &mut Session, count: usize) -> Vec<u64> {
    let taken = (0..count).map_while(|_| session.train_step().unwrap()).map(|step| step.loss.to_bits()).collect();
    session.finish_training().unwrap();
    taken
}

#[test]
fn a_stopped_run_goes_on_to_the_bit() {
    for name in ADAPTED {
        for (adapter, dtype) in [(false, DType::F32), (false, DType::F16), (true, DType::F32), (true, DType::BF16), (true, DType::F16)] {
            let straight = steps(&mut ready(name, adapter, dtype), 9);
            let mut session = ready(name, adapter, dtype);
            let mut stopped = steps(&mut session, 3);
            assert_eq!(stopped.len(), 3);
            session.resume_training(None).unwrap();
            stopped.extend(steps(&mut session, 9));
            assert_eq!((straight.len(), &stopped), (5, &straight), "{name}, adapter {adapter}, {dtype:?}");
        }
        assert_ne!(steps(&mut ready(name, true, DType::BF16), 1), steps(&mut ready(name, true, DType::F32), 1), "bf16 weights differ");
    }
}

/// A session with a home of its own, about to train an adapter on packed weights from a file that stays on the disk.
fn streaming(home: &std::path::Path, file: &std::path::Path) -> Session {
    let home = Home::find(Some(home.to_owned()));
    let mut session = Session::new(Stop::new(), Arc::new(Shared::default()), Arc::new(History::default()), &home, device());
    open(&mut session, path("llama-tiny").to_str().unwrap(), None).unwrap();
    session.quantise(Format::parse("nf4").unwrap(), &mut |_, _| {}).unwrap();
    session.load_adapter(&path("llama-tiny/lora")).unwrap();
    let options = Options { val: 0.2, ..Options::default() };
    session.stream_set(file.to_str().unwrap(), Wish::default(), options, &mut |_, _| {}).unwrap();
    assert_eq!(session.dataset().unwrap().count(), 8);
    let notes = json("llama-tiny/training.json");
    // Four steps of two batches of two: the second epoch begins in the middle.
    let recipe = Recipe { steps: Some(4), keep_packed: true, ..recipe(&notes["settings"], 2) };
    session.begin_training(recipe, DType::F32).unwrap();
    session
}

#[test]
fn a_streamed_run_that_was_killed_goes_on_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.jsonl");
    let rows: String = (0..10).map(|i| format!("{{\"text\":\"add {i} to one\"}}\n")).collect();
    std::fs::write(&file, rows).unwrap();
    let home = |name: &str| folder.path().join(name);
    let straight = steps(&mut streaming(&home("a"), &file), 9);
    assert_eq!(straight.len(), 4);
    let mut killed = streaming(&home("b"), &file);
    assert!(killed.keep_run(Some(1)).unwrap().is_none());
    let before: Vec<u64> = (0..2).map_while(|_| killed.train_step().unwrap()).map(|step| step.loss.to_bits()).collect();
    drop(killed);
    let mut again = streaming(&home("b"), &file);
    let found = again.keep_run(Some(1)).unwrap().expect("the run that was cut off");
    again.go_on(&found, Some(1)).unwrap();
    let after = steps(&mut again, 9);
    assert_eq!([before, after].concat(), straight);
    // The same rows in another format are the same run.
    let list = folder.path().join("rows.json");
    let rows: Vec<String> = (0..10).map(|i| format!("{{\"text\":\"add {i} to one\"}}")).collect();
    std::fs::write(&list, format!("[{}]", rows.join(",\n"))).unwrap();
    assert_eq!(steps(&mut streaming(&home("c"), &list), 9), straight);
    // Another file is another run.
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace("add 3", "sum 3")).unwrap();
    assert!(streaming(&home("b"), &file).keep_run(Some(1)).unwrap().is_none());
}
