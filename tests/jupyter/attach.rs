//! `%attach`: a run that goes on without the one who began it, seen from another client.

use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::Duration;

use wire::{Event, Execute, Form};

use crate::harness::kernel::{Kernel, printed, rest, run, shown, until};

/// Prints one line at once and one when the file `go` is there.
const HELD: &str = "!echo begun; while [ ! -e go ]; do sleep 0.02; done; echo over";

fn is_print(event: &Event) -> bool {
    matches!(event, Event::Print { .. })
}

fn is_shown(event: &Event) -> bool {
    matches!(event, Event::Show { .. })
}

#[test]
fn training_goes_on_without_its_client_and_is_seen_by_the_next() {
    let kernel = Kernel::start(&["llama-tiny"]);
    let one = kernel.client();
    run(&one, "%load llama-tiny\n%data rows.jsonl\n%lora r=4");
    // The second line holds the cell, so that it is still there when the other client comes.
    let cell = one.execute(Execute::new(format!("%train steps=30 batch=2\n{HELD}")));
    until(&cell, is_shown);
    drop(cell);
    one.close();
    let two = kernel.client();
    let attached = two.execute(Execute::new("%attach"));
    let mut events = until(&attached, |event| matches!(event, Event::Print { text, .. } if text.contains("begun")));
    kernel.world.write("go", "");
    let (more, outcome) = rest(&attached);
    events.extend(more);
    assert_eq!((outcome.count, outcome.error), (2, None));
    let text = printed(&events);
    assert!(text.starts_with("cell 2 has been running for") && text.contains("%train steps=30 batch=2…"), "{text}");
    assert!(text.ends_with("begun\nover\n"), "{text}");
    let pictures = shown(&events);
    assert!(pictures.iter().any(|text| text.contains("train") && text.contains('┤')), "{pictures:#?}");
    assert!(pictures.iter().any(|text| text.contains("peak memory")), "{pictures:#?}");
    let svg = |event: &Event| matches!(event, Event::Show { forms, .. } if forms.iter().any(|form: &Form| form.mime == "image/svg+xml"));
    assert!(events.iter().any(svg));
    // Now it is over: all of it, at once.
    let (again, _) = run(&two, "%attach");
    assert!(printed(&again).starts_with("cell 2 ended after") && printed(&again).ends_with("begun\nover\n"));
    assert_eq!(shown(&again).len(), pictures.len());
}

#[test]
fn stopping_the_look_does_not_stop_the_run() {
    let kernel = Kernel::start(&[]);
    let (one, two) = (kernel.client(), kernel.client());
    let cell = one.execute(Execute::new(HELD));
    until(&cell, is_print);
    let attached = two.execute(Execute::new("%attach"));
    until(&attached, |event| matches!(event, Event::Print { text, .. } if text.contains("begun")));
    two.interrupt();
    let (events, outcome) = rest(&attached);
    assert!(printed(&events).contains("the cell goes on") && outcome.error.is_none());
    assert_eq!(cell.try_recv(), Err(TryRecvError::Empty));
    // One whose own cell only waits takes that back, and nobody else's.
    let queued = two.execute(Execute::new("!echo queued"));
    let told = until(&queued, |event| matches!(event, Event::Print { .. }));
    assert!(matches!(&told[..], [Event::Print { text, .. }] if text.starts_with("waits for")), "{told:?}");
    assert_eq!(queued.recv_timeout(Duration::from_millis(50)), Err(RecvTimeoutError::Timeout));
    two.interrupt();
    assert_eq!(rest(&queued).1.error.expect("not run").name, "Aborted");
    assert_eq!(cell.try_recv(), Err(TryRecvError::Empty));
    // Another look ends when the run does, and says how.
    let attached = two.execute(Execute::new("%attach"));
    until(&attached, |event| matches!(event, Event::Print { text, .. } if text.contains("begun")));
    one.interrupt();
    assert_eq!(rest(&cell).1.error.expect("interrupted").name, "Interrupted");
    let (events, outcome) = rest(&attached);
    assert!(events.iter().any(|event| matches!(event, Event::Print { text, .. } if text.starts_with("interrupted: "))), "{events:?}");
    assert_eq!(outcome.error, None);
}

#[test]
fn it_answers_whatever_there_is() {
    let kernel = Kernel::start(&[]);
    let client = kernel.client();
    assert_eq!(printed(&run(&client, "%attach").0), "no cell has run in this session yet\n");
    run(&client, "!echo 1");
    run(&client, "!seq 100000");
    let (events, outcome) = run(&client, "// only this\n%attach");
    let text = printed(&events);
    assert!(text.len() < 140_000 && text.contains("… (what came before is not kept)") && text.ends_with("\n99999\n100000\n"));
    assert_eq!(outcome.count, 2, "no number of its own");
    let (events, _) = run(&client, "%attach --json");
    let [Event::Value { forms }] = events.as_slice() else { panic!("{events:?}") };
    let state: serde_json::Value = serde_json::from_str(Form::text(forms)).unwrap();
    assert_eq!((&state["cell"], &state["running"], &state["code"]), (&2.into(), &false.into(), &"!seq 100000".into()));
    let wrong = |code: &str| run(&client, code).1.error.expect("an error");
    assert_eq!((wrong("%attach 7").name.as_str(), wrong("%attach 7").span), ("Usage", Some((0, 9))));
    assert!(wrong("%seed 7\n%attach").message.contains("alone in its cell"));
}
