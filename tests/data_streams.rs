//! Files that stay on the disk while they are trained on: beside the same files read whole.

use std::path::Path;

use lantern::data::read::{Wanted, read};
use lantern::data::{Dataset, Encode, Example, Layout, Options, Turn, weigh};
use lantern::stop::Stop;
use lantern::{Error, Result};

use super::data_files::fixture;

/// One token a byte; nothing ends a text but 0. With or without a chat template.
struct Bytes(bool);

impl Encode for Bytes {
    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.encode_plain(text)
    }

    fn encode_plain(&self, text: &str) -> Result<Vec<u32>> {
        Ok(text.bytes().map(u32::from).collect())
    }

    fn text(&self, ids: &[u32]) -> Result<String> {
        Ok(ids.iter().map(|id| char::from(*id as u8)).collect())
    }

    fn eos(&self) -> Option<u32> {
        Some(0)
    }

    fn has_chat(&self) -> bool {
        self.0
    }

    fn chat(&self, turns: &[Turn], prompt: bool) -> Result<String> {
        let all: String = turns.iter().map(|turn| format!("{}: {}\n", turn.role, turn.content)).collect();
        Ok(if prompt { all + "assistant: " } else { all })
    }
}

fn stream(path: &Path, options: &Options) -> Result<Dataset> {
    Dataset::stream(path, options, &Bytes(false), &mut |_, _| {}, &Stop::new())
}

/// All examples to train on, asked for in the order given.
fn all(data: &mut Dataset, order: impl Iterator<Item = usize>) -> Vec<Example> {
    order
        .map(|i| {
            data.prepare(&[i], &Bytes(false)).unwrap();
            Example { row: 0, ..data.get(i).clone() }
        })
        .collect()
}

#[test]
fn a_stream_has_the_examples_of_the_file_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<(String, String)> = (0..50).map(|i| (format!("add {i}, \"please\"\nnow"), format!("{}", i + 1))).collect();
    let json = rows.iter().map(|(q, a)| format!("{}\n\n", serde_json::json!({ "instruction": q, "output": a }))).collect::<String>();
    let csv = rows.iter().map(|(q, a)| format!("\"{}\",{a}\r\n", q.replace('"', "\"\""))).collect::<String>();
    for (name, text) in
        [("a.jsonl", json.clone()), ("a.csv", format!("\u{feff}instruction,output\r\n{csv}")), ("b.jsonl", json.trim_end().to_owned())]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let options = Options { val: 0.2, ..Options::default() };
        let whole = Dataset::load(&path, &Options { val: 0.0, ..options.clone() }, &Bytes(false)).unwrap();
        let mut streamed = stream(&path, &options).unwrap();
        assert_eq!((streamed.count(), streamed.val.len(), streamed.layout), (40, 10, Layout::Instruction));
        let forward = all(&mut streamed, 0..40);
        let mut backward = all(&mut streamed, (0..40).rev());
        backward.reverse();
        assert_eq!(forward, backward, "{name}");
        // Together with what is held out: the file's examples, each once.
        let mut together: Vec<Vec<u32>> = forward.iter().chain(&streamed.val).map(|example| example.ids.clone()).collect();
        let mut expected: Vec<Vec<u32>> = whole.train.iter().map(|example| example.ids.clone()).collect();
        together.sort();
        expected.sort();
        assert_eq!(together, expected, "{name}");
        assert!(whole.train.iter().any(|example| Example { row: 0, ..example.clone() } == forward[0]), "masks are the same too");
        // The same seed holds the same rows out; a limit ends with its row.
        assert_eq!(stream(&path, &options).unwrap().val, streamed.val);
        let mut few = stream(&path, &Options { limit: Some(3), val: 0.0, ..Options::default() }).unwrap();
        let first: Vec<Example> = whole.train[..3].iter().map(|example| Example { row: 0, ..example.clone() }).collect();
        assert_eq!(all(&mut few, 0..3), first, "{name}");
    }
}

#[test]
fn streamed_text_is_cut_at_line_ends_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let text: String = (0..200).map(|i| format!("line {i} 第{i}行{}\n", if i == 90 { "长".repeat(500) } else { String::new() })).collect();
    std::fs::write(&path, &text).unwrap();
    let mut data = stream(&path, &Options { block: 16, val: 0.0, ..Options::default() }).unwrap();
    assert!(data.count() > 20);
    let count = data.count();
    let pieces = all(&mut data, 0..count);
    let bytes: Vec<u8> = pieces.iter().flat_map(|example| example.ids.iter().map(|id| *id as u8)).collect();
    assert_eq!(String::from_utf8(bytes).unwrap(), text);
    assert!(pieces.iter().all(|example| example.len() <= 128));
    let ends = pieces.iter().filter(|example| example.ids.last() == Some(&u32::from(b'\n'))).count();
    assert!(ends * 10 > pieces.len() * 7, "{ends} of {}", pieces.len());
}

