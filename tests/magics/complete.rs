//! Completion, help under the cursor, and whether a cell is finished, through the desk.

use lantern::cell::{Desk, Setup};
use wire::Completeness;

use crate::harness::world::{Room, fixture};

fn desk() -> Desk {
    Desk::open(Setup { home: Some(std::env::temp_dir().join("lantern-tests-nowhere")) }).unwrap()
}

/// The candidates where `|` stands, and the text that they would replace.
#[track_caller]
fn at(desk: &Desk, marked: &str) -> (Vec<String>, String) {
    let cursor = marked.find('|').unwrap();
    let code = marked.replace('|', "");
    let found = desk.complete(&code, cursor);
    assert_eq!(found.end, cursor, "{marked}");
    (found.candidates.into_iter().map(|candidate| candidate.text).collect(), code[found.start..found.end].to_owned())
}

#[track_caller]
fn case(desk: &Desk, marked: &str, expected: &[&str], replaced: &str) {
    let (found, old) = at(desk, marked);
    assert_eq!((found.iter().map(String::as_str).collect::<Vec<_>>(), old.as_str()), (expected.to_vec(), replaced), "{marked}");
}

#[test]
fn magics_options_and_choices() {
    let desk = desk();
    case(&desk, "%tr|", &["%train"], "%tr");
    case(&desk, "%load spark\n%lo|", &["%load", "%lora"], "%lo");
    case(&desk, "?lor|", &["?lora"], "?lor");
    case(&desk, "%train ep|", &["epochs=", "eps="], "ep");
    case(&desk, "%train --ep|", &["--epochs=", "--eps="], "--ep");
    case(&desk, "%train w|", &["warmup=", "weight_decay="], "w");
    case(&desk, "%train schedule=c|", &["cosine", "constant"], "c");
    case(&desk, "%train lr_scheduler_type=l|", &["linear"], "l");
    case(&desk, "%quant q|", &["q8_0", "q6_k", "q5_k", "q5_1", "q5_0", "q4_k", "q4_1", "q4_0"], "q");
    case(&desk, "%help quan|", &["quant"], "quan");
    case(&desk, "%load x device=c|", &["cpu", "cuda"], "c");
    case(&desk, "%train nonsense|", &[], "nonsense");
    case(&desk, "%nosuch ab|", &[], "");
    case(&desk, "let x = 1;\nlet y|", &[], "y");
    let (all, _) = at(&desk, "%|");
    assert_eq!(all.len(), lantern::magic::LIST.len() + lantern::magic::cell::CELL.len());
    desk.close();
}

#[test]
fn names_of_models_and_data() {
    let desk = desk();
    let (models, _) = at(&desk, "%load s|");
    assert!(
        ["spark", "smollm2"].iter().all(|name| models.iter().any(|model| model == name))
            && !models.iter().any(|name| name.starts_with("alpaca")),
        "{models:?}"
    );
    let (data, _) = at(&desk, "%data alp|");
    assert_eq!(data, ["alpaca-en", "alpaca-zh"]);
    desk.close();
}

#[test]
fn targets_come_from_the_model() {
    let room = Room::new();
    case(&room.desk, "%lora target=c|", &[], "c");
    room.run(&format!("%load {}", fixture("gpt2-tiny").display()));
    case(&room.desk, "%lora target=c_|", &["c_attn", "c_proj", "c_fc"], "c_");
    case(&room.desk, "%lora target=c_attn,c_f|", &["c_fc"], "c_f");
    case(&room.desk, "%lora target_modules=c_a|", &["c_attn"], "c_a");
    case(&room.desk, "%eval ppl str|", &["stride="], "str");
    case(&room.desk, "%lora target=all|", &["all-linear"], "all");
    room.run("%unload");
    case(&room.desk, "%lora target=c|", &[], "c");
}

#[test]
fn paths() {
    let desk = desk();
    let folder = fixture("llama-gguf");
    let shown = folder.display().to_string();
    case(
        &desk,
        &format!("%load {shown}/llama-q|"),
        &[&format!("{shown}/llama-q4_1.gguf"), &format!("{shown}/llama-q8_0.gguf")],
        &format!("{shown}/llama-q"),
    );
    case(&desk, &format!("%load {shown}|"), &[&format!("{shown}/")], &shown);
    let (found, _) = at(&desk, &format!("%eval ppl {}/alp|", folder.parent().unwrap().display()));
    assert_eq!(found, [format!("{}/alpaca.json", folder.parent().unwrap().display())]);
    desk.close();
}

#[test]
fn help_stands_under_the_cursor() {
    let desk = desk();
    let help = desk.inspect("%load spark\n%train epochs=3", 20).unwrap();
    assert!(help.starts_with("%train — Train the adapter") && help.contains("epochs=N"), "{help}");
    assert!(desk.inspect("%load spark\n%train epochs=3", 3).unwrap().starts_with("%load — "));
    assert_eq!(desk.inspect("let x = 1;", 4), None);
    assert_eq!(desk.inspect("%nosuch", 3), None);
    desk.close();
}

#[test]
fn cells_are_finished_or_not() {
    let desk = desk();
    let cases = [
        ("%load spark", Completeness::Complete),
        ("", Completeness::Complete),
        ("%generate \"open", Completeness::Invalid),
        ("!echo \"open", Completeness::Complete),
        ("let x = (1;", Completeness::Incomplete { indent: "    ".to_owned() }),
        ("fn f() { g(", Completeness::Incomplete { indent: "        ".to_owned() }),
        ("let x = 1;", Completeness::Complete),
        ("let x = 1);", Completeness::Invalid),
    ];
    for (code, expected) in cases {
        assert_eq!(desk.is_complete(code), expected, "{code}");
    }
    desk.close();
}
