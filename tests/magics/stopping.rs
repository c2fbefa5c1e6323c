//! An interrupt ends a run within a step, keeps what was learned, and `%train resume=true` goes on as if nothing had happened.

use wire::{Chart, Event};

use crate::harness::world::{Heard, Room, fixture, rows};

const STEPS: usize = 120;

fn prepared() -> (Room, tempfile::TempDir) {
    let (room, folder) = (Room::new(), tempfile::TempDir::new().unwrap());
    let data = folder.path().join("rows.jsonl");
    std::fs::write(&data, rows()).unwrap();
    room.run(&format!("%load {}\n%data {} val=0.25\n%lora r=4 dropout=0.1", fixture("llama-tiny").display(), data.display()));
    (room, folder)
}

/// All losses of the run, as bits.
fn losses(heard: &Heard) -> Vec<u64> {
    let Some(Chart::Curve(curve)) = heard.charts.last() else { panic!("no curve") };
    curve.series[0].points.iter().map(|(_, loss)| loss.to_bits()).collect()
}

#[test]
fn a_stopped_run_goes_on_to_the_same_losses() {
    let train = format!("%train steps={STEPS} batch=2 seed=5 lr=1e-2");
    let (room, _folder) = prepared();
    let whole = losses(&room.run(&train));
    assert_eq!(whole.len(), STEPS);

    let (room, _folder) = prepared();
    let before = room.json("%eval ppl --json");
    let stopped = room.watch(&train, |event| {
        if matches!(event, Event::Progress { id, n: 3, .. } if id == "train") {
            room.desk.interrupt();
        }
    });
    let report = stopped.report.as_ref().unwrap();
    assert_eq!(report.name, "Interrupted");
    let taken = losses(&stopped);
    assert!((3..STEPS).contains(&taken.len()) && taken == whole[..taken.len()], "{} steps", taken.len());
    assert_eq!(
        report.message,
        format!("interrupted: step {} of {STEPS}; what was learned is kept, `%train resume=true` goes on", taken.len())
    );
    let kept = room.json("%eval ppl --json");
    assert_ne!(before["loss"], kept["loss"], "what was learned is kept");
    assert_eq!(losses(&room.run("%train resume=true")), whole);
}

#[test]
fn nothing_is_resumed_where_nothing_ran() {
    let (room, _folder) = prepared();
    assert_eq!(room.fail("%train resume=true").name, "NoRun");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_script_with_its_summary_and_code_130() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;

    use crate::harness::world::World;

    let world = World::with(&["llama-tiny"]);
    world.write(
        "cells.txt",
        "%load llama-tiny\n%data rows.jsonl show=0\n%lora r=4\n# %%\n%train steps=1000000 batch=2\n# %%\n!echo never\n",
    );
    let mut child = world.lantern(&["run", "cells.txt"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("1000000 steps on ") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "the forecast never came");
    }
    // SAFETY: a plain signal to a child that has not been waited for.
    unsafe { libc::kill(child.id().cast_signed(), libc::SIGINT) };
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{err}");
    assert!(rest.contains("steps ") && !rest.contains("never"), "{rest}");
    assert!(err.starts_with("error: interrupted: step ") && err.contains("`%train resume=true` goes on"), "{err}");
}
