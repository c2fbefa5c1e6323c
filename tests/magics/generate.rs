//! %generate, %chat, %next, %tokens.

use insta::assert_snapshot;

use wire::Event;

use crate::harness::world::{Room, World, fixture};

#[test]
fn generate_shows_prompt_and_text() {
    let world = World::with(&["llama-tiny", "gpt2-tiny"]);
    assert_snapshot!(world.run("%load llama-tiny\n%generate \"Once upon\" max_new_tokens=12"), @r"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    Once upon theLKF\dRd5-%c
    [length reached, max_new_tokens= allows more; 12 tokens, <rate> tokens/s]
    ");
    assert_snapshot!(world.run("%load gpt2-tiny\n%generate \"Once upon\" max_new_tokens=12"), @r#"
    loaded gpt2-tiny: gpt2, 18.4 k parameters, 73.4 kB in <time>
    Once uponUUU"rgUUUrLL
    [length reached, max_new_tokens= allows more; 12 tokens, <rate> tokens/s]
    "#);
    assert_snapshot!(world.run("%load llama-tiny\n%generate Once upon a time max_new_tokens=100"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    Once upon a time6so t3 bsWndcco tX,or oOzfndWcOGW|ndtus{t=L7 tLy*O aorY,{ndRoG b
    [the model's context is full; 51 tokens, <rate> tokens/s]
    ");
}

#[test]
fn sampling_repeats_with_its_seed() {
    let world = World::with(&["llama-tiny"]);
    let code = "%load llama-tiny\n%generate \"Once upon\" max_new_tokens=20 temperature=1 seed=3";
    let first = world.run(code);
    assert_eq!(first, world.run(code));
    assert_ne!(first, world.run(&code.replace("seed=3", "seed=4")));
    let session = "%load llama-tiny\n%seed 3\n%generate \"Once upon\" max_new_tokens=20 temperature=1";
    assert_eq!(world.run(session), world.run(session));
}

#[test]
fn chat_shows_the_answer_alone() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.run("%load llama-tiny\n%chat hi max_new_tokens=8\n%chat new=true"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    )K bzt>^B
    a new conversation
    ");
}

#[test]
fn next_draws_bars() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.run("%load llama-tiny\n%next \"Once upon a\" top=5"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    next after “Once upon a”
    █ model
    S  █████████████████████████████████████████████████████████████████████   0.178
    {  █████████████████████████████████████▌                                0.09687
    an ███████████████████████████                                           0.06964
    ·s ████████████████████████▊                                             0.06371
    @  ████████████████████▎                                                 0.05209
       probability
    ");
    assert_snapshot!(world.run("%load llama-tiny\n%next \"Once upon a\" top=4 temperature=0.7 top_k=3"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    next after “Once upon a”
    █a model   █b after the options
    S  a ████████████████████                                                  0.178
       b ███████████████████████████████████████████████████████████████████  0.5948
    {  a ██████████▉                                                         0.09687
       b ████████████████████████████▏                                        0.2495
    an a ███████▉                                                            0.06964
       b █████████████████▌                                                   0.1557
    ·s a ███████▏                                                            0.06371
       b                                                                           0
       probability
    ");
}

#[test]
fn next_is_certain_when_greedy_and_starts_from_nothing() {
    let world = World::with(&["llama-tiny", "gpt2-tiny"]);
    let greedy = world.json("%load llama-tiny\n%next a top=3 temperature=0 --json");
    let after: Vec<f64> = greedy["tokens"].as_array().unwrap().iter().map(|token| token["after"].as_f64().unwrap()).collect();
    assert_eq!(after, [1.0, 0.0, 0.0]);
    let plain = world.json("%load llama-tiny\n%next a top=3 --json");
    assert!(plain["tokens"].as_array().unwrap().iter().all(|token| token["before"] == token["after"]), "{plain}");
    for model in ["llama-tiny", "gpt2-tiny"] {
        assert_eq!(world.json(&format!("%load {model}\n%next \"\" top=3 --json"))["tokens"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn an_interrupt_keeps_what_was_written() {
    let room = Room::new();
    room.run(&format!("%load {}", fixture("llama-tiny").display()));
    let mut pieces = 0;
    let heard = room.watch("%generate Once max_new_tokens=60", |event| {
        pieces += usize::from(matches!(event, Event::Print { .. }));
        if pieces == 2 {
            room.desk.interrupt();
        }
    });
    // The model is quick: it may be through before the interrupt comes.
    if let Some(report) = &heard.report {
        assert!(report.name == "Interrupted" && report.message.ends_with(" tokens were written"), "{report:?}");
    }
    assert!(heard.text.starts_with("Once") && heard.text.len() > "Once\n".len(), "{heard:?}");
    assert_eq!(room.run("!echo still here").text, "still here\n");
}

#[test]
fn tokens_show_ids_and_split_characters() {
    let world = World::with(&["gpt2-tiny"]);
    assert_snapshot!(world.run("%load gpt2-tiny\n%tokens Hello world"), @"
    loaded gpt2-tiny: gpt2, 18.4 k parameters, 73.4 kB in <time>
    11 tokens, 11 characters
    H │e │l │l │o │·│w │o │r │l │d
    42 71 78 78 81 2 89 81 84 78 70
    ");
}
