//! A run that is killed at any moment goes on in another process as if nothing had happened: same losses, same weights, to the bit.

use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use lantern::random::Random;
use serde_json::Value;

use crate::harness::terminal::Terminal;
use crate::harness::world::{Heard, Room, TEXT, World, fixture};

const SIZE: (u16, u16) = (80, 40);
/// Enough for the screen to be drawn ten times and more before the end: a step takes two milliseconds or more, a drawing comes every 125.
const STEPS: usize = 1200;
/// Enough for twenty kills on the way.
const LONG: usize = 3000;
const EVERY: usize = 60;
/// A checkpoint that never comes; how often one is written is no part of what a run is.
const NEVER: usize = 1_000_000;

/// A small run, with validation in between.
fn pretrain(world: &World, every: usize) -> String {
    pretrain_for(world, STEPS, every)
}

fn pretrain_for(world: &World, steps: usize, every: usize) -> String {
    let book = world.path("book.txt");
    if !book.exists() {
        world.write("book.txt", include_str!("../tutorials/data/text/us-declaration.txt"));
    }
    let shape = "vocab=300 layers=2 hidden=64 heads=2 context=32 block=32";
    format!("%pretrain {} name=tiny {shape} steps={steps} batch=4 lr=3e-3 seed=3 eval_every=400 save_every={every}", book.display())
}

/// The result of the last line of `code` and the bytes of the weights that it leaves in `folder`.
fn finished(world: &World, code: &str, folder: &str) -> (Value, Vec<u8>) {
    let ran = world.lantern(&["-c", &format!("{code} --json\n%save {folder}")]).output().unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{out}{}", String::from_utf8_lossy(&ran.stderr));
    let line = out.lines().rfind(|line| line.starts_with('{')).unwrap();
    let mut result: Value = serde_json::from_str(line).unwrap();
    for varies in ["tokens_per_second", "peak_rss_bytes", "seconds", "forecast_rss_bytes", "plain_rss_bytes", "again_seconds"] {
        result.as_object_mut().unwrap().remove(varies).unwrap();
    }
    let weights = ["model.safetensors", "adapter_model.safetensors"].map(|name| world.path(folder).join(name));
    (result, std::fs::read(weights.iter().find(|path| path.exists()).unwrap()).unwrap())
}

/// The step that the progress line shows.
fn step(screen: &str) -> Option<usize> {
    [STEPS, LONG].iter().find_map(|of| {
        let before = &screen[..screen.rfind(&format!("/{of} "))?];
        before.rsplit(' ').next()?.parse().ok()
    })
}

/// Runs `code` on a terminal and kills it, as a lack of memory or power would, once it shows step `at`. Gives the screen.
fn killed(world: &World, code: &str, at: usize) -> String {
    killed_when(world, code, &format!("step {at}"), |screen| step(screen).is_some_and(|step| step >= at))
}

fn killed_when(world: &World, code: &str, what: &str, when: impl Fn(&str) -> bool) -> String {
    let mut terminal = Terminal::open(world.home(), &["-c", code], &[("RAYON_NUM_THREADS", "1")], SIZE);
    terminal.wait_until(what, when)
    // Dropped here: SIGKILL.
}

