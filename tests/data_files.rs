//! Data files as others write them, and files that stay on the disk while they are trained on.

use std::path::{Path, PathBuf};

use lantern::data::read::{Wanted, read, read_all};
use lantern::data::{Layout, Row, Turn};
use lantern::{Error, Result};

pub fn fixture(name: &str) -> PathBuf {
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
