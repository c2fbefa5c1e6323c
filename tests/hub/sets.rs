//! Data sets of the hub, against a server on this machine.

use std::path::Path;

use lantern::hub::{self, Endpoint, Layout, Set, Wish};
use lantern::stop::Stop;
use lantern::{Error, Result};

use super::place::{Place, read, serve};
use super::server::{COMMIT, Reply, Repository, Server, git, sha256};

const ID: &str = "an-owner/a_set";

const CARD: &[u8] = b"---\nlicense: mit\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: main/train-*\n  - split: test\n    path: main/test-*\n- config_name: other\n  data_files: other.csv\n---\n";

fn repository() -> Repository {
    Repository::new(&[
        ("README.md", CARD),
        (".gitattributes", b"x"),
        ("main/train-00000-of-00002.jsonl", b"{\"text\":\"one\"}\n"),
        ("main/train-00001-of-00002.jsonl", b"{\"text\":\"two\"}\n"),
        ("main/test-00000-of-00001.jsonl", b"{\"text\":\"three\"}\n"),
        ("other.csv", b"text\nfour\n"),
        ("pictures/a.png", b"x"),
    ])
}

fn resolve(place: &Place, wish: Wish) -> Result<Set> {
    hub::resolve_set(ID, wish, place.folder.path(), &|| place.rules.clone(), &mut |_, _| {}, &Stop::new())
}

fn names(set: &Set, snapshot: &Path) -> Vec<String> {
    set.files.iter().map(|file| file.strip_prefix(snapshot).unwrap().to_string_lossy().replace('\\', "/")).collect()
}

#[test]
fn a_set_lands_in_the_cache_that_python_uses_and_needs_no_network_after() {
    let server = serve(&repository());
    let mut place = Place::new(&[&server]);
    let snapshot = place.rules.folder.join("datasets--an-owner--a_set/snapshots").join(COMMIT);
    let set = resolve(&place, Wish::default()).unwrap();
    assert_eq!((set.name.as_str(), set.config.as_str(), set.split.as_str()), (ID, "main", "train"));
    assert_eq!(set.others, ["split=test", "config=other"]);
    assert_eq!(names(&set, &snapshot), ["main/train-00000-of-00002.jsonl", "main/train-00001-of-00002.jsonl"]);
    assert_eq!(read(&set.files[1]), b"{\"text\":\"two\"}\n");
    #[cfg(unix)]
    assert_eq!(std::fs::read_link(&set.files[0]).unwrap(), Path::new("../../../blobs").join(git(b"{\"text\":\"one\"}\n")));
    // Only what was asked for.
    assert!(!snapshot.join("main/test-00000-of-00001.jsonl").exists() && !snapshot.join("other.csv").exists());
    let before = server.asked().len();
    assert_eq!(resolve(&place, Wish::default()), Ok(set.clone()));
    place.rules.offline = true;
    // Offline the card still says what else there is.
    assert_eq!(resolve(&place, Wish::default()), Ok(set));
    assert_eq!(server.asked().len(), before);
    let test = Wish { config: None, split: Some("test") };
    assert!(matches!(resolve(&place, test), Err(Error::HubOffline { repository, .. }) if repository == ID));
    place.rules.offline = false;
    assert_eq!(names(&resolve(&place, test).unwrap(), &snapshot), ["main/test-00000-of-00001.jsonl"]);
    let other = Wish { config: Some("other"), split: None };
    assert_eq!(names(&resolve(&place, other).unwrap(), &snapshot), ["other.csv"]);
    assert!(
        server
            .asked()
            .iter()
            .all(|request| request.path.starts_with("/api/datasets/") || request.path.starts_with("/datasets/an-owner/a_set/resolve/"))
    );
}

#[test]
fn half_a_split_in_the_cache_is_not_all_of_it() {
    let server = serve(&repository());
    let mut place = Place::new(&[&server]);
    let set = resolve(&place, Wish::default()).unwrap();
    std::fs::remove_file(&set.files[1]).unwrap();
    place.rules.offline = true;
    assert!(matches!(resolve(&place, Wish::default()), Err(Error::HubOffline { .. })));
    place.rules.offline = false;
    assert_eq!(resolve(&place, Wish::default()), Ok(set));
}

#[test]
fn a_split_that_there_is_not_names_those_there_are() {
    let server = serve(&repository());
    let place = Place::new(&[&server]);
    let bad = |option: &str, given: &str, allowed: &str| {
        Err(Error::BadValue { option: option.into(), given: given.into(), allowed: allowed.into() })
    };
    assert_eq!(resolve(&place, Wish { config: None, split: Some("dev") }), bad("split", "dev", "train, test"));
    assert_eq!(resolve(&place, Wish { config: Some("zh"), split: None }), bad("config", "zh", "main, other"));
}