#[test]
fn a_stream_names_what_is_wrong_before_a_run_and_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let good = "{\"instruction\":\"a\",\"output\":\"b\"}\n";
    std::fs::write(&path, format!("{good}\n{{\"instruction\":\"a\"}}\n")).unwrap();
    assert!(matches!(stream(&path, &Options::default()), Err(Error::BadRow { row: 3, cause, .. }) if cause.contains("`output`")));
    std::fs::write(&path, format!("{good}{{\"instruction\":\"a\",\"output\":\" \"}}\n{good}")).unwrap();
    let mut data = stream(&path, &Options { val: 0.0, ..Options::default() }).unwrap();
    assert_eq!((data.count(), data.dropped), (2, 1));
    // Rewritten while it is in use: another length of row, no row any more.
    std::fs::write(&path, "x".repeat(200)).unwrap();
    assert!(matches!(data.prepare(&[1], &Bytes(false)), Err(Error::BadRow { row: 3, .. })));
    for (name, text) in [("a.jsonl.gz", "x"), ("a.txt", " \n"), ("a.jsonl", "\n"), ("a.csv", "text\n")] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let refused = stream(&path, &Options::default());
        assert!(matches!(refused, Err(Error::EmptyData { .. } | Error::BadValue { .. })), "{name}: {refused:?}");
    }
    let stop = Stop::new();
    stop.raise();
    std::fs::write(&path, good.repeat(3000)).unwrap();
    assert!(matches!(Dataset::stream(&path, &Options::default(), &Bytes(false), &mut |_, _| {}, &stop), Err(Error::Interrupted { .. })));
}

/// The same rows in each format; one has an empty answer, one is there twice.
fn formats(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut rows: Vec<(String, String)> = (0..90).map(|i| (format!("add {i}, \"请\"\nnow [{{"), format!("{}\\", i + 1))).collect();
    (rows[7].1, rows[60]) = (" ".to_owned(), rows[11].clone());
    let objects: Vec<String> = rows.iter().map(|(q, a)| serde_json::json!({ "instruction": q, "output": a }).to_string()).collect();
    let csv = |between: &str| -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        rows.iter().map(|(q, a)| format!("{}{between}{}\n", quoted(q), quoted(a))).collect()
    };
    let files = [
        ("a.jsonl", objects.join("\n\n")),
        ("a.json", format!("\u{feff}[{}]\n", objects.join(",\n  "))),
        ("b.json", format!("{{\"version\": [1, \"]\"], \"data\": [{}], \"more\": {{\"data\": 3}}}}", objects.join(","))),
        (
            "c.json",
            serde_json::to_string_pretty(&objects.iter().map(|o| serde_json::from_str(o).unwrap()).collect::<Vec<serde_json::Value>>())
                .unwrap(),
        ),
        ("a.csv", format!("instruction,output\n{}", csv(","))),
        ("a.tsv", format!("instruction\toutput\n{}", csv("\t"))),
    ];
    files.map(|(name, text)| (folder.join(name), std::fs::write(folder.join(name), text).unwrap()).0).to_vec()
}

/// What training sees of a data set in memory.
fn seen(data: &Dataset) -> Vec<Example> {
    data.train.iter().map(|example| Example { row: 0, ..example.clone() }).collect()
}

/// Whole and streamed, the same numbers give the same examples: the split, the order, the masks, what was counted.
#[test]
fn a_stream_is_the_data_that_reading_it_whole_gives() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = formats(folder.path());
    files.extend(["snappy", "pages", "talks", "talks2", "zstd"].map(|name| fixture(&format!("{name}.parquet"))));
    for path in files {
        let name = path.display();
        for options in [
            Options { val: 0.2, ..Options::default() },
            Options { val: 0.0, seed: 7, ..Options::default() },
            Options { limit: Some(5), ..Options::default() },
        ] {
            let talks = matches!(read(&path, &Wanted::default()).unwrap().layout, Layout::Chat);
            let tokenizer = Bytes(talks);
            let whole = Dataset::load(&path, &options, &tokenizer).unwrap();
            let mut streamed = Dataset::stream(&path, &options, &tokenizer, &mut |_, _| {}, &Stop::new()).unwrap();
            let counts = |data: &Dataset| (data.count(), data.val.len(), data.dropped, data.duplicates, data.layout, data.template);
            assert_eq!(counts(&streamed), counts(&whole), "{name}");
            let held = |data: &Dataset| data.val.iter().map(|example| (example.ids.clone(), example.learned.clone())).collect::<Vec<_>>();
            assert_eq!(held(&streamed), held(&whole), "{name}");
            assert_eq!(streamed.source.columns, whole.source.columns, "{name}");
            let rows: Vec<usize> = whole.train.iter().map(|example| example.row).collect();
            // Asked for in an order that is not theirs.
            let n = whole.train.len();
            for i in (0..n).map(|i| (i * 37 + 11) % n).chain(0..n) {
                streamed.prepare(&[i], &tokenizer).unwrap();
                assert_eq!(Example { row: 0, ..streamed.get(i).clone() }, seen(&whole)[i], "{name}, {i}");
                assert_eq!(streamed.row_of(&whole.train[i].ids), Some(rows[i]), "{name}, {i}");
            }
        }
    }
}

