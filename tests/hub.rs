//! Names and paths to files; no network but this machine's own.

mod adapters;
mod lies;
mod names;
mod place;
mod pretrain;
mod server;
mod sets;

use std::path::Path;

use lantern::hub::{self, Files, Kind};
use lantern::stop::Stop;
use lantern::{Error, Result};

fn resolve(name: &str, cache: &Path) -> Result<Files> {
    hub::resolve(name, cache, &mut |_, _| {}, &Stop::new())
}

fn put(folder: &Path, files: &[(&str, &str)]) -> String {
    std::fs::create_dir_all(folder).unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
    folder.display().to_string()
}

#[test]
fn folders_in_the_hubs_layout_are_taken_as_they_lie() {
    let root = tempfile::tempdir().unwrap();
    let one = put(&root.path().join("one"), &[("config.json", "{}"), ("model.safetensors", ""), ("README.md", "---\nlicense: mit\n---\n")]);
    let files = resolve(&one, root.path()).unwrap();
    assert_eq!((files.name.as_str(), files.licence.as_str(), files.gguf()), ("one", "mit", None));
    assert_eq!(files.weights, [Path::new(&one).join("model.safetensors")]);
    let index = r#"{"weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors","c":"m-2.safetensors"}}"#;
    let shards = [("config.json", "{}"), ("model.safetensors.index.json", index), ("m-1.safetensors", "")];
    let two = put(&root.path().join("two"), &shards);
    assert_eq!(resolve(&two, root.path()), Err(Error::NotFound { path: Path::new(&two).join("m-2.safetensors").display().to_string() }));
    put(Path::new(&two), &[("m-2.safetensors", "")]);
    let names = ["m-1.safetensors", "m-2.safetensors"].map(|name| Path::new(&two).join(name));
    assert_eq!(resolve(&two, root.path()).unwrap().weights, names);
    let gguf = put(&root.path().join("three"), &[("small.gguf", "")]);
    for path in [gguf.clone(), format!("{gguf}/small.gguf")] {
        let files = resolve(&path, root.path()).unwrap();
        assert_eq!((files.name.as_str(), files.gguf()), ("small", Some(Path::new(&gguf).join("small.gguf").as_path())));
    }
}

#[test]
fn what_is_not_a_model_says_why() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str, files: &[(&str, &str)]| resolve(&put(&root.path().join(name), files), root.path());
    assert!(matches!(at("empty", &[]), Err(Error::NotFound { path }) if path.ends_with("config.json")));
    let bare = at("adapter", &[("adapter_config.json", "{}")]);
    assert!(matches!(bare, Err(Error::NotFound { path }) if path.ends_with("adapter_model.safetensors")));
    assert!(
        matches!(at("two", &[("a.gguf", ""), ("b.gguf", "")]), Err(Error::BadWeights { cause, .. }) if cause.contains("a.gguf, b.gguf"))
    );
    let pickle = [("config.json", "{}"), ("pytorch_model.bin", "")];
    assert!(matches!(at("pickle", &pickle), Err(Error::BadWeights { cause, .. }) if cause.contains("safetensors")));
    let outside = [("config.json", "{}"), ("model.safetensors.index.json", r#"{"weight_map":{"a":"../x.safetensors"}}"#)];
    assert!(matches!(at("outside", &outside), Err(Error::BadWeights { cause, .. }) if cause.contains("../x.safetensors")));
    assert!(matches!(resolve(&put(root.path(), &[("x.txt", "")]), root.path()), Err(Error::NotFound { .. })));
    assert!(matches!(resolve(&root.path().join("x.txt").display().to_string(), root.path()), Err(Error::BadWeights { .. })));
}

#[test]
fn an_unknown_name_gets_the_nearest_one_and_a_path_stays_a_path() {
    let cache = Path::new("/nowhere");
    let unknown = |given: &str, nearest: &str| Err(Error::UnknownModel { given: given.to_owned(), nearest: nearest.to_owned() });
    assert_eq!(resolve("smolm2", cache), unknown("smolm2", "smollm2"));
    assert_eq!(resolve("bert", cache), unknown("bert", ""));
    assert_eq!(resolve("./bert", cache), Err(Error::NotFound { path: "./bert".to_owned() }));
    let data = hub::resolve_data("rows.json", cache, &mut |_, _| {}, &Stop::new());
    assert_eq!(data, Err(Error::NotFound { path: "rows.json".to_owned() }));
}

#[test]
fn the_table_is_complete_and_an_empty_cache_holds_nothing() {
    for row in hub::known() {
        assert!(hub::find(row.name).is_some_and(|found| found.name == row.name) && row.bytes > 0 && !row.licence.is_empty());
        assert!(!row.about.en.is_empty() && !row.about.zh.is_empty());
    }
    assert!(hub::find("Alpaca_EN").is_some_and(|row| row.kind == Kind::Data));
    assert!(hub::cached(Path::new("/nowhere")).is_empty());
}
