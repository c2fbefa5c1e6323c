//! %compare.

use insta::assert_snapshot;
use wire::Event;

use crate::harness::world::{Room, World, fixture, rows};

const BEGIN: &str = "%load llama-tiny\n%data rows.jsonl val=0.25 show=0 --json\n";

#[test]
fn methods_stand_side_by_side() {
    let world = World::with(&["llama-tiny"]);
    let found = world.json(&format!("{BEGIN}%compare lora,dora,ptune,prefix,full steps=4 batch=2 lr=1e-2 n=2 text=text.txt seed=3 --json"));
    let rows = found["rows"].as_array().unwrap();
    let column = |key: &str| -> Vec<f64> { rows.iter().map(|row| row[key].as_f64().unwrap()).collect() };
    let methods: Vec<&str> = rows.iter().map(|row| row["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["lora", "dora", "ptune", "prefix", "full"]);
    assert_eq!(column("steps"), [4.0; 5]);
    assert_eq!(column("parameters")[4], 23_200.0);
    // What is compared with is the model by itself; fresh virtual tokens would change it.
    let (before, after, text) = (column("val_before"), column("val_after"), column("text_before"));
    for same in 1..5 {
        assert!((before[0] - before[same]).abs() < 1e-5 && (text[0] - text[same]).abs() < 1e-2, "{before:?} {text:?}");
    }
    // Four steps do not take a prefix out of the way that begins as noise.
    assert!([0, 1, 2, 4].into_iter().all(|i| after[i] < before[i]), "{before:?} {after:?}");
    assert!((0..5).all(|i| (0..i).all(|j| after[i] != after[j])), "{after:?}");
    assert_eq!(found["adapters"], serde_json::json!(["lora", "dora", "p-tuning", "prefix"]));
}

/// The same as `%train` alone: same start, same batches.
#[test]
fn a_method_is_compared_as_it_trains_alone() {
    let world = World::with(&["llama-tiny"]);
    let options = "steps=4 batch=2 lr=1e-2 seed=3";
    let compared = world.json(&format!("{BEGIN}%compare dora,full {options} --json"));
    let alone = |begin: &str| world.json(&format!("{BEGIN}{begin}\n%train {options} --json"));
    for (i, begin) in ["%lora dora=true seed=3 --json", "%full --json"].into_iter().enumerate() {
        let (ours, theirs) = (compared["rows"][i]["val_after"].as_f64().unwrap(), alone(begin)["val_loss"].as_f64().unwrap());
        assert!((ours - theirs).abs() < 1e-6, "{begin}: {ours} {theirs}");
    }
}

#[test]
fn what_it_kept_can_be_attached() {
    let world = World::with(&["llama-tiny"]);
    let text = world.run(&format!("{BEGIN}%lora name=mine --json\n%compare lora,full steps=2 batch=2 lr=1e-2\n%adapters lora"));
    let end: Vec<&str> = text.lines().rev().take(5).collect();
    assert_snapshot!(end.into_iter().rev().collect::<Vec<_>>().join("\n"), @"
    model and adapter are as before; `%adapters NAME` attaches what was trained: lora
    name  method                   trained  state     saved
    ────  ───────────────────────  ───────  ────────  ─────────
    lora  lora r=16 q_proj,v_proj     3584  attached  not saved
    mine  lora r=16 q_proj,v_proj     3584  detached
    ");
    assert_snapshot!(world.fail(&format!("{BEGIN}%compare lora,magic")), @"
    error: `METHOD` cannot be `magic`: use lora, rslora, dora, p-tuning, p-tuning-lstm, prompt, prefix, full
      %compare lora,magic
    hint: `%compare?` shows what it takes
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%compare"), @"
    error: no data is loaded
      %compare
    hint: %data FILE
    ");
}

/// An interrupt in the second method: what both came to is in the table and in `%adapters`, and model, adapter and run are as before.
#[test]
fn an_interrupt_keeps_what_was_done() {
    const STEPS: usize = 1000;
    let prepared = || {
        let (room, folder) = (Room::new(), tempfile::TempDir::new().unwrap());
        let data = folder.path().join("rows.jsonl");
        std::fs::write(&data, rows()).unwrap();
        let begin = format!("%load {}\n%data {} val=0.25\n%lora r=4 name=mine", fixture("llama-tiny").display(), data.display());
        room.run(&format!("{begin}\n%train steps=3 batch=2 lr=1e-2 seed=5 dtype=f32"));
        (room, folder)
    };
    let (room, _folder) = prepared();
    let before = room.json("%eval ppl --json");
    let (mut methods, mut table) = (0, None);
    let heard = room.watch(&format!("%compare lora,dora,full steps={STEPS} batch=2 lr=1e-2"), |event| {
        if let Event::Table(found) = event {
            table = Some(found.clone());
        }
        if matches!(event, Event::Progress { id, n: 2, .. } if id == "compare") {
            methods += 1;
            if methods == 2 {
                room.desk.interrupt();
            }
        }
    });
    let report = heard.report.as_ref().unwrap();
    assert_eq!((report.name.as_str(), report.message.as_str()), ("Interrupted", "interrupted: 2 of 3 methods are in the table"));
    let steps: Vec<usize> = table.unwrap().rows.iter().map(|row| row[4].parse().unwrap()).collect();
    assert!(steps[0] == STEPS && (2..STEPS).contains(&steps[1]) && steps.len() == 2, "{steps:?}");
    let adapters = room.json("%adapters --json");
    let names = |found: &serde_json::Value| -> Vec<String> {
        let rows = found["adapters"].as_array().unwrap();
        rows.iter().map(|row| format!("{} {}", row["name"].as_str().unwrap(), row["standing"].as_str().unwrap())).collect()
    };
    assert_eq!(names(&adapters), ["mine attached", "dora detached", "lora detached"]);
    assert_eq!(room.json("%eval ppl --json"), before);
    let (untouched, _other) = prepared();
    assert_eq!(untouched.json("%eval ppl --json"), before);
    let (resume, loss) = ("%train resume=true steps=6 --json", "%eval ppl --json");
    assert_eq!(room.json(resume)["loss"], untouched.json(resume)["loss"], "the run goes on as if nothing had been compared");
    assert_eq!(room.json(loss), untouched.json(loss));
}
