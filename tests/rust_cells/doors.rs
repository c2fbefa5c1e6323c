//! Who may come in: the folder is its person's, a secret is worth nothing once its engine is gone. And two kernels at once.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use kernel::client::Client;
use wire::Execute;
use wire::engine::Role;
use wire::lab::{ADDRESS, Answer, Ask, TOKEN, receive, send};

use super::long::family;
use super::{end, good, said, value};
use crate::harness::kernel::Kernel;

/// The environment of the engine of this kernel, and its process.
fn engine(kernel: u32) -> (u32, HashMap<String, String>) {
    let environment = |pid: u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap_or_default();
        let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<HashMap<_, _>>()
    };
    let is_engine = |(pid, about): &(u32, HashMap<String, String>)| {
        *pid != kernel && about.contains_key("LANTERN_RUST_ENGINE") && about.contains_key(TOKEN)
    };
    family(kernel).into_iter().map(|(pid, _)| (pid, environment(pid))).find(is_engine).unwrap()
}

/// What the session says to one who comes with this secret and asks for the weights.
fn knock(path: &str, token: &str) -> Option<Answer> {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let asked = send(&mut stream, &token.to_owned())
        .and_then(|()| send(&mut stream, &Role::Lab))
        .and_then(|()| send(&mut stream, &(0_u64, Ask::Weights)));
    // The session may have hung up in the middle of it.
    asked.ok().and_then(|()| receive(&mut stream).ok())
}

pub fn strangers(client: &Client, kernel: u32) {
    let (pid, about) = engine(kernel);
    let path = about[ADDRESS].strip_prefix("unix:").unwrap().to_owned();
    let folder = Path::new(&path).parent().unwrap();
    assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    let pool = Path::new(&about["LANTERN_LAB_BUILDS"]);
    assert_eq!(std::fs::metadata(pool).unwrap().permissions().mode() & 0o777, 0o700);
    let token = about[TOKEN].clone();
    // With the right secret there is an answer, though no cell runs: so the silence below means something.
    assert!(matches!(knock(&path, &token), Some(Answer::Failed { .. })));
    let mut wrong = token.clone();
    wrong.replace_range(..1, if wrong.starts_with('0') { "1" } else { "0" });
    for stranger in [wrong.as_str(), "", &token[1..], &format!("{token}0")] {
        assert_eq!(knock(&path, stranger), None, "{stranger}");
    }
    // One who came in while the engine lived, and stays.
    let mut stale = UnixStream::connect(&path).unwrap();
    stale.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    send(&mut stale, &token).and_then(|()| send(&mut stale, &Role::Lab)).unwrap();
    good(client, "let marker = 1;");
    // SAFETY: the engine of our own kernel.
    unsafe {
        libc::kill(pid as libc::pid_t, libc::SIGKILL);
    }
    // Whether the session has seen its end by now or not, the next cell but one works in a new engine.
    let (_, outcome) = end(&client.execute(Execute::new("1 + 1")));
    let events = good(client, "2 + 2");
    assert_eq!(value(&events), "4");
    assert!(outcome.error.is_none_or(|report| report.name == "RustDied"), "{events:?}");
    let (next, about) = engine(kernel);
    assert!(next != pid && about[TOKEN] != token);
    assert_eq!(knock(&path, &token), None, "the secret of an engine that is gone");
    assert!(knock(&path, &about[TOKEN]).is_some());
    let asked = send(&mut stale, &(0_u64, Ask::Weights));
    let mut rest = Vec::new();
    assert!(asked.is_err() || matches!(stale.read_to_end(&mut rest), Ok(0) | Err(_)), "{rest:?}");
}

/// A second kernel, over the loopback address, beside the first: each has its own variables and its own folder to build in.
pub fn another(first: &Kernel, client: &Client) {
    let home = first.world.home().to_str().unwrap().to_owned();
    let second = Kernel::start_with(&["llama-tiny"], &[("LANTERN_LAB_TCP", "1"), ("LANTERN_HOME", &home)]);
    let other = second.client();
    good(&other, "%load llama-tiny");
    good(client, "let who = \"first\";");
    let (here, there) = (client.execute(Execute::new("who")), other.execute(Execute::new("let who = \"second\"; who")));
    assert_eq!((value(&end(&here).0).as_str(), value(&end(&there).0).as_str()), ("\"first\"", "\"second\""));
    let (_, about) = engine(second.process.id());
    assert!(about[ADDRESS].starts_with("tcp:127.0.0.1:"), "{}", about[ADDRESS]);
    assert_eq!(value(&good(&other, "lab::logits(\"the cat\")?.shape().len()")), "2");
    let events = good(&other, "print!(\"one \\r\"); eprint!(\"two\");\nlab::show(&lab::bars(\"c\", &[(\"a\".into(), 1.0)]))?;");
    assert_eq!((crate::harness::kernel::printed(&events).as_str(), said(&events).as_str()), ("one \r", "two"));
    let builds = |kernel: &Kernel| family(kernel.process.id()).len();
    assert!(builds(first) >= 3 && builds(&second) >= 3);
}
