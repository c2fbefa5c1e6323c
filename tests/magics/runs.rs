//! %runs: what past runs leave, also when they are stopped or killed.

use insta::assert_snapshot;

use crate::harness::terminal::Terminal;
use crate::harness::world::{Room, World, fixture};

const BEGIN: &str = "%load llama-tiny --json\n%data rows.jsonl val=0.25 show=0 --json\n%lora r=4 --json\n";

/// Dates are not the same twice.
fn dated(text: &str) -> String {
    let date =
        |word: &str| (word.len() == 10 || word.len() == 5) && word.contains('-') && word.chars().all(|c| c.is_ascii_digit() || c == '-');
    let time = |word: &str| word.len() == 5 && word.as_bytes()[2] == b':';
    let word = |word: &str| {
        if date(word) {
            "<date>"
        } else if time(word) {
            "<t>"
        } else {
            word
        }
        .to_owned()
    };
    text.lines().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
fn runs_are_listed_shown_laid_over_each_other_and_dropped() {
    let world = World::with(&["llama-tiny", "gpt2-tiny"]);
    assert_snapshot!(world.run("%runs"), @"no run has been recorded yet: `%train` makes one");
    world.run(&format!("{BEGIN}%train steps=4 batch=3 lr=1e-2 seed=1 --json"));
    world.run("%load gpt2-tiny --json\n%data text.txt block=16 show=0 --json\n%train steps=3 batch=2 seed=1 --json");
    assert_snapshot!(dated(&world.run("%runs")), @"
    run  began (UTC)  model       method               steps   loss  best val  ended
    ───  ───────────  ──────────  ───────────────────  ─────  ─────  ────────  ─────
      1  <date> <t>  llama-tiny  lora r=4 q_proj,v_…  4/4    5.890     5.320  done
      2  <date> <t>  gpt2-tiny   full                 3/3    5.274     5.326  done
    ");
    let shown = world.json("%runs show=1 --json");
    let run = &shown["runs"][0];
    assert_eq!((&run["method"], &run["steps"], &run["ended"]), (&"lora r=4 q_proj,v_proj".into(), &4.into(), &"done".into()));
    let ratios: Vec<f64> = run["ratios"].as_array().unwrap().iter().filter_map(serde_json::Value::as_f64).collect();
    // The first step of a warm-up has a rate of 0: nothing moves, and the chart has a gap.
    assert_eq!(ratios.len(), 3);
    assert!(ratios.iter().all(|ratio| (-5.0..0.0).contains(ratio)), "{ratios:?}");
    assert_snapshot!(dated(&world.run("%runs show=1 plot=grad_norm")), @"
    gradient norm, run 1
    ━━ gradient norm
    gradient norm
    11 ┤⠒⠤⣀
       │   ⠉⠒⠤⣀
       │       ⠉⠒⠤⣀
    10 ┤           ⠉⠒⠤⣀
       │               ⠉⠢⢄⡀
       │                  ⠈⠓⠤⣀                 ⣀⣀⣀⣀⣀⠤⠤⠤⠤⠔⠒⠒⠢⢄⡀
     9 ┤                      ⠉⠒⠤⡠⠤⠤⠤⠤⠒⠒⠒⠒⠊⠉⠉⠉⠉              ⠈⠑⠢⢄
       │                                                         ⠉⠒⠤⣀
     8 ┤                                                             ⠉⠒⠤⣀
       │                                                                 ⠉⠒⠤⣀
       │                                                                     ⠉⠒⠤⣀
     7 ┤                                                                         ⠉⠒⠤
       └┬────────────────────────┬────────────────────────┬────────────────────────┬
        1                        2                        3                        4
                                            step
    run              1
    began (UTC)      <date> <t>
    model            llama-tiny
    data             rows.jsonl
    method           lora r=4 q_proj,v_proj (896)
    steps            4/4
    speed            <rate> tokens/s
    time             <time>
    ended            done
    peak memory      <bytes>
    accum            1
    batch            3
    beta1            0.9
    beta2            0.999
    clip             1
    epochs           1
    eps              0.00000001
    keep_packed      true
    label_smoothing  0
    lr               0.01
    momentum         0
    optimizer        adamw
    pack             false
    schedule         cosine
    seed             1
    steps            4
    threshold        0
    warmup           0.03
    weight_decay     0
    layer     gradient at step 1  gradient at step 4
    ────────  ──────────────────  ──────────────────
    layers.0             1.061e1             6.549e0
    layers.1             3.727e0             1.790e0
    ");
    assert_snapshot!(dated(&world.run("%runs overlay=1,2")), @"
    loss, run 1, 2
    ━━ 1 train   ╍╍ 1 validation   ┈┈ 2 train   ━━ 2 validation
    loss
    7.0 ┤⠒⠢⠤⢄⣀⡀
        │     ⠈⠉⠒⠒⠤⠤⣀⣀
        │⡀            ⠉⠉⠒⠒⠤⠤⣀⣀
    6.5 ┤ ⠁⠐⠄⢄                ⠉⠑⠒⠢⠤⢄⣀⡀
        │      ⠑⠐⠄⢀                  ⠈⠉⠑⠒⠢⠤⣀⣀
        │           ⠑⠐⠄⢀                     ⠉⠙⠒⠢⠤⢄⣀
    6.0 ┤                ⠑⠐⠄⢀                       ⠉⠉⠒⠒⠤⠤⣀⣀⣀⣀⣀⡀
        │                     ⠑ ⠄⢀                             ⠈⠉⠉⠉⠉⠉⠉⠉⠑⠒⠒⠒⠒⠒⠒⠒⠢⠤⠤⠤⠤
        │                         ⠁⠁⠑⠐⠐⠄⠄⢄⢀⢀
        │⠂⠂⠐ ⠂⠄⠠ ⠄⠠⢀ ⡀⢀                     ⠁⠁⠑⠐ ⠄⠄⢀⢀
    5.5 ┤                ⠁⠈ ⠁⠂⠐ ⠂⠐⠠ ⠄⠠ ⠄⡀⢀ ⡀⢀         ⠁⠁⠐⠐ ⠄⠄⠄⠄⠄⠄⢀⢀⢀⢀⢀⢀⢀⢀ best 5.320
        │⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠚⠒⠓⠚⠒⠒⠒⠒⠒⠒⠒⠲⠒● best 5.326   ⠁⠁⠁⠁⠁⠁⠁⠑⠐⠐●
        └┬────────────────────────┬───────────────────────┬────────────────────────┬
         1                        2                       3                        4
                                            step
    run  began (UTC)  model       method               steps   loss  best val  ended
    ───  ───────────  ──────────  ───────────────────  ─────  ─────  ────────  ─────
      1  <date> <t>  llama-tiny  lora r=4 q_proj,v_…  4/4    5.890     5.320  done
      2  <date> <t>  gpt2-tiny   full                 3/3    5.274     5.326  done
    ");
    let dropped = world.run("%runs drop=1");
    assert_snapshot!(dropped, @"run 1 is out of the list; its record lies in <home>/records/dropped/000001.jsonl");
    assert!(world.home().join("records/dropped/000001.jsonl").is_file());
    assert_snapshot!(world.fail("%runs show=1"), @"
    error: there is no run 1; recorded: 2
    hint: %runs
    ");
    assert_snapshot!(world.fail_in("zh", "%runs overlay=2,9"), @"
    错误: 没有编号为 9 的训练；已记录：2
    提示: %runs
    ");
    assert_snapshot!(world.fail("%runs show=1 drop=2"), @"
    error: `drop` cannot be `2`: it stands alone, without `show` and `overlay`
    hint: `%runs?` shows what it takes
    ");
    std::fs::write(world.home().join("records/000002.jsonl"), "{\"step").unwrap();
    assert_snapshot!(world.run("%runs"), @"
    no run has been recorded yet: `%train` makes one
    1 records cannot be read and are left out: 000002.jsonl
    ");
}

/// Each of a run's charts has its quantity.
#[test]
fn every_quantity_can_be_drawn() {
    let room = Room::new();
    let file = tempfile::NamedTempFile::with_suffix(".txt").unwrap();
    std::fs::write(file.path(), crate::harness::world::TEXT.repeat(3)).unwrap();
    room.run(&format!("%load {}\n%data {} val=0.25 block=16 show=0", fixture("gpt2-tiny").display(), file.path().display()));
    let trained = room.json("%train steps=4 batch=2 seed=1 warmup=0 eval_every=2 --json");
    let charts = room.run("%runs show=1 plot=all").charts;
    let curves: Vec<_> = charts
        .into_iter()
        .map(|chart| match chart {
            wire::Chart::Curve(curve) => curve,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(curves.iter().map(|curve| curve.series.len()).collect::<Vec<_>>(), [2, 1, 1, 2, 1]);
    let losses: Vec<f64> = trained["losses"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    let drawn = |i: usize| curves[i].series[0].points.iter().map(|(_, y)| *y).collect::<Vec<f64>>();
    assert_eq!(drawn(0), losses);
    assert!((drawn(1)[0] - 5e-5).abs() < 1e-12, "the rate of cosine begins at its highest");
    assert!(drawn(2).iter().all(|norm| *norm > 0.0));
    assert!(drawn(3).iter().all(|ratio| (-6.0..-1.0).contains(ratio)), "{:?}", drawn(3));
    assert!(drawn(4).iter().all(|speed| *speed > 0.0));
}

#[test]
fn a_run_that_is_stopped_or_killed_is_there_and_goes_on_under_its_number() {
    let room = Room::new();
    let file = tempfile::NamedTempFile::with_suffix(".txt").unwrap();
    std::fs::write(file.path(), crate::harness::world::TEXT.repeat(3)).unwrap();
    room.run(&format!("%load {}\n%data {} val=0.25 block=16 show=0", fixture("gpt2-tiny").display(), file.path().display()));
    room.watch("%train steps=6 batch=2", |event| {
        if matches!(event, wire::Event::Progress { id, n: 2, .. } if id == "train") {
            room.desk.interrupt();
        }
    });
    let stopped = room.json("%runs --json")["runs"][0].clone();
    assert_eq!((&stopped["ended"], &stopped["of"]), (&"stopped".into(), &6.into()));
    let all = room.json("%train resume=true --json")["losses"].clone();
    let done = room.json("%runs show=1 --json")["runs"][0].clone();
    assert_eq!((&done["ended"], &done["losses"]), (&"done".into(), &all));
    assert_eq!(room.json("%runs --json")["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_killed_process_leaves_its_steps() {
    let world = World::with(&[]);
    world.write("book.txt", include_str!("../../tutorials/data/text/us-declaration.txt"));
    let shape = "vocab=300 layers=2 hidden=64 heads=2 context=32 block=32";
    let code = format!("%pretrain {} {shape} steps=900 batch=4 seed=3 save_every=20", world.path("book.txt").display());
    let mut terminal = Terminal::open(world.home(), &["-c", &code], &[("RAYON_NUM_THREADS", "1")], (24, 100));
    let begun = |screen: &str| screen.contains("/900 ") && !screen.contains(" 1/900 ");
    terminal.wait_until("some steps", begun);
    drop(terminal);
    let killed = world.json("%runs show=1 --json")["runs"][0].clone();
    assert_eq!(killed["ended"], "killed", "{killed}");
    assert!(killed["steps"].as_u64().unwrap() > 0);
}
