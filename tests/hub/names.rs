//! Names of the hub, against servers on this machine that cut, refuse, lie and fall silent.

use std::path::Path;
use std::time::Duration;

use lantern::Error;
use lantern::hub::{self, Endpoint, Endpoints, Layout};
use lantern::stop::Stop;

use super::place::{ID, Place, WEIGHTS, asked, bend, cause, read, repository, serve};
use super::server::{COMMIT, Reply, Repository, Request, Server, git, sha256};

#[test]
fn a_model_lands_in_the_cache_that_python_uses_and_needs_no_network_after() {
    let hub = repository();
    let server = serve(&hub);
    let mut place = Place::new(&[&server]);
    let mut seen = Vec::new();
    let files =
        hub::resolve_from(ID, place.folder.path(), &|| place.rules.clone(), &mut |done, all| seen.push((done, all)), &Stop::new()).unwrap();
    let snapshot = place.at(&format!("snapshots/{COMMIT}"));
    assert_eq!((files.name.as_str(), files.licence.as_str(), &files.folder), (ID, "mit", &snapshot));
    assert_eq!((files.weights.clone(), files.config.clone()), (vec![snapshot.join(WEIGHTS)], Some(snapshot.join("config.json"))));
    assert!(read(&snapshot.join(WEIGHTS)) == hub.get(WEIGHTS));
    assert_eq!(read(&place.at("refs/main")), COMMIT.as_bytes());
    assert_eq!(read(&place.at(&format!("blobs/{}", git(b"{}")))), b"{}");
    assert!(place.at(&format!("blobs/{}", sha256(hub.get(WEIGHTS)))).is_file() && !place.partial(&hub).exists());
    #[cfg(unix)]
    assert_eq!(std::fs::read_link(snapshot.join("config.json")).unwrap(), Path::new("../../blobs").join(git(b"{}")));
    assert!(!snapshot.join("pytorch_model.bin").exists() && !snapshot.join("training_args.bin").exists());
    // Bytes only grow, up to all of them.
    let all: u64 = ["README.md", "config.json", "tokenizer.json", WEIGHTS].iter().map(|name| hub.get(name).len() as u64).sum();
    assert!(seen.windows(2).all(|pair| pair[0].0 <= pair[1].0) && seen.iter().all(|(_, of)| *of == Some(all)));
    assert_eq!(seen.last(), Some(&(all, Some(all))));
    let before = server.asked().len();
    assert_eq!(place.resolve(), Ok(files.clone()));
    place.rules.offline = true;
    assert_eq!(place.resolve(), Ok(files));
    assert_eq!(server.asked().len(), before);
}

#[test]
fn offline_says_what_is_missing_and_a_cache_made_by_python_is_used() {
    let mut place = Place::new(&[]);
    place.rules.offline = true;
    let folder = place.rules.folder.display().to_string();
    assert_eq!(place.resolve(), Err(Error::HubOffline { repository: ID.to_owned(), folder: folder.clone() }));
    let snapshot = place.at("snapshots/abc");
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::create_dir_all(place.at("refs")).unwrap();
    std::fs::write(place.at("refs/main"), "abc").unwrap();
    for name in ["config.json", WEIGHTS, "vocab.json"] {
        std::fs::write(snapshot.join(name), "{}").unwrap();
    }
    // Without merges.txt there is no tokenizer.
    assert_eq!(place.resolve(), Err(Error::HubOffline { repository: ID.to_owned(), folder }));
    std::fs::write(snapshot.join("merges.txt"), "").unwrap();
    assert_eq!(place.resolve().unwrap().folder, snapshot);
}

#[test]
fn a_cut_download_goes_on_where_it_was() {
    let hub = repository();
    let server = bend(&hub, |request, reply| if request.before < 5 { reply.cut(400_000) } else { reply });
    let place = Place::new(&[&server]);
    let files = place.resolve().unwrap();
    assert!(read(&files.weights[0]) == hub.get(WEIGHTS));
    // More cuts than attempts: each gained something.
    let from: Vec<Option<usize>> = (0..6).map(|n| Some(n * 400_000).filter(|from| *from > 0)).collect();
    assert_eq!(asked(&server, WEIGHTS), from);
}