#[test]
fn what_is_wrong_in_a_file_is_said_as_reading_it_whole_says_it() {
    let folder = tempfile::tempdir().unwrap();
    let good = r#"{"instruction":"a","output":"b"}"#;
    let bad: &[(&str, &[u8])] = &[
        ("a.json", b"[G,\n"),
        ("a.json", b"[G,\n{\"output\":\"b\"}]"),
        ("a.json", b"[G,\n 7]"),
        ("a.json", b"[G G]"),
        ("a.json", b"[G,]"),
        ("a.json", b"[G]\n x"),
        ("a.json", b"[G,\n{\"instruction\": \"a\\q\"}]"),
        ("a.json", b"[G,\n{\"instruction\":\"a\",\"output\":\"\xff\"}]"),
        ("a.json", b"{\"data\": 5}"),
        ("a.json", b"{\"data\": [G, {}]}"),
        ("a.json", b"5"),
        ("a.json", b" \n"),
        ("a.json", b"[]"),
        ("a.json", b"[{\"name\":1}]"),
        ("a.jsonl", b"G\n\nG x\n"),
        ("a.jsonl", b"G\n\n{\"instruction\":\"a\"}\n"),
        ("a.jsonl", b"G\n{\"instruction\":\"\xff\",\"output\":\"b\"}\n"),
        ("a.csv", b"instruction,output\na,\"b\nc\"\nd\n"),
        ("a.csv", b"instruction,output\n"),
        ("a.txt", b"one\ntwo \xff\n"),
    ];
    for (name, text) in bad {
        let path = folder.path().join(name);
        let text: Vec<u8> = text.iter().flat_map(|byte| if *byte == b'G' { good.as_bytes().to_vec() } else { vec![*byte] }).collect();
        std::fs::write(&path, &text).unwrap();
        let whole = Dataset::load(&path, &Options::default(), &Bytes(false)).map(|_| ());
        assert!(whole.is_err(), "{name} {}", String::from_utf8_lossy(&text));
        assert_eq!(stream(&path, &Options::default()).map(|_| ()), whole, "{}", String::from_utf8_lossy(&text));
    }
    for name in ["hole", "brotli"] {
        let path = fixture(&format!("{name}.parquet"));
        assert_eq!(stream(&path, &Options::default()).map(|_| ()), Dataset::load(&path, &Options::default(), &Bytes(false)).map(|_| ()));
    }
    // An object without `data` is the only row.
    let path = folder.path().join("one.json");
    std::fs::write(&path, format!("\n {good}")).unwrap();
    assert_eq!(stream(&path, &Options::default()).unwrap().count(), 1);
}

/// Shards of one set, of different formats too.
#[test]
fn several_files_are_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<std::path::PathBuf> = formats(folder.path());
    let files = [files[0].clone(), files[3].clone(), fixture("snappy.parquet")];
    for limit in [None, Some(3), Some(95), Some(184)] {
        let options = Options { limit, ..Options::default() };
        let whole = Dataset::load_files("set", &files, &options, &Bytes(false)).unwrap();
        let mut streamed = Dataset::stream_files("set", &files, &options, &Bytes(false), &mut |_, _| {}, &Stop::new()).unwrap();
        let count = streamed.count();
        assert_eq!(all(&mut streamed, 0..count), seen(&whole), "{limit:?}");
        assert_eq!((streamed.dropped, streamed.duplicates), (whole.dropped, whole.duplicates));
    }
    let other = [files[0].clone(), fixture("gzip.parquet")];
    let mixed = Dataset::stream_files("set", &other, &Options::default(), &Bytes(false), &mut |_, _| {}, &Stop::new());
    assert!(matches!(mixed, Err(Error::UnknownLayout { given, .. }) if given == "text"));
}

#[test]
fn a_stream_keeps_no_more_than_256_for_validation_and_knows_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, (0..600).map(|i| format!("{{\"instruction\":\"{i}\",\"output\":\"b\"}}\n")).collect::<String>()).unwrap();
    let data = stream(&path, &Options { val: 0.5, ..Options::default() }).unwrap();
    assert_eq!((data.count(), data.val.len(), data.source.wanted), (344, 256, 300));
}

#[test]
fn what_a_file_would_take_is_known_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, "x".repeat(1000)).unwrap();
        path
    };
    let whole = |paths: &[std::path::PathBuf], columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        weigh::whole(paths, &columns).unwrap()
    };
    let (lines, text) = (whole(&[at("a.jsonl")], &[]).unwrap(), whole(&[at("a.txt")], &[]).unwrap());
    assert!(lines >= 5000 && text > 10 * lines);
    assert_eq!(whole(&[at("a.jsonl"), at("a.txt")], &[]), Some(lines + text));
    assert_eq!(whole(&[at("a.jsonl"), at("a.jsonl.gz")], &[]), None, "packed files cannot be streamed instead");
    let pages = [fixture("pages.parquet")];
    assert!(whole(&pages, &["image"]).unwrap() != whole(&pages, &[]).unwrap(), "only the columns that are needed count");
    assert!(matches!(weigh::whole(&[folder.path().join("none.csv")], &[]), Err(Error::NotFound { .. })));
}
