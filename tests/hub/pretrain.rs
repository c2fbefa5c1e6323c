//! `%pretrain` on a set of the hub, against a server on this machine.

use super::place::serve;
use super::server::Repository;
use crate::harness::world::World;

const CARD: &[u8] = b"---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: train.jsonl\n  - split: test\n    path: test.csv\n---\n";

#[test]
fn a_set_of_the_hub_is_text_for_a_fresh_model() {
    let rows = "{\"text\":\"one two one two one three\",\"n\":1}\n".repeat(40);
    let test = format!("body\n{}", "four five four five six\n".repeat(60));
    let server = serve(&Repository::new(&[("README.md", CARD), ("train.jsonl", rows.as_bytes()), ("test.csv", test.as_bytes())]));
    let world = World::with(&[]);
    let run = |more: &str| {
        let line = format!("%pretrain an-owner/a_set {more} vocab=258 layers=1 hidden=32 heads=2 context=16 block=16 steps=1 --json");
        let mut command = world.lantern(&["-c", &format!("{line}\n%status --json")]);
        let ran = command.env("HF_ENDPOINT", &server.url).env("HF_HOME", world.path("hub")).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    assert!(run("").contains("\"data\":\"an-owner/a_set\""));
    assert!(run("subset=main split=test column=body").contains("\"steps\":1"));
    assert!(server.asked().iter().any(|request| request.path.ends_with("/test.csv")));
}