#[test]
fn a_server_that_gives_nothing_is_left_after_so_many_attempts_and_its_part_kept() {
    let hub = repository();
    let server = bend(&hub, |request, reply| reply.cut(if request.before == 0 { 500_000 } else { 0 }));
    let place = Place::new(&[&server]);
    assert!(cause(place.resolve()).starts_with(&format!("{}: ", server.url)));
    assert_eq!(asked(&server, WEIGHTS), [None, Some(500_000), Some(500_000)]);
    assert_eq!(std::fs::metadata(place.partial(&hub)).unwrap().len(), 500_000);
    let mirror = serve(&hub);
    let place = Place { rules: Endpoints { list: vec![Endpoint::new(&mirror.url, Layout::Hub)], ..place.rules.clone() }, ..place };
    assert!(read(&place.resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
    assert_eq!(asked(&mirror, WEIGHTS), [Some(500_000)]);
}

#[test]
fn an_interrupt_keeps_what_came_and_the_next_command_goes_on() {
    let hub = repository();
    let server = bend(&hub, |request, reply| if request.before == 0 { reply.hold(700_000) } else { reply });
    let place = Place::new(&[&server]);
    assert!(matches!(place.interrupted_at(600_000), Err(Error::Interrupted { what }) if what.contains(ID) && what.contains("kept")));
    let kept = std::fs::metadata(place.partial(&hub)).unwrap().len();
    assert!((500_000..=700_000).contains(&kept), "{kept}");
    assert!(!place.at("refs/main").exists());
    // What is here counts from the start: a rate made of these numbers is that of the network.
    let mut seen = Vec::new();
    let files = hub::resolve_from(ID, place.folder.path(), &|| place.rules.clone(), &mut |done, _| seen.push(done), &Stop::new()).unwrap();
    assert!(read(&files.weights[0]) == hub.get(WEIGHTS));
    assert!(seen[0] > kept && seen[0] < kept + 100 && seen.is_sorted());
    assert_eq!(asked(&server, WEIGHTS), [None, Some(usize::try_from(kept).unwrap())]);
}

#[test]
fn a_silent_server_is_left_for_the_next_one() {
    let hub = repository();
    let silent = bend(&hub, |_, reply| reply.hold(300_000));
    let mirror = serve(&hub);
    let mut place = Place::new(&[&silent, &mirror]);
    (place.rules.patience, place.rules.attempts) = (Duration::from_millis(500), 1);
    assert!(read(&place.resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
    assert_eq!((asked(&silent, WEIGHTS), asked(&mirror, WEIGHTS)), (vec![None], vec![Some(300_000)]));
}

#[test]
fn servers_are_tried_in_turn_and_the_error_says_what_each_said() {
    let hub = repository();
    let gone = Server::start(|_| Reply::new(200, ""));
    let (url, broken) = (gone.url.clone(), Server::start(|_| Reply::new(503, "")));
    drop(gone);
    let modelscope = Server::start(|_| Reply::new(200, r#"{"Code":404,"Success":false,"Message":"no such model"}"#));
    let mut place = Place::new(&[&broken]);
    place.rules.list.insert(0, Endpoint::new(&url, Layout::Hub));
    place.rules.list.push(Endpoint::new(&modelscope.url, Layout::ModelScope));
    let said = cause(place.resolve());
    let parts: Vec<&str> = said.split("; ").collect();
    assert!(parts[0].starts_with(&url) && parts[1] == format!("{}: HTTP status 503", broken.url), "{said}");
    assert_eq!(parts[2], format!("{}: HTTP status 404", modelscope.url));
    // One try each for those that are not the last.
    assert_eq!((broken.asked().len(), modelscope.asked().len()), (1, 1));
    let mirror = serve(&hub);
    place.rules.list.insert(2, Endpoint::new(&format!("{}/", mirror.url), Layout::Hub));
    assert!(read(&place.resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
    assert_eq!(modelscope.asked().len(), 1);
}

#[test]
fn modelscopes_paths_give_the_same_files() {
    let hub = repository();
    let files = hub.clone();
    let server = Server::start(move |request| files.serve_modelscope(request));
    let mut place = Place::new(&[&server]);
    place.rules.list[0].layout = Layout::ModelScope;
    let found = place.resolve().unwrap();
    assert!(read(&found.weights[0]) == hub.get(WEIGHTS));
    assert_eq!((found.name.as_str(), found.licence.as_str()), (ID, "mit"));
    assert!(place.at(&format!("blobs/{}", sha256(b"{}"))).is_file());
    let before = server.asked().len();
    assert_eq!(place.resolve(), Ok(found));
    assert_eq!(server.asked().len(), before);
}

#[test]
fn overload_is_waited_out_but_not_for_hours() {
    let hub = repository();
    let busy = |seconds: &'static str| {
        bend(&hub, move |request, reply| match request.before {
            0 => Reply::new(429, "slow down").with("Retry-After", seconds),
            1 => Reply::new(500, "oops"),
            _ => reply,
        })
    };
    let server = busy("0");
    let place = Place::new(&[&server]);
    assert!(read(&place.resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
    assert_eq!(asked(&server, WEIGHTS).len(), 3);
    let server = busy("86400");
    let place = Place::new(&[&server]);
    assert_eq!(cause(place.resolve()), format!("{}: HTTP status 429, it asks to wait 86400 s", server.url));
    assert_eq!(asked(&server, WEIGHTS).len(), 1);
}

#[test]
fn a_definite_no_ends_the_search_with_what_to_do() {
    let mirror = serve(&repository());
    let answer = |status: u16, code: &'static str| {
        let server = Server::start(move |_| Reply::new(status, "").with("X-Error-Code", code));
        let place = Place::new(&[&server, &mirror]);
        (place.resolve().unwrap_err(), server.url.clone(), server.asked().len())
    };
    for (status, code) in [(401, ""), (401, "GatedRepo"), (403, "GatedRepo")] {
        let (error, url, asked) = answer(status, code);
        assert!(error.report().hint.is_some_and(|hint| hint.contains("HF_TOKEN") && hint.contains(&url)));
        assert_eq!((error, asked), (Error::HubDenied { repository: ID.to_owned(), url, status }, 1));
    }
    for (status, code) in [(404, "RepoNotFound"), (404, ""), (401, "RepoNotFound")] {
        let (error, url, asked) = answer(status, code);
        assert_eq!((error, asked), (Error::HubMissing { repository: ID.to_owned(), url, status }, 1));
    }
    assert!(mirror.asked().is_empty());
    let failed = Error::HubFailed { repository: ID.to_owned(), cause: String::new() }.report();
    assert!(failed.hint.is_some_and(|hint| hint.contains("HF_ENDPOINT=https://hf-mirror.com") && hint.contains("modelscope")));
}

#[test]
fn a_token_goes_to_its_server_and_not_to_the_store_behind_it() {
    let hub = repository();
    let store = serve(&hub);
    let server = serve(&Repository { store: Some(store.url.clone()), ..hub.clone() });
    let mut place = Place::new(&[&server]);
    place.rules.list[0].token = Some("hf_secret".to_owned());
    assert!(read(&place.resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
    assert!(server.asked().iter().all(|request| request.token() == Some("hf_secret")));
    assert_eq!(store.asked().iter().map(Request::token).collect::<Vec<_>>(), [None]);
}
