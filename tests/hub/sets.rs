//! Data sets of the hub, against a server on this machine.

use std::path::Path;

use lantern::hub::{self, Set, Wish};
use lantern::stop::Stop;
use lantern::{Error, Result};

use super::place::{Place, read, serve};
use super::server::{COMMIT, Repository, git};

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
