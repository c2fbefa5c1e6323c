//! Homes that cannot be written or are not there, files of later versions, times that lie ahead, and a folder that is saved over.

use std::time::{Duration, SystemTime};

use insta::assert_snapshot;

use super::llama;

/// A home below a file can never be made, whoever asks.
#[test]
fn a_home_that_cannot_be_written_costs_only_what_would_be_kept() {
    let world = llama();
    let run = |code: &str| {
        let mut command = world.lantern(&["-c", code]);
        let ran = command.env("LANTERN_HOME", world.path("text.txt/home")).env("TMPDIR", world.path("")).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        world.masked(&ran)
    };
    let (out, err) = run("%load spark\n%generate Once max_new_tokens=3\n%load llama-tiny\n%eval ppl text.txt\n%save kept\n%history");
    assert!(out.contains("loaded spark") && out.contains("saved kept"), "{out}");
    assert_eq!(err, "");
    let (out, err) = run("%lang zh");
    assert!(out.contains("中文"), "{out}");
    assert_snapshot!(err, @"无法使用 `<folder>/text.txt/home`：Not a directory (os error 20)");
}

/// Without a home folder a temporary place serves, and says so.
#[cfg(target_os = "linux")]
#[test]
fn no_home_at_all() {
    let world = llama();
    let mut command = world.lantern(&["-c", "%load spark\n%generate Once max_new_tokens=1"]);
    // A relative home is none.
    let ran = command.env_remove("LANTERN_HOME").env("HOME", "nowhere").env("TMPDIR", world.path("")).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert_snapshot!(world.masked(&ran).1, @"there is no home folder: models, settings and history go to <folder>/lantern, which the system may clear; LANTERN_HOME names a lasting place");
    assert!(world.path("lantern/cache/models/spark/config.json").is_file());
}

#[test]
fn what_a_later_version_keeps_is_left_alone() {
    let world = llama();
    let files = [
        ("settings.json", "version = 9\n"),
        ("running/later.json", "{\"version\":9,\"what\":[]}\n"),
        ("cache/models/dream/weights.new", "x"),
        ("runs/7/run.new", "x"),
    ];
    for (name, text) in files {
        let path = world.home().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let line = "{\"version\":9,\"session\":4,\"cells\":[\"%dream\"]}\n";
    std::fs::write(world.home().join("history.jsonl"), line).unwrap();
    let ran = world.lantern(&["-c", "%load spark\n%lang en\n%history"]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert_snapshot!(
        world.masked(&ran).1,
        @"cannot use `<home>/settings.json`: another version of Lantern wrote it in a form that this one does not know: it stays as it is"
    );
    for (name, text) in files {
        assert_eq!(std::fs::read_to_string(world.home().join(name)).unwrap(), text, "{name}");
    }
    assert!(std::fs::read_to_string(world.home().join("history.jsonl")).unwrap().starts_with(line), "appended to");
}

/// Files from the year 2100, as a clock that was wrong leaves them.
#[test]
fn times_that_lie_ahead() {
    let world = llama();
    world.run("%load spark");
    let ahead = SystemTime::now() + Duration::from_secs(75 * 365 * 86_400);
    for entry in std::fs::read_dir(world.home().join("cache/models/spark")).unwrap() {
        std::fs::File::options().write(true).open(entry.unwrap().path()).unwrap().set_modified(ahead).unwrap();
    }
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::File::options().write(true).open(world.path("llama-tiny").join(name)).unwrap().set_modified(ahead).unwrap();
    }
    world.run("%load spark\n%models\n%load llama-tiny\n%generate Once max_new_tokens=2\n%history");
}

/// A clock may jump; how long something took is never read from it.
#[test]
fn durations_do_not_come_from_the_clock() {
    let root = crate::harness::world::root();
    let mut folders = vec![root.join("src"), root.join("kernel/src"), root.join("repl/src")];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                read += 1;
                assert!(!text.contains("SystemTime::now"), "{}: use Instant", path.display());
            }
        }
    }
    assert!(read > 100);
}

#[test]
fn a_folder_that_is_saved_over_is_kept() {
    let world = llama();
    world.run("%load llama-tiny\n%save model");
    let first = std::fs::read(world.path("model/model.safetensors")).unwrap();
    assert!(!world.run("%load llama-tiny\n%save model").contains("what was there"), "the same again");
    let out = world.run("%load llama-tiny\n%quant bf16\n%save model");
    assert!(out.ends_with("what was there is now <folder>/model.old\n"), "{out}");
    assert_eq!(std::fs::read(world.path("model.old/model.safetensors")).unwrap(), first);
    assert_ne!(std::fs::read(world.path("model/model.safetensors")).unwrap(), first);
}
