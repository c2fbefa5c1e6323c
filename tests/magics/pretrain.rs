//! %pretrain: each family, another model's config, tokenizers, and what is read.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::harness::world::{Room, World, fixture};

const BOOK: &str = include_str!("../../tutorials/data/text/us-declaration.txt");
const SMALL: &str = "steps=2 batch=2 layers=1 hidden=32 heads=2 context=32 block=16 seed=1";

fn world(fixtures: &[&str]) -> World {
    let world = World::with(fixtures);
    world.write("book.txt", BOOK);
    world
}

/// The line that says what was made.
fn words(text: &str) -> String {
    text.lines().find(|line| line.starts_with("a fresh")).unwrap_or_else(|| panic!("{text}")).to_owned()
}

fn read(world: &World, file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(world.path(file)).unwrap()).unwrap()
}

#[test]
fn each_family_is_made_and_writes() {
    let world = world(&[]);
    let made =
        |more: &str| words(&world.run(&format!("%pretrain book.txt {SMALL} vocab=300 {more}\n%generate \"We\" max_new_tokens=3 --json")));
    assert_snapshot!(made("family=gpt2"), @"a fresh gpt2: 23.4 k parameters, vocabulary 300 (learned from it); 6345 tokens of text");
    assert_snapshot!(made("family=gpt_neox rotary=0.5 tie=false"), @"a fresh gpt_neox: 32.0 k parameters, vocabulary 300 (learned from it); 6345 tokens of text");
    assert_snapshot!(made("family=llama"), @"a fresh llama: 23.0 k parameters, vocabulary 300 (learned from it); 6345 tokens of text");
    assert_snapshot!(made("family=mistral window=8 kv_heads=1"), @"a fresh mistral: 22.0 k parameters, vocabulary 300 (learned from it); 6345 tokens of text");
    assert_snapshot!(made("family=qwen2"), @"a fresh qwen2: 23.1 k parameters, vocabulary 300 (learned from it); 6282 tokens of text");
    assert_snapshot!(made("family=qwen3 head_dim=32"), @"a fresh qwen3: 27.2 k parameters, vocabulary 300 (learned from it); 6282 tokens of text");
}

/// transformers reads the tokenizer of a qwen2 in Qwen's way alone; the others' is GPT-2's.
#[test]
fn an_own_vocabulary_is_cut_as_the_family_cuts() {
    let world = world(&[]);
    for (family, normalizer) in [("qwen2", json!({"type": "NFC"})), ("qwen3", json!({"type": "NFC"})), ("llama", Value::Null)] {
        world.run(&format!("%pretrain book.txt {SMALL} vocab=300 family={family} --json\n%save {family} --json"));
        assert_eq!(read(&world, &format!("{family}/tokenizer.json"))["normalizer"], normalizer, "{family}");
    }
}

