//! The tokenizers and chat templates inside GGUF files equal transformers' and sentencepiece's.

use candle_core::quantized::gguf_file::Value;
use lantern::Error;
use lantern::tokenizer::{Decoder, Message, Tokenizer};

use super::fixture::{ids_of, json, tokenizer};
use super::gguf_families::{FILES, changed, file};

pub fn texts(name: &str) -> Vec<(String, Vec<u32>)> {
    let notes = json(&format!("{name}-gguf/golden.json"));
    notes["ids"].as_array().unwrap().iter().map(|row| (row[0].as_str().unwrap().to_owned(), ids_of(&row[1]))).collect()
}

fn piecewise(tokenizer: &Tokenizer, ids: &[u32]) -> String {
    let mut decoder = Decoder::new(tokenizer, false);
    let mut text: String = ids.iter().filter_map(|id| decoder.push(*id).unwrap()).collect();
    text.extend(decoder.flush());
    text
}

#[test]
fn token_ids_and_chats_equal_the_reference() {
    for (name, kinds) in FILES {
        let tokenizer = tokenizer(&file(name, kinds[0]));
        let rows = texts(name);
        for (text, expected) in &rows {
            assert_eq!(&tokenizer.encode(text).unwrap(), expected, "{name}: {text:?}");
            assert_eq!(piecewise(&tokenizer, expected), tokenizer.decode(expected, false).unwrap(), "{name}: {text:?}");
        }
        assert!(rows.len() > 30);
        let notes = json(&format!("{name}-gguf/golden.json"));
        for chat in notes["chats"].as_array().unwrap() {
            let turns = chat["messages"].as_array().unwrap().iter();
            let turns: Vec<_> = turns.map(|m| Message::new(m["role"].as_str().unwrap(), m["content"].as_str().unwrap())).collect();
            assert_eq!(tokenizer.chat(&turns, true).unwrap(), chat["text"].as_str().unwrap(), "{name}");
        }
        assert_eq!((tokenizer.bos(), tokenizer.eos()), (Some(1), [2].as_slice()), "{name}");
    }
}

/// SentencePiece's text comes back whole, bytes without a piece included.
#[test]
fn sentencepiece_decodes_to_the_text() {
    let tokenizer = tokenizer(&file("mistral", "q8_0"));
    for (text, ids) in texts("mistral").iter().filter(|(text, _)| !text.contains("<s>")) {
        assert_eq!(&tokenizer.decode(ids, true).unwrap(), text);
    }
}

#[test]
fn another_rule_would_be_noticed() {
    for name in ["llama3", "qwen2", "gpt2"] {
        for pre in ["smollm", "gpt-2", "llama-bpe", "qwen2", "smaug-bpe"] {
            let own = Some(name)
                == [("llama-bpe", "llama3"), ("qwen2", "qwen2"), ("gpt-2", "gpt2")].iter().find(|(p, _)| *p == pre).map(|(_, n)| *n);
            let value = Some(Value::String(pre.to_owned()));
            // The frame alone shall not make the difference.
            let meta = [("tokenizer.ggml.pre", value), ("tokenizer.ggml.add_bos_token", Some(Value::Bool(name == "llama3")))];
            let (_folder, place) = changed(&file(name, "f32"), &meta, &[]);
            let tokenizer = Tokenizer::from_gguf(&place).unwrap();
            let differ = texts(name).iter().filter(|(text, ids)| tokenizer.encode(text).unwrap() != *ids).count();
            assert_eq!(differ == 0, own, "{name} with {pre}: {differ} texts differ");
        }
    }
}

#[test]
fn a_file_that_names_no_rule_has_its_architectures_or_is_refused() {
    for (name, known) in [("qwen2", true), ("qwen3", true), ("gpt2", true), ("llama3", false)] {
        for value in [None, Some(Value::String("default".into()))] {
            let (_folder, place) = changed(&file(name, "f32"), &[("tokenizer.ggml.pre", value)], &[]);
            match Tokenizer::from_gguf(&place) {
                Ok(tokenizer) => {
                    assert!(known, "{name}");
                    assert!(texts(name).iter().all(|(text, ids)| tokenizer.encode(text).unwrap() == *ids), "{name}");
                }
                Err(Error::BadTokenizer { cause, .. }) => {
                    assert!(!known && cause.contains("default") && cause.contains("folder"), "{cause}")
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn sentencepiece_that_rewrites_the_text_or_lacks_scores_is_refused() {
    let cases = [
        ("tokenizer.ggml.remove_extra_whitespaces", Some(Value::Bool(true)), "rewrites"),
        ("tokenizer.ggml.precompiled_charsmap", Some(Value::Array(vec![Value::U8(1)])), "rewrites"),
        ("tokenizer.ggml.scores", None, "score"),
        ("tokenizer.ggml.token_type", None, "score"),
    ];
    for (key, value, said) in cases {
        let (_folder, place) = changed(&file("mistral", "q8_0"), &[(key, value)], &[]);
        assert!(matches!(Tokenizer::from_gguf(&place), Err(Error::BadTokenizer { cause, .. }) if cause.contains(said)), "{key}");
    }
    // Pieces joined in another order than that of their scores give other ids.
    let flat = [("tokenizer.ggml.scores", Some(Value::Array((0..400).map(|id| Value::F32(id as f32)).collect())))];
    let (_folder, place) = changed(&file("mistral", "q8_0"), &flat, &[]);
    let flat = Tokenizer::from_gguf(&place).unwrap();
    assert!(texts("mistral").iter().any(|(text, ids)| flat.encode(text).unwrap() != *ids));
    // Without the space in front, texts that begin with a letter begin with another piece.
    let bare = [("tokenizer.ggml.add_space_prefix", Some(Value::Bool(false)))];
    let (_folder, place) = changed(&file("mistral", "q8_0"), &bare, &[]);
    let (bare, usual) = (Tokenizer::from_gguf(&place).unwrap(), tokenizer(&file("mistral", "q8_0")));
    assert_eq!(bare.encode(" the cat").unwrap(), usual.encode("the cat").unwrap());
    for text in ["the cat", " the  cat", "  "] {
        let ids = bare.encode_plain(text).unwrap();
        assert_eq!((bare.decode(&ids, false).unwrap(), piecewise(&bare, &ids)), (text.to_owned(), text.to_owned()));
    }
}
