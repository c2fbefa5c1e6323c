//! Data files as others write them, and files that stay on the disk while they are trained on.

use std::path::{Path, PathBuf};

use lantern::data::read::{Wanted, read, read_all};
use lantern::data::{Dataset, Encode, Example, Layout, Options, Row, Turn};
use lantern::stop::Stop;
use lantern::{Error, Result};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/fixtures/parquet").join(name)
}

fn golden() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixture("rows.json")).unwrap()).unwrap()
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn questions() -> Vec<Row> {
    let row = |row: &serde_json::Value| Row::Instruction {
        instruction: text(&row["question"]),
        input: String::new(),
        output: text(&row["answer"]),
    };
    golden()["questions"].as_array().unwrap().iter().map(row).collect()
}

fn rows(name: &str) -> Result<(Layout, Vec<Row>, Vec<String>)> {
    let read = read(&fixture(name), &Wanted::default())?;
    assert!(read.rows.iter().enumerate().all(|(i, (place, _))| *place == i + 1));
    Ok((read.layout, read.rows.into_iter().map(|(_, row)| row).collect(), read.columns))
}

#[test]
fn parquet_files_give_the_rows_that_pyarrow_wrote() {
    let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let expected = questions();
    assert_eq!(rows("snappy.parquet").unwrap(), (Layout::Instruction, expected.clone(), columns(&["question", "answer"])));
    assert_eq!(rows("none.parquet").unwrap().1, expected[..3]);
    let (layout, chats, _) = rows("zstd.parquet").unwrap();
    let turn = |turn: &serde_json::Value| Turn::new(text(&turn["role"]), text(&turn["content"]));
    let chat = |row: &serde_json::Value| Row::Chat(row["messages"].as_array().unwrap().iter().map(turn).collect());
    assert_eq!((layout, chats), (Layout::Chat, golden()["chats"].as_array().unwrap().iter().map(chat).collect()));
    let (layout, texts, used) = rows("gzip.parquet").unwrap();
    let story = |row: &serde_json::Value| Row::Text(text(&row["text"]));
    assert_eq!((layout, texts), (Layout::Text, golden()["texts"].as_array().unwrap().iter().map(story).collect()));
    assert_eq!(used, ["text"]);
    // Two files are one set.
    let both = read_all(&[fixture("none.parquet"), fixture("snappy.parquet")], &Wanted { limit: 5, columns: &[] }).unwrap();
    assert_eq!(both.rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), [&expected[..3], &expected[..2]].concat());
    assert!(matches!(read_all(&[fixture("none.parquet"), fixture("gzip.parquet")], &Wanted::default()), Err(Error::UnknownLayout { .. })));
}

#[test]
fn errors_of_parquet_name_the_row_and_the_column() {
    match rows("hole.parquet") {
        Err(Error::BadRow { row: 3, cause, .. }) => assert!(cause.contains("`answer`"), "{cause}"),
        other => panic!("{other:?}"),
    }
    match rows("brotli.parquet") {
        Err(Error::BadRow { cause, .. }) => assert!(cause.contains("snappy, gzip, zstd"), "{cause}"),
        other => panic!("{other:?}"),
    }
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.parquet");
    std::fs::write(&cut, &std::fs::read(fixture("snappy.parquet")).unwrap()[..900]).unwrap();
    assert!(matches!(read(&cut, &Wanted::default()), Err(Error::BadRow { .. })));
}

#[test]
fn columns_can_be_chosen_and_a_wrong_one_names_those_there_are() {
    let chosen = |columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        read(&fixture("none.parquet"), &Wanted { limit: 1, columns: &columns }).map(|read| read.rows[0].1.clone())
    };
    assert_eq!(chosen(&["answer"]), Ok(Row::Text("0。".into())));
    let turned = Row::Instruction { instruction: "0。".into(), input: String::new(), output: "What is 0 + 0?".into() };
    assert_eq!(chosen(&["answer", "question"]), Ok(turned));
    let three = Row::Instruction { instruction: "What is 0 + 0?".into(), input: "0".into(), output: "0。".into() };
    assert_eq!(chosen(&["question", "level", "answer"]), Ok(three));
    match chosen(&["answer", "reply"]) {
        Err(Error::BadRow { row: 1, cause, .. }) => assert!(cause.contains("`reply`") && cause.contains("answer"), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn packed_files_are_unpacked() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let lines = "{\"text\":\"one\"}\n{\"text\":\"two\"}\n";
    let gz = folder.path().join("a.jsonl.gz");
    let mut writer = flate2::write::GzEncoder::new(std::fs::File::create(&gz).unwrap(), flate2::Compression::fast());
    writer.write_all(lines.as_bytes()).unwrap();
    writer.finish().unwrap();
    let read = read(&gz, &Wanted::default()).unwrap();
    assert_eq!(read.rows, [(1, Row::Text("one".into())), (2, Row::Text("two".into()))]);
}

/// One token a byte; nothing ends a text but 0.
struct Bytes;

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
        false
    }

    fn chat(&self, _: &[Turn], _: bool) -> Result<String> {
        Err(Error::NoChatTemplate { model: String::new() })
    }
}

fn stream(path: &Path, options: &Options) -> Result<Dataset> {
    Dataset::stream(path, options, &Bytes, &mut |_, _| {}, &Stop::new())
}

/// All examples to train on, asked for in the order given.
fn all(data: &mut Dataset, order: impl Iterator<Item = usize>) -> Vec<Example> {
    order
        .map(|i| {
            data.prepare(&[i], &Bytes).unwrap();
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
        let whole = Dataset::load(&path, &Options { val: 0.0, ..options.clone() }, &Bytes).unwrap();
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
    assert!(matches!(data.prepare(&[1], &Bytes), Err(Error::BadRow { row: 2, .. })));
    for (name, text) in [("a.json", "[]"), ("a.txt", " \n"), ("a.jsonl", "\n"), ("a.csv", "text\n")] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let refused = stream(&path, &Options::default());
        assert!(matches!(refused, Err(Error::EmptyData { .. } | Error::BadValue { .. })), "{name}: {refused:?}");
    }
    let stop = Stop::new();
    stop.raise();
    std::fs::write(&path, good.repeat(3000)).unwrap();
    assert!(matches!(Dataset::stream(&path, &Options::default(), &Bytes, &mut |_, _| {}, &stop), Err(Error::Interrupted { .. })));
}