#[test]
fn without_a_card_the_names_say_the_split_and_other_files_are_named() {
    let server = serve(&Repository::new(&[("data/train.csv", b"text\na\n"), ("data/valid.csv", b"text\nb\n"), ("notes.txt", b"x")]));
    let place = Place::new(&[&server]);
    let set = resolve(&place, Wish { config: None, split: Some("validation") }).unwrap();
    assert_eq!((set.config.as_str(), set.split.as_str(), set.others), ("", "validation", vec!["split=train".to_owned()]));
    let server = serve(&Repository::new(&[("a.arrow", b"x"), ("b.bin", b"x")]));
    let place = Place::new(&[&server]);
    let missing = Error::NoDataFiles { repository: ID.into(), files: "a.arrow, b.bin".into() };
    assert_eq!(resolve(&place, Wish::default()), Err(missing));
}

#[test]
fn a_folder_of_files_has_splits_too() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("en")).unwrap();
    for name in ["en/train.jsonl", "en/test.jsonl"] {
        std::fs::write(root.path().join(name), "{\"text\":\"t\"}\n").unwrap();
    }
    let place = Place::new(&[]);
    let at = |name: &str, wish| hub::resolve_set(name, wish, place.folder.path(), &|| place.rules.clone(), &mut |_, _| {}, &Stop::new());
    let folder = root.path().to_str().unwrap();
    let set = at(folder, Wish { config: None, split: Some("test") }).unwrap();
    assert_eq!(set.files, [root.path().join("en/test.jsonl")]);
    let file = root.path().join("en/test.jsonl");
    assert!(matches!(at(file.to_str().unwrap(), Wish { config: None, split: Some("test") }), Err(Error::BadValue { .. })));
    assert_eq!(at(file.to_str().unwrap(), Wish::default()).unwrap().files, [file]);
}

/// ModelScope lists a set page by page; what follows is as with the hub: the split, the cache, the hashes, no network after.
#[test]
fn a_set_of_modelscope_lands_in_the_same_cache() {
    let mut repository = repository();
    // More than a page of 200.
    let more = (0..450).map(|i| (format!("more/{i:03}.bin"), vec![b'x']));
    let at = repository.files.len() - 3;
    repository.files.splice(at..at, more);
    let files = repository.clone();
    let server = Server::start(move |request| files.serve_modelscope(request));
    let mut place = Place::new(&[]);
    place.rules.list.push(Endpoint::new(&server.url, Layout::ModelScope));
    let set = resolve(&place, Wish::default()).unwrap();
    assert_eq!((set.config.as_str(), set.split.as_str()), ("main", "train"));
    assert_eq!(set.others, ["split=test", "config=other"]);
    let snapshot = set.files[0].ancestors().nth(2).unwrap().to_owned();
    assert_eq!(names(&set, &snapshot), ["main/train-00000-of-00002.jsonl", "main/train-00001-of-00002.jsonl"]);
    assert_eq!(read(&set.files[1]), b"{\"text\":\"two\"}\n");
    assert!(place.rules.folder.join("datasets--an-owner--a_set/blobs").join(sha256(b"{\"text\":\"two\"}\n")).is_file());
    let paths: Vec<String> = server.asked().into_iter().map(|request| request.path).collect();
    let listed = "/api/v1/datasets/an-owner/a_set/repo/tree?Revision=master&Recursive=True&PageNumber=3&PageSize=200";
    assert_eq!(paths.iter().filter(|path| path.contains("/repo/tree")).count(), 3);
    assert!(paths.iter().any(|path| path == listed), "{paths:?}");
    let fetched = "/api/v1/datasets/an-owner/a_set/repo?Revision=master&FilePath=main/train-00000-of-00002.jsonl";
    assert!(paths.iter().any(|path| path == fetched), "{paths:?}");
    place.rules.offline = true;
    assert_eq!(resolve(&place, Wish::default()), Ok(set));
    assert_eq!(server.asked().len(), paths.len());
    assert!(matches!(resolve(&place, Wish { config: None, split: Some("test") }), Err(Error::HubOffline { .. })));
    place.rules.offline = false;
    let other = resolve(&place, Wish { config: Some("other"), split: None }).unwrap();
    assert_eq!(names(&other, &snapshot), ["other.csv"], "the same commit");
}

#[test]
fn modelscope_is_asked_where_the_hub_is_silent_and_checked_like_it() {
    let (broken, files) = (Server::start(|_| Reply::new(503, "")), repository());
    let wrong = Server::start(move |request| {
        let reply = files.serve_modelscope(request);
        if request.path.ends_with("00001-of-00002.jsonl") { Reply::new(200, "{\"text\":\"TWO\"}\n") } else { reply }
    });
    let mut place = Place::new(&[&broken]);
    place.rules.list.push(Endpoint::new(&wrong.url, Layout::ModelScope));
    assert!(
        matches!(resolve(&place, Wish::default()), Err(Error::WrongHash { expected, .. }) if expected == sha256(b"{\"text\":\"two\"}\n"))
    );
    let missing = Server::start(|_| Reply::new(200, r#"{"Code":10010205001,"Success":false,"Message":"no such set"}"#));
    let mut place = Place::new(&[]);
    place.rules.list.push(Endpoint::new(&missing.url, Layout::ModelScope));
    assert!(matches!(resolve(&place, Wish::default()), Err(Error::HubMissing { repository, .. }) if repository == ID));
}
