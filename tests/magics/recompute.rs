//! recompute=, memory=: same losses, less memory, and a forecast that holds.

use insta::assert_snapshot;
use serde_json::Value;

use crate::harness::world::World;

/// Wide enough that activations outweigh the process itself.
const MODEL: &str = "%pretrain book.txt steps=1 batch=8 vocab=300 layers=6 hidden=192 heads=4 context=128 block=128 seed=1";

/// In a process of its own: the forecast begins with what is resident, and an allocator keeps some of what a run had.
const DATA: &str = "%load made --json\n%data book.txt block=128 show=0 --json\n";

fn number(run: &Value, key: &str) -> f64 {
    run[key].as_f64().unwrap()
}

fn world() -> World {
    let world = World::with(&["llama-tiny"]);
    world.write("book.txt", include_str!("../../tutorials/data/text/us-declaration.txt"));
    world.json(&format!("{MODEL} --json\n%save made --json"));
    world
}

#[test]
fn recomputation_changes_memory_and_not_the_losses() {
    let world = world();
    let run = |options: &str| world.json(&format!("{DATA}%lora target=all-linear dropout=0.2\n%train steps=3 batch=8 {options} --json"));
    let (off, layer, two) = (run("recompute=off"), run("recompute=layer"), run("gradient_checkpointing=2"));
    for other in [&layer, &two] {
        assert_eq!(other["losses"], off["losses"]);
        assert!(number(other, "peak_rss_bytes") < 0.8 * number(&off, "peak_rss_bytes"), "{other} {off}");
        assert!(number(other, "again_seconds") > 0.0);
    }
    assert_eq!((&off["recompute"], &layer["recompute"], &two["recompute"]), (&0.into(), &1.into(), &2.into()));
    assert_eq!(number(&off, "again_seconds"), 0.0);
    let all = number(&off, "forecast_rss_bytes");
    // `auto` takes the longest segments that fit.
    let limited = run(&format!("memory={}", (0.8 * all) as u64));
    assert_eq!(limited["losses"], off["losses"]);
    assert!((2..6).contains(&limited["recompute"].as_u64().unwrap()), "{limited}");
    assert!(number(&limited, "forecast_rss_bytes") <= 0.8 * all);
    assert_eq!(run(&format!("memory={}", (1.2 * all) as u64))["recompute"], 0);
}

#[test]
fn the_forecast_of_memory_is_within_a_quarter() {
    let world = world();
    let lora = |options: &str| format!("{DATA}%lora\n%train steps=3 batch=8 {options} --json");
    let full = format!("{} --json", MODEL.replace("steps=1", "steps=3"));
    for code in [lora("recompute=off"), lora("recompute=layer"), full.clone(), full.replace("batch=8", "batch=4 accum=2 recompute=layer")] {
        let run = world.json(&code);
        let (forecast, measured) = (number(&run, "forecast_rss_bytes"), number(&run, "peak_rss_bytes"));
        assert!((forecast / measured - 1.0).abs() < 0.25, "forecast {forecast}, measured {measured}: {code}");
    }
}

/// Figures of the process vary; what stands around them does not.
fn masked(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let unit = |i: usize| {
        words.get(i + 1).is_some_and(|word| ["MB", "GB"].iter().any(|unit| word.trim_end_matches([',', ';', '\n']).ends_with(unit)))
    };
    let shown = words.iter().enumerate().map(|(i, word)| if unit(i) && word.parse::<f64>().is_ok() { "<n>" } else { *word });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_does_not_fit_is_refused_with_figures() {
    let world = world();
    let begin = "%load llama-tiny\n%data rows.jsonl show=0 --json\n%lora --json\n";
    let refused = masked(&world.fail(&format!("{begin}%train batch=3 memory=1MB")));
    assert_snapshot!(refused, @"
    error: training needs <n> MB in all, `memory=` allows <n> MB; <n> MB of it is taken before the first step
      %train batch=3 memory=1MB
    hint: %train batch=1 accum=3
    ");
    let refused = masked(&world.fail(&format!("{begin}%train batch=1 memory=1MB")));
    let command = refused.lines().last().unwrap();
    assert!(command.contains("%train memory="), "{refused}");
    assert_snapshot!(world.fail("%train memory=big"), @"
    error: `memory` cannot be `big`: a number of bytes such as 800MB or 1.5GB
    hint: `%train?` shows what it takes
    ");
    assert_snapshot!(world.fail_in("zh", "%train recompute=often"), @"
    错误: `recompute` 不能是 `often`：`auto`、`off`、`layer` 或层数
    提示: `%train?` 查看可用的值
    ");
}

#[test]
fn what_recomputation_came_to_is_said() {
    let said = world().run("%load llama-tiny\n%data rows.jsonl show=0 --json\n%lora --json\n%train steps=2 batch=2 recompute=layer");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("the layers") || line.starts_with("memory:")).collect();
    assert_snapshot!(masked(&lines.join("\n")), @"
    the layers run again in the backward pass, 1 at a time: all kept would take about 244 kB
    memory: <n> MB at most (measured); with all layers kept <n> MB (forecast), so 0 B saved. Time: <time> of <time> went into running layers again (measured)
    ");
}