#[test]
fn what_a_family_lacks_is_refused_with_those_that_have_it() {
    let world = world(&["qwen3-tiny"]);
    let refused = |more: &str| world.fail(&format!("%pretrain book.txt {more}")).lines().next().unwrap().to_owned();
    assert_snapshot!(refused("family=gpt2 kv_heads=2"), @"error: `kv_heads` cannot be `2`: gpt2 has none; it goes with family=llama | mistral | qwen2 | qwen3");
    assert_snapshot!(refused("family=qwen3 rotary=0.5"), @"error: `rotary` cannot be `0.5`: qwen3 has none; it goes with family=gpt_neox");
    assert_snapshot!(refused("family=gpt_neox rotary=0.1"), @"error: `rotary` cannot be `0.1`: it turns 3 of a head's 32 numbers; an even count from 2 on is needed: `rotary=1` turns all");
    assert_snapshot!(refused("family=mistral head_dim=7"), @"error: `head_dim` cannot be `7`: an even number is needed: rope turns pairs");
    assert_snapshot!(refused("family=gpt2 hidden=40 heads=3"), @"error: `hidden` cannot be `40`: a multiple of heads = 3 is needed");
    assert_snapshot!(refused("heads=6 kv_heads=4 hidden=96"), @"error: `kv_heads` cannot be `4`: a divisor of heads = 6 is needed");
    assert_snapshot!(refused("layers=5000"), @"error: `layers` cannot be `5000`: at most 4096");
    assert_snapshot!(refused("family=bert"), @"error: `family` cannot be `bert`: use llama, mistral, qwen2, qwen3, gpt2, gpt_neox");
    assert_snapshot!(refused("family=llama config=qwen3-tiny/config.json"), @"error: `family` cannot be `llama`: `qwen3-tiny/config.json` is a config of qwen3: leave `family` out");
    assert_snapshot!(refused("tokenizer=qwen3-tiny vocab=300"), @"error: `vocab` cannot be `300`: only with `tokenizer=own`: another one brings its vocabulary along");
    assert_snapshot!(refused("tokenizer=loaded"), @"error: no model is loaded");
    assert_snapshot!(refused("tokenizer=qwen3-tiny/config.json"), @"error: no tokenizer in `qwen3-tiny/config.json` (looked for tokenizer.json)");
    let big = refused("hidden=65536 layers=200");
    assert!(big.starts_with("error: training 10308.8 G parameters needs 206176.55 GB, "), "{big}");
}

/// What is refused leaves the session as it was.
#[test]
fn a_refusal_keeps_the_model() {
    let (room, world) = (Room::new(), world(&["llama-tiny"]));
    let book = world.path("book.txt").display().to_string();
    room.run(&format!("%load {} --json", world.path("llama-tiny").display()));
    for wrong in ["hidden=33", "hidden=65536 layers=200", "tokenizer=nothing", "vocab=20", "config=none.json", "block=1"] {
        room.fail(&format!("%pretrain {book} {wrong}"));
        assert_eq!(room.json("%status --json")["model"], "llama-tiny", "{wrong}");
    }
}

#[test]
fn a_config_is_the_start_and_options_go_over_it() {
    let world = world(&["qwen3-tiny", "gpt2-tiny"]);
    // A large model's file: 32 layers of 4096, four query heads to a key head, a head of 128, an MLP of 11008.
    let large = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 11008, "max_position_embeddings": 8192, "rms_norm_eps": 1e-5,
        "initializer_range": 0.01, "rope_theta": 500000.0, "tie_word_embeddings": false, "vocab_size": 128256, "bos_token_id": 128000,
        "eos_token_id": [128001, 128009], "torch_dtype": "bfloat16", "transformers_version": "4.40.0", "_name_or_path": "meta/large", "quantization_config": {"quant_method": "gptq"},
    });
    world.write("large.json", large.to_string());
    world.run("%pretrain book.txt config=large.json layers=2 hidden=64 heads=8 context=32 vocab=300 steps=1 batch=2 block=16 --json\n%save out --json");
    let config = read(&world, "out/config.json");
    assert_eq!(
        config,
        json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 8,
            "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 172, "max_position_embeddings": 32, "rms_norm_eps": 1e-5,
            "initializer_range": 0.01, "rope_theta": 500000.0, "tie_word_embeddings": false, "vocab_size": 300, "bos_token_id": 0,
            "eos_token_id": 0, "pad_token_id": null, "torch_dtype": "float32",
        })
    );
    // As it stands, with the tokenizer that lies beside it; qwen3's heads are wider than hidden / heads.
    for name in ["qwen3-tiny", "gpt2-tiny"] {
        world.run(&format!("%pretrain book.txt config={name} tokenizer={name} steps=1 batch=2 block=16 --json\n%save {name}-new --json"));
        let (old, new) = (read(&world, &format!("{name}/config.json")), read(&world, &format!("{name}-new/config.json")));
        for (field, value) in old.as_object().unwrap() {
            let ids = field.ends_with("_token_id");
            assert!(ids || &new[field] == value, "{name} {field}: {} was {value}", new[field]);
        }
        assert_eq!((&new["bos_token_id"], &new["eos_token_id"]), (&old["bos_token_id"], &old["eos_token_id"]), "{name}");
    }
}

