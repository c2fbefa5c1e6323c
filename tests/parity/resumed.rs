//! A run that was stopped and taken up again is the run that was not.

use candle_core::DType;
use lantern::session::Session;

use super::fixture::{ADAPTED, examples, in_order, json, path, session, tensors};
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
