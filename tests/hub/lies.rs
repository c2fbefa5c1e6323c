//! Servers whose bytes are not what they announced, and repositories that hold something else.

use lantern::hub::{Endpoint, Files, Layout};
use lantern::{Error, Result};

use super::place::{ID, Place, WEIGHTS, asked, bend, cause, read, repository, serve};
use super::server::{COMMIT, Reply, Repository, Server, git, sha256};

#[test]
fn a_wrong_file_is_refused_and_removed() {
    let hub = repository();
    let server = bend(&hub, |_, mut reply| {
        if let Some(last) = reply.body.last_mut() {
            *last ^= 1;
        }
        reply
    });
    let place = Place::new(&[&server]);
    let error = place.resolve().unwrap_err();
    assert!(error.to_string().contains("hash") && error.to_string().contains(WEIGHTS));
    assert!(matches!(error, Error::WrongHash { expected, .. } if expected == sha256(hub.get(WEIGHTS))));
    assert!(
        !place.partial(&hub).exists() && !place.at("refs/main").exists() && !place.at(&format!("snapshots/{COMMIT}/{WEIGHTS}")).exists()
    );
    assert_eq!(asked(&server, WEIGHTS).len(), 1);
    // A small file is checked by git's hash.
    let files = hub.clone();
    let server = Server::start(move |request| {
        let reply = files.serve(request);
        if request.path.ends_with("config.json") { Reply { body: b"[]".to_vec(), ..reply } } else { reply }
    });
    assert!(
        matches!(Place::new(&[&server]).resolve(), Err(Error::WrongHash { given, expected, .. }) if (given.as_str(), expected.as_str()) == (&git(b"[]"), &git(b"{}")))
    );
}

