//! %lora, %train, %pretrain.

use insta::assert_snapshot;
use serde_json::Value;

use crate::harness::world::World;

const BEGIN: &str = "%load llama-tiny\n%data rows.jsonl val=0.25 show=0 --json\n%lora r=4 --json\n";

#[test]
fn lora_says_what_it_attached() {
    let world = World::with(&["llama-tiny", "gpt2-tiny"]);
    assert_snapshot!(world.run("%load llama-tiny\n%lora\n%lora r=8 target=all-linear\n%lora detach=true"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    lora r=16 q_proj,v_proj: 4 modules, 3584 trainable parameters, 15.45 % of the model
    lora r=8 all-linear: 14 modules, 7424 trainable parameters, 32.00 % of the model
    no adapter is attached now
    ");
    assert_snapshot!(world.run("%load gpt2-tiny\n%lora r=16 alpha=32 target=c_attn dropout=0.1"), @"
    loaded gpt2-tiny: gpt2, 18.4 k parameters, 73.4 kB in <time>
    lora r=16 c_attn: 2 modules, 3072 trainable parameters, 16.73 % of the model
    ");
    assert_snapshot!(world.run("%load llama-tiny\n%lora r=2 lora_alpha=4 target_modules=[\"q_proj\",\"v_proj\"] lora_dropout=0.1"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    lora r=2 q_proj,v_proj: 4 modules, 448 trainable parameters, 1.93 % of the model
    ");
}

#[test]
fn train_draws_its_curve_and_sums_up() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.run(&format!("{BEGIN}%train steps=6 batch=3 lr=1e-2 seed=1")), @r#"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    {"layout":"instruction","train":9,"val":3,"tokens":352,"learned":86,"cut":0,"dropped":0}
    {"modules":4,"parameters":896,"r":4,"alpha":32}
    6 steps on 896 parameters; about 311 kB more memory and <time>
    loss while training
    ━━ train   ╍╍ validation
    loss
    7.0 ┤⠒⠤⢄⣀
        │    ⠉⠑⠒⠤⢄⡀
        │⠂⢄       ⠈⠉⠒⠢⠤⣀⡀
    6.5 ┤   ⠐⠄⢀         ⠈⠉⠒⠢⢄⣀
        │      ⠁⠐⢄            ⠉⠑⠒⠤⢄⣀
    6.0 ┤          ⠑ ⢄              ⠉⠒⠢⠤⠤⢄⣀⣀⣀⡀
        │              ⠐⠄⢄⢀                  ⠈⠉⠉⠉⠒⠒⠒⠒⠢⢄⡀
        │                  ⠁⠑⠐ ⠄⢀                      ⠈⠑⠢⣀
    5.5 ┤                         ⠁⠐ ⠄⢀⢀                   ⠉⠒⠤⡀
        │                               ⠁⠁⠑⠐⠐⠄⠄⢀⢀             ⠈⠑⠢⢄⡀       best 4.862
    5.0 ┤                                         ⠁⠁⠐⠐⠐⠄⠄⠄⠄⢀⢀⢀⢀   ⠈⠒⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤
        │                                                      ⠁⠁⠁⠁⠐⠐⠐⠐⠐⠐⠐⠐⠐⠄⠄⠄⠄⠄⠄⠄●
        └┬──────────────┬──────────────┬─────────────┬──────────────┬──────────────┬
         1              2              3             4              5              6
                                            step
    steps            6
    loss             5.0502
    validation loss  4.8624
    best step        6
    speed            <rate> tokens/s
    peak memory      <bytes>
    time             <time>
    "#);
}

#[test]
fn all_weights_are_trained_without_an_adapter() {
    let world = World::with(&["gpt2-tiny"]);
    let code = "%load gpt2-tiny\n%data text.txt block=16 show=0 --json\n%train steps=8 batch=4 lr=3e-3 --json";
    let (first, second) = (world.json(code), world.json(code));
    assert_eq!(losses(&first), losses(&second));
    assert!(first["loss"].as_f64().unwrap() < world.json(&code.replace("steps=8", "steps=1"))["loss"].as_f64().unwrap());
}

#[test]
fn the_same_seed_gives_the_same_losses() {
    let world = World::with(&["llama-tiny"]);
    let run = |seed: u64| world.json(&format!("{BEGIN}%train steps=5 batch=2 seed={seed} --json"));
    assert_eq!(losses(&run(1)), losses(&run(1)));
    assert_ne!(losses(&run(1)), losses(&run(2)));
}

fn losses(run: &Value) -> [String; 3] {
    ["loss", "val_loss", "best_step"].map(|key| run[key].to_string())
}

#[test]
fn pretrain_makes_a_model() {
    let world = World::with(&[]);
    world.write("book.txt", include_str!("../../tutorials/data/text/us-declaration.txt"));
    let code = "%pretrain book.txt steps=3 batch=2 vocab=300 layers=1 hidden=32 heads=2 context=32 block=16 seed=1";
    let made = world.run(code);
    // The curve is long; what stands around it matters.
    let words: String = made.lines().filter(|line| line.starts_with(char::is_alphabetic)).map(|line| format!("{line}\n")).collect();
    assert_snapshot!(words, @"
    a fresh llama: 23.0 k parameters, vocabulary 300 (learned from it); 6345 tokens of text
    loss while training
    loss
    steps            3
    loss             5.6577
    validation loss  5.6950
    best step        3
    speed            <rate> tokens/s
    peak memory      <bytes>
    time             <time>
    ");
}

#[test]
fn an_option_of_another_optimizer_is_refused() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.fail(&format!("{BEGIN}%train optimizer=adafactor beta1=0.8")), @"
    error: `beta1` cannot be `0.8`: only with `optimizer=adamw`
      %train optimizer=adafactor beta1=0.8
    hint: `%train?` shows what it takes
    ");
    let losses = |options: &str| losses(&world.json(&format!("{BEGIN}%train steps=5 batch=2 seed=1 {options} --json")));
    let all: Vec<_> =
        ["", "optim=sgd", "optimizer=sgd momentum=0.9", "optimizer=adafactor", "adam_beta2=0.9", "label_smoothing_factor=0.1"]
            .into_iter()
            .map(losses)
            .collect();
    assert!((1..all.len()).all(|i| !all[..i].contains(&all[i])), "{all:?}");
}

#[test]
fn the_best_weights_come_back() {
    let world = World::with(&["llama-tiny"]);
    let words =
        |text: String| -> String { text.lines().skip_while(|line| !line.starts_with("time ")).skip(1).collect::<Vec<_>>().join("\n") };
    let run = |more: &str| words(world.run(&format!("{BEGIN}%train steps=40 batch=2 seed=1 lr=0.3 eval_every=2 {more}")));
    assert_snapshot!(run("patience=2"), @"
    stopped at step 6: no better validation in the last 2 looks
    the weights are those of step 2 again (validation loss 5.2920); `%train` begins a new run from there
    ");
    // At this rate the last bit of a sum decides which step is best: not the numbers are held, but that they are the same in both lines.
    let said = run("schedule=constant\n%train best=true");
    let numbers: Vec<f64> = said.split(|c: char| !c.is_ascii_digit() && c != '.').filter_map(|word| word.parse().ok()).collect();
    let [step, loss, now, again, same] = numbers[..] else { panic!("{said}") };
    assert!(step < 40.0 && loss < now && (step, loss) == (again, same), "{said}");
    assert_eq!(
        said,
        format!(
            "validation was best at step {step} ({loss:.4}, now {now:.4}): `%train best=true` goes back there\n\
             the weights are those of step {step} again (validation loss {loss:.4}); `%train` begins a new run from there"
        )
    );
    assert_snapshot!(world.fail(&format!("{BEGIN}%train steps=2 batch=2 --json\n%train best=true")), @"
    error: there is no better step to go back to: the weights are those of step 2, and no earlier validation that was kept was lower
      %train best=true
    hint: `%data … val=0.1` holds examples out; `%train patience=3` always keeps the best weights
    ");
}

#[test]
fn options_stand_under_headings() {
    let world = World::with(&[]);
    let help = world.run("%train?");
    let headings: Vec<&str> = help.lines().filter(|line| line.starts_with(char::is_alphabetic)).collect();
    assert_eq!(
        headings[headings.len() - 5..],
        ["Options", "Optimizer", "Validation and stopping", "Precision, memory, checkpoints", "Examples"]
    );
    assert_eq!(help.matches("\n  lr=").count(), 1);
    let zh = world.lantern(&["--lang", "zh", "-c", "%train?"]).output().unwrap();
    assert!(String::from_utf8(zh.stdout).unwrap().contains("\n优化器\n  lr=X"));
}

/// The sweep moves the weights to infinity; nothing of that is left.
#[test]
fn finding_a_rate_leaves_everything_as_it_was() {
    let world = World::with(&["llama-tiny"]);
    let find = "%lr find steps=40 to=30 --json\n";
    for lora in ["", "%lora r=4 dropout=0.1 --json\n"] {
        let run = |find: &str| {
            let begin = format!("%load llama-tiny\n%data rows.jsonl val=0.25 show=0 --json\n{lora}");
            let train = "%train steps=4 batch=2 lr=1e-2 --json\n";
            let more = "%train resume=true steps=4 --json\n%generate \"say\" temperature=1 max_new_tokens=8 --json";
            let out = world.lantern(&["-c", &format!("{begin}{find}{train}{find}{more}")]).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let lines: Vec<Value> =
                String::from_utf8(out.stdout).unwrap().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            lines
        };
        let (with, without) = (run(find), run(""));
        let trains = |all: &[Value]| all.iter().filter(|line| line["val_loss"].is_number()).map(losses).collect::<Vec<_>>();
        assert_eq!(trains(&with), trains(&without), "{lora}");
        assert_eq!((trains(&with).len(), &with.last().unwrap()["ids"]), (2, &without.last().unwrap()["ids"]));
        let found: Vec<&Value> = with.iter().filter(|line| line["rates"].is_array()).collect();
        let count = |key: &str| found[0][key].as_array().unwrap().len();
        assert!(found.len() == 2 && count("rates") == count("losses") && count("rates") > 10, "{found:?}");
        let suggestion = found[0]["suggestion"].as_f64().unwrap();
        assert!((1e-4..1.0).contains(&suggestion), "{lora}: {suggestion}");
    }
    let swept = |options: &str| -> Vec<f64> {
        let found = world.json(&format!("%load llama-tiny\n%data rows.jsonl show=0 --json\n%lr find steps=3 {options} --json"));
        found["losses"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect()
    };
    let (plain, packed, half) = (swept(""), swept("pack=true"), swept("dtype=bf16"));
    let apart = |other: &[f64]| plain.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart(&packed) < 1e-4 && (1e-6..0.05).contains(&apart(&half)), "{plain:?} {packed:?} {half:?}");
    let said = world.run("%load llama-tiny\n%data rows.jsonl show=0 --json\n%lr find steps=3");
    assert!(said.contains("3 steps on 23200 parameters; about ") || said.contains("3 steps on 23.2 k parameters; about "), "{said}");
    assert_snapshot!(world.fail("%load llama-tiny\n%data rows.jsonl show=0 --json\n%lr find from=1 to=0.1"), @r#"
    error: `to` cannot be `0.1`: above from=1
      %lr find from=1 to=0.1
    hint: `%lr?` shows what it takes
    "#);
}

#[test]
fn packing_and_half_precision_are_options() {
    let world = World::with(&["llama-tiny"]);
    let run =
        |options: &str| world.json(&format!("{BEGIN}%train steps=6 batch=3 lr=1e-2 seed=1 {options} --json"))["loss"].as_f64().unwrap();
    let plain = run("");
    assert!((run("pack=true") - plain).abs() < 1e-4);
    for half in ["dtype=fp16", "dtype=bf16"] {
        let apart = (run(half) - plain).abs();
        assert!(apart > 0.0 && apart < 0.2, "{half}: {apart}");
    }
    let said = world.run(&format!("{BEGIN}%train steps=3 batch=3 dtype=f16"));
    assert!(said.ends_with("overflows        0 steps left out, scale 65536\n"), "{said}");
    assert_snapshot!(world.fail("%load llama-tiny\n%data rows.jsonl show=0 --json\n%ptune --json\n%train pack=true"), @"
    error: `pack` cannot be `true`: not with virtual tokens: they stand before each row, and a packed row holds many examples
      %train pack=true
    hint: `%train?` shows what it takes
    ");
}
