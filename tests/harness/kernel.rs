//! A kernel in a world of its own, reached through its connection file as any front end reaches it.

use std::path::PathBuf;
use std::process::Child;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use kernel::client::Client;
use wire::{Event, Execute, Form, Outcome, Stream};

use super::world::World;

/// Nothing here takes longer, on a machine however busy.
pub const LIMIT: Duration = Duration::from_secs(20);

pub struct Kernel {
    pub world: World,
    pub process: Child,
    pub file: PathBuf,
}

impl Kernel {
    /// Starts one on sockets in the world's folder and waits until they are there.
    pub fn start(fixtures: &[&str]) -> Self {
        Self::start_with(fixtures, &[])
    }

    /// The same with more in its environment.
    pub fn start_with(fixtures: &[&str], env: &[(&str, &str)]) -> Self {
        let world = World::with(fixtures);
        let file = world.path("kernel.json");
        let sockets = world.path("s");
        let ports = r#""shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5"#;
        let (ip, scheme) = (sockets.display(), r#""signature_scheme":"hmac-sha256""#);
        world.write("kernel.json", format!(r#"{{"ip":"{ip}","transport":"ipc","key":"secret",{scheme},{ports}}}"#));
        let mut command = world.lantern(&["kernel", "start", "-f", file.to_str().unwrap()]);
        let process = command.envs(env.iter().copied()).spawn().unwrap();
        let until = Instant::now() + LIMIT;
        while !world.path("s-2").exists() {
            assert!(Instant::now() < until, "the kernel did not start");
            std::thread::yield_now();
        }
        Self { world, process, file }
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.file).unwrap()
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The events of a cell, up to and with the first for which `last` holds.
#[track_caller]
pub fn until(events: &Receiver<Event>, last: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut found = Vec::new();
    while !found.last().is_some_and(&last) {
        match events.recv_timeout(LIMIT) {
            Ok(event) => found.push(event),
            Err(error) => panic!("{error} after {found:?}"),
        }
    }
    found
}

/// The rest of a cell: what it shows, how it ended.
#[track_caller]
pub fn rest(events: &Receiver<Event>) -> (Vec<Event>, Outcome) {
    let mut found = until(events, |event| matches!(event, Event::Done(_)));
    let Some(Event::Done(outcome)) = found.pop() else { unreachable!() };
    (found, outcome)
}

#[track_caller]
pub fn run(client: &Client, code: &str) -> (Vec<Event>, Outcome) {
    rest(&client.execute(Execute::new(code)))
}

/// All that is written to standard output.
pub fn printed(events: &[Event]) -> String {
    let text = |event: &Event| match event {
        Event::Print { stream: Stream::Out, text } => text.clone(),
        _ => String::new(),
    };
    events.iter().map(text).collect()
}

/// The last state of all that is shown, as text.
pub fn shown(events: &[Event]) -> Vec<String> {
    let mut found: Vec<(Option<String>, String)> = Vec::new();
    for event in events {
        let Event::Show { id, forms } = event else { continue };
        let text = Form::text(forms).to_owned();
        match found.iter_mut().find(|(known, _)| id.is_some() && known == id) {
            Some((_, old)) => *old = text,
            None => found.push((id.clone(), text)),
        }
    }
    found.into_iter().map(|(_, text)| text).collect()
}