#[test]
fn the_tokenizer_of_another_model_comes_along() {
    let world = world(&["llama-tiny", "gpt2-tiny"]);
    std::fs::create_dir(world.path("alone")).unwrap();
    world.write("alone/tokenizer.json", std::fs::read(world.path("gpt2-tiny/tokenizer.json")).unwrap());
    let line = |tokenizer: &str| format!("%pretrain book.txt tokenizer={tokenizer} {SMALL}");
    let made = |before: &str, tokenizer: &str, after: &str| world.run(&format!("{before}{}{after}", line(tokenizer)));
    let loaded = made("%load llama-tiny --json\n", "loaded", "\n%save one --json");
    assert_snapshot!(words(&loaded), @"a fresh llama: 17.2 k parameters, vocabulary 120 (the loaded model's); 7696 tokens of text");
    assert_snapshot!(words(&made("", "llama-tiny", "\n%save two --json")), @"a fresh llama: 17.2 k parameters, vocabulary 120 (that of llama-tiny); 7696 tokens of text");
    assert_snapshot!(words(&made("", "llama-tiny/tokenizer.json", "\n%save three --json")), @"a fresh llama: 17.2 k parameters, vocabulary 120 (that of llama-tiny/tokenizer.json); 7696 tokens of text");
    let bytes = |folder: &str, file: &str| std::fs::read(world.path(folder).join(file)).unwrap();
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
        assert_eq!(bytes("one", file), bytes("two", file), "{file}");
        assert_eq!(bytes("one", file), bytes("three", file), "{file}");
    }
    let config = read(&world, "one/config.json");
    assert_eq!((&config["vocab_size"], &config["bos_token_id"], &config["eos_token_id"]), (&json!(120), &json!(1), &json!(2)));
    assert!(read(&world, "one/tokenizer_config.json")["chat_template"].is_string());
    // A tokenizer.json that stands alone names no end.
    let ran = world.lantern(&["-c", &format!("{}\n%save four --json", line("alone"))]).output().unwrap();
    let said = String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap();
    assert!(said.contains("this tokenizer names no end of a text"), "{said}");
    assert_eq!(read(&world, "four/config.json")["eos_token_id"], Value::Null);
}

