//! Masks, templates and data sets with a tokenizer of one byte a token.

use super::*;
use crate::{Error, Result};

const BOS: u32 = 256;
const EOS: u32 = 257;
const START: u32 = 258;
const END: u32 = 259;
const SPECIAL: [(&str, u32); 3] = [("</s>", EOS), ("<|im_start|>", START), ("<|im_end|>", END)];

#[derive(Clone, Copy, PartialEq)]
enum Style {
    None,
    /// ChatML with a default system message, as SmolLM2's.
    ChatMl,
    /// Answers end with nothing at all.
    Bare,
    /// Earlier answers are shortened once the conversation goes on.
    Forgetful,
}

struct Bytes(Style);

impl Encode for Bytes {
    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = vec![BOS];
        ids.extend(self.encode_plain(text)?);
        Ok(ids)
    }

    fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        let mut rest = text.as_bytes();
        while let Some(first) = rest.first() {
            match SPECIAL.iter().find(|(name, _)| rest.starts_with(name.as_bytes())) {
                Some((name, id)) => {
                    ids.push(*id);
                    rest = &rest[name.len()..];
                }
                None => {
                    ids.push(u32::from(*first));
                    rest = &rest[1..];
                }
            }
        }
        Ok(ids)
    }

    fn text(&self, ids: &[u32]) -> Result<String> {
        let piece = |id: &u32| match SPECIAL.iter().find(|(_, special)| special == id) {
            Some((name, _)) => (*name).to_owned(),
            None if *id == BOS => "<s>".to_owned(),
            None => char::from(*id as u8).to_string(),
        };
        Ok(ids.iter().map(piece).collect())
    }

    fn eos(&self) -> Option<u32> {
        Some(EOS)
    }

    fn has_chat(&self) -> bool {
        self.0 != Style::None
    }

    fn chat(&self, turns: &[Turn], prompt: bool) -> Result<String> {
        let mut text = String::new();
        if self.0 == Style::ChatMl && turns[0].role != "system" {
            text.push_str("<|im_start|>system\nBe kind.<|im_end|>\n");
        }
        for (i, turn) in turns.iter().enumerate() {
            let content = if self.0 == Style::Forgetful && i + 1 < turns.len() { "…" } else { &turn.content };
            match self.0 {
                Style::Bare => text.push_str(&format!("{}: {content}\n", turn.role)),
                _ => text.push_str(&format!("<|im_start|>{}\n{content}<|im_end|>\n", turn.role)),
            }
        }
        if prompt {
            text.push_str(if self.0 == Style::Bare { "assistant: " } else { "<|im_start|>assistant\n" });
        }
        Ok(text)
    }
}

/// The learned runs, as text.
fn learned(example: &Example, style: Style) -> Vec<String> {
    let spans = spans(example, &Bytes(style)).unwrap();
    assert_eq!(spans.legend.len(), 2);
    spans.spans.into_iter().filter(|span| span.tone == 1).map(|span| span.text).collect()
}

fn load(name: &str, text: &str, options: &Options, style: Style) -> Result<Dataset> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    Dataset::load(&path, options, &Bytes(style))
}

#[test]
fn alpaca_learns_the_answer_and_eos() {
    let example = mask::alpaca(&Bytes(Style::None), "Add", "1 2", "3").unwrap();
    assert_eq!(learned(&example, Style::None), ["3</s>"]);
    assert_eq!(example.ids.len(), 1 + template::alpaca("Add", "1 2").len() + 2);
    assert_eq!(example.ids.last(), Some(&EOS));
}

/// `tests/reference/alpaca.py`: what Stanford Alpaca's own templates make of some rows.
#[test]
fn alpaca_wording_equals_the_original() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/alpaca.json");
    let cases: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.len() >= 5);
    for case in &cases {
        let field = |name: &str| case["row"].get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let source = template::alpaca(field("instruction"), field("input"));
        assert_eq!(Some(source.as_str()), case["source"].as_str());
        let example = mask::alpaca(&Bytes(Style::None), field("instruction"), field("input"), field("output")).unwrap();
        assert_eq!(example.count(), field("output").len() + 1);
        assert!(!example.learned[source.len()] && example.learned[source.len() + 1]);
    }
}

#[test]
fn chat_learns_each_answer_and_its_end() {
    let turns = [("system", "S"), ("user", "a?"), ("assistant", "b "), ("user", "c?"), ("assistant", "d")];
    let turns: Vec<Turn> = turns.iter().map(|(role, content)| Turn::new(*role, *content)).collect();
    for start in [0, 1] {
        let example = mask::chat(&Bytes(Style::ChatMl), &turns[start..]).unwrap();
        assert_eq!(learned(&example, Style::ChatMl), ["b <|im_end|>", "d<|im_end|>"]);
    }
    let bare = mask::chat(&Bytes(Style::Bare), &turns).unwrap();
    assert_eq!(learned(&bare, Style::Bare).last().map(String::as_str), Some("</s>"));
    assert!(learned(&bare, Style::Bare).contains(&"d".to_owned()));
}

#[test]
fn a_template_that_rewrites_the_past_is_refused() {
    let turns: Vec<Turn> = ["user", "assistant", "user", "assistant"].iter().map(|role| Turn::new(*role, "hello")).collect();
    assert!(matches!(mask::chat(&Bytes(Style::Forgetful), &turns), Err(Error::BadTemplate { .. })));
    assert!(matches!(mask::chat(&Bytes(Style::ChatMl), &turns[1..]), Err(Error::BadTemplate { .. })));
    assert!(matches!(mask::chat(&Bytes(Style::ChatMl), &turns[..1]), Err(Error::BadTemplate { .. })));
}