/// What lies in the folders of runs.
fn files(home: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(home.join("runs")).into_iter().flatten().map(|folder| folder.unwrap().path());
    let mut files: Vec<PathBuf> = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// A kill may fall into a write and leave a part beside: that is no checkpoint.
fn checkpoints(home: &Path) -> Vec<PathBuf> {
    files(home).into_iter().filter(|file| file.ends_with("checkpoint.safetensors")).collect()
}

/// All that a run can hold: factored moments, a scale of the loss, the best weights so far, smoothed labels, packed rows.
const STATEFUL: &str = " optimizer=adafactor dtype=f16 patience=1000 label_smoothing=0.1 pack=true accum=2";

/// The step of the only checkpoint; none before the first.
fn kept(world: &World) -> usize {
    let files = checkpoints(world.home());
    assert!(files.len() < 2, "{files:?}");
    files.first().map_or(0, |file| lantern::train::header::<Value>(file).unwrap().1.step)
}

/// Leaves what a kill inside a write leaves: a part of the next checkpoint beside the last one.
fn half_written(world: &World) {
    let checkpoint = &checkpoints(world.home())[0];
    let bytes = std::fs::read(checkpoint).unwrap();
    std::fs::write(checkpoint.with_file_name(".writing-Xq3f"), &bytes[..bytes.len() / 2]).unwrap();
}

/// Another family, with another model's tokenizer, is found again by its line.
#[test]
fn a_killed_qwen3_with_a_borrowed_tokenizer_goes_on() {
    let more = format!(" family=qwen3 tie=false init=scaled kv_heads=1 tokenizer={}", fixture("llama-tiny").display());
    let line = |world: &World, every: usize| pretrain(world, every).replace(" vocab=300", &more);
    let straight = World::with(&[]);
    let whole = finished(&straight, &line(&straight, NEVER), "out");
    let world = World::with(&[]);
    killed(&world, &line(&world, EVERY), 2 * EVERY);
    assert!((EVERY..STEPS).contains(&kept(&world)));
    assert_eq!(finished(&world, &line(&world, EVERY), "again"), whole);
    assert!(files(world.home()).is_empty(), "it was that run");
}

#[test]
fn a_pretraining_that_is_killed_twenty_times_makes_the_same_weights() {
    const EVERY: usize = 25;
    let line = |world: &World, every: usize| pretrain_for(world, LONG, every) + STATEFUL;
    let straight = World::with(&[]);
    let whole = finished(&straight, &line(&straight, NEVER), "out");
    assert!(files(straight.home()).is_empty(), "a run that is saved leaves nothing");

    let world = World::with(&[]);
    let code = line(&world, EVERY);
    killed(&world, &line(&world, NEVER), 1);
    assert!(files(world.home()).is_empty(), "killed before the first checkpoint");
    let mut random = Random::seeded(7);
    let mut steps = vec![0];
    for kill in 1..20 {
        killed(&world, &code, (kept(&world) + 1).max(EVERY) + random.below(2 * EVERY));
        steps.push(kept(&world));
        if kill % 9 == 4 {
            half_written(&world);
        }
    }
    assert!(steps.is_sorted() && steps[19] < LONG, "{steps:?}");
    let goes_on = format!(" of {LONG}, kept in ");
    killed_when(&world, &line(&world, NEVER), &goes_on, |screen| screen.contains(&goes_on));
    assert_eq!(files(world.home()), checkpoints(world.home()), "the half-written one went");
    assert_eq!(finished(&world, &code, "out"), whole);
    assert!(files(world.home()).is_empty());
}

/// A process that ends between the end of a run and `%save` costs nothing.
#[test]
fn a_run_that_is_done_waits_until_it_is_saved() {
    let world = World::with(&["llama-tiny"]);
    let begin = format!(
        "%load {}\n%data {} val=0.25 show=0 --json\n%lora r=4 --json\n",
        world.path("llama-tiny").display(),
        world.path("rows.jsonl").display()
    );
    let train = "%train steps=12 batch=2 lr=5e-3 seed=5 eval_every=3 save_every=100";
    let whole = finished(&world, &format!("{begin}{train}"), "whole");
    assert!(files(world.home()).is_empty());

    world.json(&format!("{begin}{train} --json"));
    assert_eq!(checkpoints(world.home()).len(), 1);
    let told =
        |ran: std::process::Output| String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).contains("came to its end at step 12");
    assert!(told(world.lantern(&["-c", "%seed"]).output().unwrap()), "the next start tells of it");
    assert!(!told(world.lantern(&["-c", "%seed"]).output().unwrap()), "once");
    // Another run on the same takes its place when it ends; the same run is the same again.
    world.json(&format!("{begin}{train} steps=13 --json").replace("steps=12 ", ""));
    let files_now = checkpoints(world.home());
    assert_eq!((files_now.len(), kept(&world)), (1, 13));
    world.json(&format!("{begin}{train} --json"));
    assert_eq!((checkpoints(world.home()).len(), kept(&world)), (1, 12));
    assert_eq!(finished(&world, &format!("{begin}%train resume=true"), "again"), whole);
    assert!(files(world.home()).is_empty(), "saved");

    let code = pretrain_for(&world, 20, 7);
    let whole = finished(&world, &code, "first");
    world.json(&format!("{code} --json"));
    assert_eq!(finished(&world, &code, "second"), whole, "the same line brings it back");
}