#[test]
fn text_comes_from_every_form_that_data_reads() {
    let world = world(&[]);
    let rows: Vec<&str> = BOOK.split("\n\n").map(str::trim).filter(|row| !row.is_empty()).take(12).collect();
    let list: Vec<Value> = rows.iter().map(|row| json!({"text": row, "n": 1})).collect();
    world.write("rows.jsonl", list.iter().map(|row| format!("{row}\n")).collect::<String>());
    world.write("rows.json", Value::from(list.clone()).to_string());
    let quoted = |row: &str| format!("\"{}\",1\n", row.replace('"', "\"\""));
    world.write("rows.csv", "text,n\n".to_owned() + &rows.iter().map(|row| quoted(row)).collect::<String>());
    std::fs::create_dir(world.path("set")).unwrap();
    world.write("set/train.jsonl", std::fs::read(world.path("rows.jsonl")).unwrap());
    world.write(
        "named.jsonl",
        rows.iter().map(|row| format!("{}\n", json!({"body": row, "instruction": "x", "output": "y"}))).collect::<String>(),
    );
    let run = |data: &str| {
        let mut run = world.json(&format!("%pretrain {data} vocab=300 {SMALL} --json"));
        ["losses", "val_loss"].map(|name| run[name].take().to_string())
    };
    let first = run("rows.jsonl");
    for data in ["rows.json", "rows.csv", "set", "named.jsonl column=body"] {
        assert_eq!(run(data), first, "{data}");
    }
    assert_ne!(run("rows.jsonl limit=6"), first);
    let halves = |at: std::ops::Range<usize>| list[at].iter().map(|row| format!("{row}\n")).collect::<String>();
    world.write("a.jsonl", halves(0..6));
    world.write("b.jsonl", halves(6..12));
    assert_eq!(run("a.jsonl,b.jsonl"), first);
    assert_eq!(run("a.jsonl,b.jsonl limit=6"), run("rows.jsonl limit=6"));
    assert_snapshot!(world.fail(&format!("%pretrain named.jsonl {SMALL}")), @"
    error: `named.jsonl` holds instruction rows (instruction, output), not running text
    hint: `%pretrain named.jsonl column=NAME` takes one column as text; `%data` and `%train` learn from rows
    ");
    assert_snapshot!(world.fail(&format!("%pretrain rows.jsonl column=no {SMALL}")), @"
    error: `rows.jsonl`, row 1: there is no column `no`; there are: n, text
    hint: correct that row, then `%data rows.jsonl`
    ");
    assert_snapshot!(world.fail(&format!("%pretrain book.txt split=test {SMALL}")), @"
    error: `split` cannot be `test`: only with a data set of the hub or a folder of files
    hint: `%pretrain?` shows what it takes
    ");
}

#[test]
fn parquet_is_read_too() {
    let world = world(&[]);
    for (file, column) in [("gzip.parquet", ""), ("none.parquet", "column=question")] {
        let file = fixture("parquet").join(file);
        let run = world.json(&format!("%pretrain {} {column} vocab=260 {SMALL} --json", file.display()));
        assert_eq!(run["steps"], 2);
    }
}

/// The same line again is the same run, and any option that changes what is made is another one.
#[test]
fn a_run_is_known_by_all_that_it_is_made_of() {
    let world = world(&["llama-tiny"]);
    let line = |more: &str| format!("%pretrain book.txt {SMALL} save_every=1 {more}");
    let same = "family=qwen3 tokenizer=llama-tiny";
    let back = |more: &str| {
        let ran = world.lantern(&["-c", &line(more)]).output().unwrap();
        assert!(ran.status.success(), "{more}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).contains("the run that ended at step 2 is back")
    };
    assert!(!back(same));
    for other in ["tie=false", "init=scaled", "kv_heads=1", "head_dim=32", "inner=64"] {
        assert!(!back(&format!("{same} {other}")), "{other}");
    }
    for other in ["family=qwen2 tokenizer=llama-tiny", "family=qwen3 vocab=300", "family=llama tokenizer=llama-tiny"] {
        assert!(!back(other), "{other}");
    }
    assert!(back(same));
}

/// What stands between the paragraphs of a text is learned from a text that has it alone.
#[test]
fn rows_without_blank_lines_teach_none() {
    let world = world(&[]);
    let rows: String = (0..40).map(|i| format!("{}\n", json!({"text": format!("row {i} one two three")}))).collect();
    world.write("rows.jsonl", rows);
    world.write("text.txt", "one two three\n\n".repeat(40));
    let knows = |data: &str| {
        world.run(&format!("%pretrain {data} vocab=400 {SMALL} --json\n%save out --json"));
        read(&world, "out/tokenizer.json")["model"]["vocab"]["\u{10a}\u{10a}"].is_number()
    };
    assert_eq!((knows("rows.jsonl"), knows("text.txt")), (false, true));
}

#[test]
fn a_short_text_says_that_its_vocabulary_is_short() {
    let world = world(&[]);
    world.write("short.txt", "one two one two one two. ".repeat(8));
    let said = world.run(&format!("%pretrain short.txt {SMALL} val=0"));
    assert!(said.contains("no more pairs to merge") && said.contains("instead of 1024"), "{said}");
}
