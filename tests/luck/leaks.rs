//! What a hundred rounds leave behind, and what a file that changes does to the model that came out of it.

use std::fs::File;

use super::llama;
use crate::harness::world::Room;

/// Resident kB and open files of the program, after each `rounds` of `%load spark` and `%unload`.
fn rounds(world: &crate::harness::world::World, rounds: &[usize]) -> Vec<(u64, u64)> {
    let look = "!grep VmRSS: /proc/$PPID/status; echo files $(ls /proc/$PPID/fd | wc -l)\n";
    let cells: String = rounds.iter().map(|n| "%load spark\n%generate Once max_new_tokens=1\n%unload\n".repeat(*n) + look).collect();
    world.write("cells.txt", cells);
    let ran = world.lantern(&["run", "cells.txt"]).output().unwrap();
    let (out, err) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert!(ran.status.success(), "{out}{err}");
    let numbers = |start: &str| -> Vec<u64> {
        let lines = out.lines().filter_map(|line| line.strip_prefix(start));
        lines.map(|rest| rest.trim().trim_end_matches(" kB").parse().unwrap()).collect()
    };
    numbers("VmRSS:").into_iter().zip(numbers("files ")).collect()
}

#[test]
fn a_hundred_rounds_of_load_and_unload_grow_nothing() {
    let world = llama();
    let [(before, files_before), (after, files_after)] = rounds(&world, &[20, 80])[..] else { panic!("two looks") };
    assert_eq!(files_after, files_before);
    // Spark is 5.7 MB in its file and twice that in memory: one of the eighty that stayed would show.
    assert!(after < before + 4_000, "{before} kB, then {after} kB");
}

/// Overwritten in place, cut to nothing, deleted: what is loaded is a copy.
#[test]
fn a_model_file_that_changes_under_the_model_changes_nothing() {
    let world = llama();
    let room = Room::new();
    let (folder, weights) = (world.path("llama-tiny"), world.path("llama-tiny/model.safetensors"));
    let write = "%generate \"Once upon\" max_new_tokens=12\n%eval ppl";
    let eval = format!("{write} {}", world.path("text.txt").display());
    room.run(&format!("%load {}", folder.display()));
    let said = |room: &Room| crate::harness::world::mask(&room.run(&eval).text);
    let before = said(&room);
    let bytes = std::fs::read(&weights).unwrap();
    let in_place = |content: &[u8]| {
        let mut file = File::options().write(true).open(&weights).unwrap();
        std::io::Write::write_all(&mut file, content).unwrap();
        file.set_len(content.len() as u64).unwrap();
    };
    in_place(&vec![0x3f; bytes.len()]);
    assert_eq!(said(&room), before, "overwritten");
    in_place(&[]);
    assert_eq!(said(&room), before, "cut to nothing");
    let report = room.fail(&format!("%load {}", folder.display()));
    assert_eq!(report.name, "BadWeights");
    std::fs::remove_file(&weights).unwrap();
    assert_eq!(said(&room), before, "deleted");
    std::fs::write(&weights, bytes).unwrap();
    room.run(&format!("%load {}", folder.display()));
    assert_eq!(said(&room), before, "loaded again");
}
