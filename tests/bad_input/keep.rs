//! What fails leaves everything as it was: models in memory, folders on disk.

use std::path::Path;

use insta::assert_snapshot;

use super::llama;
use crate::harness::world::{Room, fixture};

#[test]
fn a_block_format_that_does_not_fit() {
    let world = llama();
    assert_snapshot!(world.fail("%load llama-tiny\n%quant q8_0"), @"
    error: `model.layers.0.mlp.down_proj.weight` cannot be quantised: its rows have 48 numbers, blocks hold 32
      %quant q8_0
    hint: `%quant bf16` takes any shape
    ");
}

#[test]
fn a_failed_load_or_quant_leaves_the_model() {
    let room = Room::new();
    room.run(&format!("%load {}\n%lora r=4", fixture("llama-tiny").display()));
    let before = room.json("%info --json");
    let written = room.run("%generate \"Once upon\" max_new_tokens=8").text;
    for bad in ["%load ./nowhere/model", "%quant q8_0", "%lora target=nothing_like_it"] {
        room.fail(bad);
        assert_eq!(room.json("%info --json"), before, "{bad}");
    }
    room.fail(&format!("%load {}", fixture("gpt2-tiny/lora").display()));
    assert_eq!(room.json("%info --json"), before);
    let again = room.run("%generate \"Once upon\" max_new_tokens=8").text;
    assert_eq!(again.lines().next(), written.lines().next());
}

#[test]
fn places_that_cannot_be_written() {
    let world = llama();
    assert_snapshot!(world.fail("%load llama-tiny\n%save text.txt"), @"
    error: cannot use `<folder>/text.txt`
      %save text.txt
      it is a file: name a new folder
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%save text.txt/model"), @"
    error: cannot use `<folder>/text.txt`
      %save text.txt/model
      File exists (os error 17)
    ");
    std::fs::create_dir(world.path("thesis")).unwrap();
    world.write("thesis/chapter.tex", "x");
    assert_snapshot!(world.fail("%load llama-tiny\n%save thesis"), @"
    error: cannot use `<folder>/thesis`
      %save thesis
      it holds other files (`chapter.tex`), which saving would delete: name a new folder
    ");
    assert_eq!(names(&world.path("thesis")), ["chapter.tex"]);
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A file may not grow beyond a few kB: the write fails in the middle, as on a full disk.
#[cfg(unix)]
#[test]
fn a_save_that_fails_half_way_leaves_the_old_folder() {
    let world = llama();
    world.run("%load llama-tiny\n%save model");
    let (before, all) = (std::fs::read(world.path("model/model.safetensors")).unwrap(), names(&world.path("")));
    let mut command = std::process::Command::new("sh");
    world.freeze(&mut command);
    let script = "trap '' XFSZ; ulimit -f 32; exec \"$0\" -c \"$1\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_lantern"), "%load llama-tiny\n%generate Once max_new_tokens=1\n%save model"]);
    let ran = command.output().unwrap();
    assert_snapshot!(world.masked(&ran).1, @"
    error: cannot use `<folder>/model/model.safetensors`
      %save model
      File too large (os error 27); the files take 92.8 kB
    ");
    assert_eq!(std::fs::read(world.path("model/model.safetensors")).unwrap(), before);
    assert_eq!(names(&world.path("")), all, "nothing half-written is left");
}

/// A real full disk, where this machine lets us mount one.
#[cfg(target_os = "linux")]
#[test]
#[allow(clippy::disallowed_macros, reason = "a skipped test must be seen")]
fn a_full_disk() {
    let world = llama();
    std::fs::create_dir(world.path("small")).unwrap();
    let Some(_disk) = Disk::mount(&world.path("small")) else {
        eprintln!("SKIPPED, a file system of 64 kB cannot be mounted here");
        return;
    };
    assert_snapshot!(world.fail("%load llama-tiny\n%save small/model"), @"
    error: the disk is full: `<folder>/small/model` was not written
      %save small/model
    hint: nothing half-written was left behind; free 0.03 MB and repeat the command
    ");
    assert!(names(&world.path("small")).is_empty(), "nothing half-written is left");
}

#[cfg(target_os = "linux")]
struct Disk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(at).output();
        mounted.ok().filter(|ran| ran.status.success()).map(|_| Self(at.to_owned()))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).output();
    }
}