#[test]
fn a_damaged_part_is_fetched_anew() {
    let hub = repository();
    let server = serve(&hub);
    let place = Place::new(&[&server]);
    std::fs::create_dir_all(place.at("blobs")).unwrap();
    for (part, from) in [(vec![7; 1000], vec![Some(1000), None]), (vec![7; 3_000_000], vec![None]), (vec![7; 3_000_001], vec![None])] {
        std::fs::write(place.partial(&hub), part).unwrap();
        let before = asked(&server, WEIGHTS).len();
        assert!(read(&place.resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
        assert_eq!(asked(&server, WEIGHTS)[before..], from);
        std::fs::remove_file(place.at(&format!("blobs/{}", sha256(hub.get(WEIGHTS))))).unwrap();
    }
}

#[test]
fn a_wrong_length_is_noticed_before_anything_is_lost() {
    let hub = repository();
    for length in [12, 5_000_000] {
        let server = bend(&hub, move |request, reply| match request.before {
            0 => reply.cut(400_000),
            _ => Reply { body: vec![b'<'; length], ..reply },
        });
        let place = Place::new(&[&server]);
        let given = 400_000 + length;
        assert_eq!(cause(place.resolve()), format!("{}: {given} bytes instead of 3000000", server.url));
        assert_eq!(std::fs::metadata(place.partial(&hub)).unwrap().len(), 400_000);
    }
    // Without a length in the headers the end of the connection is the end: too few and too many are noticed there.
    for (length, given) in [(12, 12), (3_100_000, 3_100_000)] {
        let chunked = move |body: &[u8]| [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
        let server = bend(&hub, move |_, _| Reply::new(200, chunked(&vec![0; length])).with("Transfer-Encoding", "chunked"));
        let said = cause(Place::new(&[&server]).resolve());
        assert!(said.ends_with("instead of 3000000"), "{said} ({given})");
    }
}

#[test]
fn a_server_without_ranges_and_one_with_wrong_ranges() {
    let hub = repository();
    let bytes = hub.get(WEIGHTS).to_vec();
    let server = bend(&hub, move |request, reply| if request.before == 0 { reply.cut(900_000) } else { Reply::new(200, bytes.clone()) });
    assert!(read(&Place::new(&[&server]).resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
    assert_eq!(asked(&server, WEIGHTS), [None, Some(900_000)]);
    let bytes = hub.get(WEIGHTS).to_vec();
    let server = bend(&hub, move |request, reply| match request.before {
        0 => reply.cut(900_000),
        1 => Reply::new(206, bytes.clone()).with("Content-Range", "bytes 0-2999999/3000000"),
        _ => reply,
    });
    assert!(read(&Place::new(&[&server]).resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
    assert_eq!(asked(&server, WEIGHTS), [None, Some(900_000), None]);
}

#[test]
fn a_mirror_without_hashes_in_its_listing_tells_them_in_headers() {
    let hub = Repository { blobs: false, ..repository() };
    let store = serve(&hub);
    let server = serve(&Repository { store: Some(store.url.clone()), ..hub.clone() });
    let place = Place::new(&[&server]);
    assert!(read(&place.resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
    assert!(place.at(&format!("blobs/{}", sha256(hub.get(WEIGHTS)))).is_file());
    let methods: Vec<String> = server.asked().iter().filter(|r| r.path.ends_with(WEIGHTS)).map(|r| r.method.clone()).collect();
    assert_eq!((methods, store.asked().len()), (vec!["HEAD".to_owned(), "GET".to_owned()], 1));
}

#[test]
fn a_renamed_repository_redirects_and_circles_end() {
    let hub = Repository { blobs: false, ..repository() };
    let files = hub.clone();
    let server = Server::start(move |request| match request.path.contains(ID) {
        true => Reply::new(307, "").with("Location", request.path.replace(ID, "new/name")),
        false => files.serve(request),
    });
    assert!(read(&Place::new(&[&server]).resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
    let server = Server::start(|request| Reply::new(302, "").with("Location", &request.path));
    assert_eq!(cause(Place::new(&[&server]).resolve()), format!("{}: it redirects in circles", server.url));
}

#[test]
fn what_is_no_listing_is_no_answer() {
    for body in ["<html>log in first</html>", "{}", r#"{"sha":"../../x","siblings":[]}"#] {
        let server = Server::start(move |_| Reply::new(200, body));
        assert!(cause(Place::new(&[&server]).resolve()).contains("its answer"), "{body}");
        let mirror = serve(&repository());
        assert!(Place::new(&[&server, &mirror]).resolve().is_ok());
    }
}

fn of(files: &[(&str, &[u8])], name: &str) -> (Result<Files>, Vec<String>, Place) {
    let server = serve(&Repository::new(files));
    let place = Place::new(&[&server]);
    let asked = |server: &Server| server.asked().iter().map(|request| request.path.rsplit('/').next().unwrap().to_owned()).collect();
    (place.resolve_name(name), asked(&server), place)
}

fn no_weights(files: &[(&str, &[u8])]) -> String {
    match of(files, ID) {
        // Nothing but the listing was asked for.
        (Err(Error::NoWeights { cause, repository }), asked, _) if asked.len() == 1 && repository == ID => cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn repositories_without_usable_weights_say_what_they_hold() {
    let pickle = no_weights(&[("config.json", b"{}"), ("pytorch_model.bin", b"x"), ("tokenizer.json", b"{}")]);
    assert!(pickle.contains("pytorch_model.bin only") && pickle.contains("save_pretrained") && pickle.contains(ID));
    let adapter = no_weights(&[("adapter_config.json", b"{}"), ("adapter_model.bin", b"x")]);
    assert!(adapter.contains("adapter_model.bin only") && adapter.contains("save_pretrained") && adapter.contains(ID));
    assert_eq!(no_weights(&[("data.csv", b"x")]), "it holds data.csv");
    let several = no_weights(&[("a.Q4_0.gguf", b"x"), ("b.gguf", b"y")]);
    assert!(several.contains(&format!("{ID}/a.Q4_0.gguf, {ID}/b.gguf")));
    let (result, asked, _place) = of(&[("config.json", b"{}"), (WEIGHTS, b"x"), ("tokenizer.model", b"x")], ID);
    assert!(matches!(result, Err(Error::NoTokenizer { .. })) && asked.len() == 1);
}

#[test]
fn a_gguf_is_fetched_alone() {
    let both: &[(&str, &[u8])] = &[("README.md", b"---\nlicense: mit\n---\n"), ("a.Q4_0.gguf", b"aaaa"), ("b.gguf", b"b")];
    let (files, _, _place) = of(&both[..2], ID);
    let files = files.unwrap();
    assert_eq!((files.name.as_str(), files.licence.as_str(), files.gguf().is_some()), (ID, "mit", true));
    let name = format!("{ID}/b.gguf");
    let (files, asked, _place) = of(both, &name);
    let files = files.unwrap();
    assert!(files.name == name && files.gguf().is_some_and(|path| path.ends_with("b.gguf")));
    assert_eq!(asked, ["main?blobs=true", "README.md", "b.gguf"]);
    assert!(matches!(of(both, &format!("{ID}/c.gguf")).0, Err(Error::NoWeights { cause, .. }) if cause.contains("c.gguf")));
}

#[test]
fn shards_are_those_of_the_index() {
    let index = br#"{"weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors"}}"#;
    let small: &[(&str, &[u8])] =
        &[("config.json", b"{}"), ("vocab.json", b"{}"), ("merges.txt", b""), ("model.safetensors.index.json", index)];
    let shards: &[(&str, &[u8])] = &[("m-1.safetensors", b"one"), ("m-2.safetensors", b"two"), ("m-3.safetensors", b"three")];
    let (files, asked, _place) = of(&[small, shards].concat(), ID);
    let files = files.unwrap();
    assert_eq!(files.weights.iter().map(|path| read(path)).collect::<Vec<_>>(), [b"one", b"two"]);
    assert!(!asked.contains(&"m-3.safetensors".to_owned()));
    let (result, _, _place) = of(&[small, &shards[..1]].concat(), ID);
    assert!(matches!(result, Err(Error::NoWeights { cause, .. }) if cause.contains("m-2.safetensors")));
}

#[test]
fn a_cut_at_one_server_goes_on_at_another_of_another_kind() {
    let hub = repository();
    let cut = bend(&hub, |request, reply| reply.cut(if request.before == 0 { 800_000 } else { 0 }));
    let files = hub.clone();
    let other = Server::start(move |request| files.serve_modelscope(request));
    let mut place = Place::new(&[&cut]);
    place.rules.list.push(Endpoint::new(&other.url, Layout::ModelScope));
    assert!(read(&place.resolve().unwrap().weights[0]) == hub.get(WEIGHTS));
    assert!(other.asked().iter().any(|request| request.path.contains(WEIGHTS) && request.range() == Some(800_000)));
}
