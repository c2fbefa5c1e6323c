//! Adapters by their hub name, onto the model that is loaded.

use lantern::hub::Layout;

use super::place::{ID, Place, read, serve};
use super::server::{Repository, Server};
use crate::harness::world::{World, fixture};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

fn lora() -> Repository {
    let at = |name: &str| read(&fixture("gpt2-tiny/lora").join(name));
    Repository::new(&[
        ("README.md", b"---\nlicense: mit\n---\n"),
        (CONFIG, &at(CONFIG)),
        (WEIGHTS, &at(WEIGHTS)),
        ("optimizer.pt", b"code"),
    ])
}

#[test]
fn an_adapters_two_files_are_fetched_from_either_kind_of_server_and_kept() {
    for layout in [Layout::Hub, Layout::ModelScope] {
        let hub = lora();
        let files = hub.clone();
        let server = Server::start(move |request| match layout {
            Layout::Hub => files.serve(request),
            Layout::ModelScope => files.serve_modelscope(request),
        });
        let mut place = Place::new(&[&server]);
        place.rules.list[0].layout = layout;
        let found = place.resolve().unwrap();
        assert!(found.adapter && found.gguf().is_none());
        assert_eq!((found.name.as_str(), found.licence.as_str(), found.weights.len()), (ID, "mit", 1));
        assert!(read(&found.weights[0]) == hub.get(WEIGHTS) && read(&found.config.clone().unwrap()) == hub.get(CONFIG));
        assert!(!server.asked().iter().any(|request| request.path.contains("optimizer")));
        place.rules.offline = true;
        assert_eq!(place.resolve(), Ok(found));
    }
}

#[test]
fn a_repository_with_a_model_and_an_adapter_is_a_model() {
    let hub = lora();
    let both: &[(&str, &[u8])] = &[
        ("config.json", b"{}"),
        ("model.safetensors", b"x"),
        ("tokenizer.json", b"{}"),
        (CONFIG, hub.get(CONFIG)),
        (WEIGHTS, hub.get(WEIGHTS)),
    ];
    let found = Place::new(&[&serve(&Repository::new(both))]).resolve().unwrap();
    assert!(!found.adapter && found.weights[0].ends_with("model.safetensors"));
}

/// The whole road: `%load owner/name` in the program, against a server that speaks the hub's paths.
#[test]
fn an_adapter_is_loaded_by_name_onto_the_model() {
    let (server, world) = (serve(&lora()), World::with(&["gpt2-tiny"]));
    let run = |code: &str| {
        let mut command = world.lantern(&["-c", code]);
        let ran = command.env("HF_ENDPOINT", &server.url).env("HF_HOME", world.path("hub")).output().unwrap();
        (ran.status.success(), world.masked(&ran))
    };
    let (well, (_, err)) = run(&format!("%load {ID}"));
    assert!(!well && err.contains(&format!("`{ID}` is an adapter")) && err.contains("%load gpt2-tiny"), "{err}");
    let text = "%generate abc max_new_tokens=12";
    let (well, (out, err)) = run(&format!("%load gpt2-tiny\n{text}\n%load {ID}\n{text}\n%load gpt2-tiny\n%load gpt2-tiny/lora\n{text}"));
    assert!(well, "{out}{err}");
    let lines: Vec<&str> = out.lines().filter(|line| line.starts_with("abc")).collect();
    assert!(lines.len() == 3 && lines[0] != lines[1] && lines[1] == lines[2], "{out}");
    assert!(out.contains("lora r=3"), "{out}");
}