#[test]
fn an_adapter_goes_on_where_its_process_was_killed() {
    let world = World::with(&["llama-tiny"]);
    let begin = format!("%load {}\n%data {} val=0.25\n", world.path("llama-tiny").display(), world.path("rows.jsonl").display());
    let lora = "%lora r=4 dropout=0.1\n";
    let train = format!("%train steps={STEPS} batch=4 accum=3 lr=5e-3 seed=5 eval_every=400 save_every={EVERY}");
    let whole = finished(&world, &format!("{begin}{lora}{train}"), "whole");
    killed(&world, &format!("{begin}{lora}{train}"), 2 * EVERY);

    let kept = checkpoints(world.home()).remove(0);
    let id = kept.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    // The next start tells of the session that was killed.
    assert!(world.fail("%train resume=true").starts_with("an earlier session ended while `%train "));
    let refused = |code: &str| without_hashes(&world.fail(&format!("{code}%train resume=true"))).replace(&id, "<run>");
    assert_snapshot!(refused(&format!("{}{lora}", begin.replace("val=0.25", "val=0.5"))), @"
    error: the run in `<home>/runs/<run>/checkpoint.safetensors` was made with data rows.jsonl (sha256 <hash>); here it is rows.jsonl (sha256 <hash>)
      %train resume=true
    hint: give the lines `%load`, `%data` and `%lora` of that run again, or begin a new one with `%train`
    ");
    assert_snapshot!(refused(&format!("{begin}%lora r=2 dropout=0.1\n")), @"
    error: the run in `<home>/runs/<run>/checkpoint.safetensors` was made with adapter lora r=4 q_proj,v_proj alpha=32 dropout=0.1; here it is lora r=2 q_proj,v_proj alpha=32 dropout=0.1
      %train resume=true
    hint: give the lines `%load`, `%data` and `%lora` of that run again, or begin a new one with `%train`
    ");
    assert_snapshot!(refused(&begin), @"
    error: the run in `<home>/runs/<run>/checkpoint.safetensors` was made with adapter lora r=4 q_proj,v_proj alpha=32 dropout=0.1; here it is -
      %train resume=true
    hint: give the lines `%load`, `%data` and `%lora` of that run again, or begin a new one with `%train`
    ");

    let again = format!("{begin}{lora}%train resume=true save_every={EVERY}");
    assert_eq!(finished(&world, &again, "resumed"), whole);
    assert_snapshot!(world.fail(&format!("{begin}{lora}%train resume=true")), @"
    error: there is no run to resume
      %train resume=true
    hint: %train
    ");
}

/// The checkpoint holds the encoder of the prompts, which a saved adapter does not.
#[test]
fn a_prompt_goes_on_where_its_process_was_killed() {
    let world = World::with(&["llama-tiny"]);
    let begin = format!("%load {}\n%data {} val=0.25\n", world.path("llama-tiny").display(), world.path("rows.jsonl").display());
    let ptune = "%ptune n=3 encoder=lstm hidden=6 dropout=0.2\n";
    let train = format!("%train steps={STEPS} batch=4 lr=5e-3 seed=5 eval_every=400 save_every={EVERY}");
    let whole = finished(&world, &format!("{begin}{ptune}{train}"), "whole");
    killed(&world, &format!("{begin}{ptune}{train}"), 2 * EVERY);
    let refused = world.fail(&format!("{begin}%ptune n=3 encoder=lstm hidden=6\n%train resume=true"));
    assert!(refused.contains("dropout: 0.2"), "{refused}");
    assert_eq!(finished(&world, &format!("{begin}{ptune}%train resume=true save_every={EVERY}"), "resumed"), whole);
}

/// Hashes depend on the fixture alone, but say nothing to a reader.
fn without_hashes(text: &str) -> String {
    text.split("sha256 ")
        .enumerate()
        .map(|(i, part)| if i == 0 { part.to_owned() } else { format!("sha256 <hash>{}", &part[12..]) })
        .collect()
}

/// All losses of the run, as bits.
fn losses(heard: &Heard) -> Vec<u64> {
    let Some(wire::Chart::Curve(curve)) = heard.charts.last() else { panic!("no curve") };
    curve.series.iter().flat_map(|series| &series.points).map(|(_, loss)| loss.to_bits()).collect()
}

#[test]
fn a_stopped_run_keeps_every_loss_for_the_next_session() {
    let folder = tempfile::TempDir::new().unwrap();
    let data = folder.path().join("text.txt");
    std::fs::write(&data, TEXT.repeat(3)).unwrap();
    let begin = format!("%load {}\n%data {} val=0.25 block=16\n", fixture("gpt2-tiny").display(), data.display());
    let train = "%train steps=120 batch=2 lr=1e-3 seed=5 accum=2 schedule=linear save_every=1000";
    let whole = losses(&Room::new().run(&format!("{begin}{train}")));

    let room = Room::new();
    room.run(&begin);
    let stopped = room.watch(train, |event| {
        if matches!(event, wire::Event::Progress { id, n: 3, .. } if id == "train") {
            room.desk.interrupt();
        }
    });
    assert_eq!(stopped.report.unwrap().name, "Interrupted");
    let room = room.again();
    room.run(&begin);
    assert_eq!(losses(&room.run("%train resume=true")), whole);
}

#[test]
fn fresh_begins_anew_and_keeps_the_old_run() {
    let world = World::with(&[]);
    let code = pretrain(&world, EVERY);
    killed(&world, &code, EVERY + 1);
    let kept = std::fs::read(&checkpoints(world.home())[0]).unwrap();
    let screen = killed(&world, &format!("{code} fresh=true"), EVERY + 1);
    assert!(screen.contains("begins anew"), "{screen}");
    let files = checkpoints(world.home());
    assert_eq!(files.len(), 2);
    assert!(files.iter().any(|file| std::fs::read(file).unwrap() == kept), "what was there is there");
}

#[test]
fn a_checkpoint_that_was_cut_short_is_refused_and_stays() {
    let world = World::with(&[]);
    let code = pretrain(&world, EVERY);
    killed(&world, &code, EVERY + 1);
    let path = &checkpoints(world.home())[0];
    let bytes = std::fs::read(path).unwrap();
    for length in [bytes.len() - 1, bytes.len() / 2, 20, 3, 0] {
        std::fs::write(path, &bytes[..length]).unwrap();
        let failed = world.fail(&code);
        assert!(
            failed.contains("is not a run that can go on") && failed.contains("fresh=true`, or `%train` without resume, begins anew"),
            "{length} bytes: {failed}"
        );
        assert_eq!(std::fs::read(path).unwrap().len(), length);
    }
    finished(&world, &format!("{code} fresh=true"), "out");
    assert_eq!(files(world.home()).len(), 1, "the one that cannot be read stays aside");
}