#[test]
fn a_data_set_counts_what_it_changed() {
    let text = r#"[{"instruction":"a","output":"yes"},{"instruction":"b","output":" "},{"instruction":"c","output":"no no no no"},
        {"instruction":"a","output":"yes"},{"instruction":"d","output":"no"},{"instruction":"e","input":"12345678901234567890","output":"x"}]"#;
    let chat = load("a.json", text, &Options { val: 0.0, ..Options::default() }, Style::ChatMl).unwrap();
    assert_eq!((chat.train.len(), chat.val.len(), chat.cut, chat.dropped), (5, 0, 0, 1));
    assert_eq!((chat.layout, chat.template, chat.name.as_str()), (Layout::Instruction, Some(Template::Chat), "a.json"));
    assert_eq!(chat.learned(), 2 * 4 + 12 + 3 + 2);
    assert_eq!(chat.question(&chat.train[4]), Some(("e\n12345678901234567890".into(), "x".into())));
    assert_eq!(chat.question(&chat.train[1]), Some(("c".into(), "no no no no".into())));

    let fits = chat.train[0].len() + 2;
    let short = load("a.json", text, &Options { val: 0.5, max_length: fits, ..Options::default() }, Style::ChatMl).unwrap();
    assert_eq!((short.train.len() + short.val.len(), short.cut, short.dropped), (4, 1, 2));
    assert!(short.longest() <= fits);

    let alpaca = load("a.json", text, &Options::default(), Style::None).unwrap();
    assert_eq!((alpaca.template, alpaca.val.len()), (Some(Template::Alpaca), 1));
}

#[test]
fn text_becomes_blocks_with_eos_between_documents() {
    let options = Options { val: 0.0, block: 4, ..Options::default() };
    let data = load("a.jsonl", "{\"text\":\"abc\"}\n{\"text\":\"de\"}\n", &options, Style::None).unwrap();
    let ids: Vec<&[u32]> = data.train.iter().map(|example| example.ids.as_slice()).collect();
    assert_eq!(ids, [&[BOS, 97, 98, 99][..], &[EOS, BOS, 100, 101]]);
    assert_eq!((data.train[1].row, data.learned(), data.dropped, data.template), (0, 6, 1, None));
    assert_eq!(data.train[0].learned, [false, true, true, true]);

    let texts = Dataset::of_texts("two", &["abc", "de"], &options, &Bytes(Style::None)).unwrap();
    assert_eq!((texts.train, texts.name.as_str()), (data.train, "two"));
    assert!(matches!(Dataset::of_texts("none", &["", " \n"], &options, &Bytes(Style::None)), Err(Error::EmptyData { .. })));
}

#[test]
fn what_cannot_be_used_is_refused() {
    let row = "{\"instruction\":\"a\",\"output\":\"b\"}";
    let with = |options: Options, style| load("a.jsonl", row, &options, style);
    for options in [
        Options { val: f64::NAN, ..Options::default() },
        Options { block: 1, ..Options::default() },
        Options { max_length: 1, ..Options::default() },
        Options { limit: Some(0), ..Options::default() },
    ] {
        assert!(matches!(with(options, Style::None), Err(Error::BadValue { .. })));
    }
    assert!(matches!(with(Options { max_length: 5, ..Options::default() }, Style::None), Err(Error::NothingToLearn { examples: 1 })));
    assert!(matches!(with(Options { template: Template::Chat, ..Options::default() }, Style::None), Err(Error::NoChatTemplate { .. })));
    let first = "{\"messages\":[{\"role\":\"assistant\",\"content\":\"b\"}]}\n";
    assert!(matches!(load("a.jsonl", first, &Options::default(), Style::ChatMl), Err(Error::BadRow { row: 1, .. })));
}

#[test]
fn lengths_fill_the_histogram() {
    let examples: Vec<Example> = [1, 5, 39, 40].iter().map(|&n| Example::new(vec![0; n], 0)).collect();
    let mut data = load("a.txt", "a", &Options::default(), Style::None).unwrap();
    (data.val, data.train) = (examples[..1].to_vec(), examples);
    let histogram = length_histogram(&data);
    assert_eq!(histogram.groups.len(), 2);
    for (group, n) in histogram.groups.iter().zip([4.0, 1.0]) {
        assert_eq!((group.values.iter().sum::<f64>(), group.values.len() + 1), (n, histogram.edges.len()));
    }
    assert_eq!(histogram.edges[1], 3.0);
    assert_eq!(histogram.groups[0].values[13], 2.0);
}

#[test]
fn the_shipped_sets_are_read_whole() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tutorials/data");
    for (name, rows) in [("lantern-en.jsonl", 256), ("lantern-zh.jsonl", 84)] {
        for style in [Style::None, Style::ChatMl] {
            let data = Dataset::load(&folder.join(name), &Options::default(), &Bytes(style)).unwrap();
            assert_eq!((data.train.len() + data.val.len(), data.cut, data.dropped, data.duplicates), (rows, 0, 0, 0), "{name}");
        }
    }
    let options = Options { val: 0.05, ..Options::default() };
    for name in ["around-the-world-in-80-days.txt", "devils-dictionary.txt", "us-constitution.txt", "us-declaration.txt"] {
        let data = Dataset::load(&folder.join("text").join(name), &options, &Bytes(Style::None)).unwrap();
        assert!(data.train.len() > 60 && data.longest() == 128, "{name}");
    }
}
