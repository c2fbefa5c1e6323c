//! A frozen world for transcripts: a home and a folder of its own, 80 columns, two threads, English, no colours; what varies is masked.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lantern::cell::{Desk, Setup};
use serde_json::Value;
use tempfile::TempDir;
use wire::{Chart, Event, Execute, Form, Report, Stream};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

/// Twelve short exchanges that the tiny models' vocabularies can spell.
pub fn rows() -> String {
    let row = |i: usize| format!("{{\"instruction\": \"say {i}\", \"output\": \"it is {i}\"}}\n");
    (0..12).map(row).collect()
}

/// Two lines of running text.
pub const TEXT: &str = "The quick brown fox jumps over the lazy dog.\nPack my box with five dozen liquor jugs.\n";

pub struct World {
    home: TempDir,
    folder: TempDir,
}

impl World {
    /// An empty folder with copies of these fixtures in it, `rows.jsonl` and `text.txt`.
    pub fn with(fixtures: &[&str]) -> Self {
        let world = Self { home: TempDir::new().unwrap(), folder: TempDir::new().unwrap() };
        for name in fixtures {
            let from = fixture(name);
            copy(&from, &world.path(from.file_name().unwrap().to_str().unwrap()));
        }
        world.write("rows.jsonl", rows());
        world.write("text.txt", TEXT);
        world
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// `lantern ARGS` in this world.
    pub fn lantern(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lantern"));
        command.args(args);
        self.freeze(&mut command);
        command
    }

    pub fn freeze(&self, command: &mut Command) {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(self.folder.path());
        command.env("LANTERN_HOME", self.home.path()).env("HOME", self.home.path()).env("LANG", "C");
        // Idleness starts nothing here: a busy machine idles long.
        command.env("LANTERN_RUST_IDLE", "never");
        // The person's toolchain, for Rust cells.
        for (variable, folder) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
            let place = std::env::var_os(variable).map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(folder)));
            if let Some(place) = place {
                command.env(variable, place);
            }
        }
        command.env("COLUMNS", "80").env("NO_COLOR", "1").env("RAYON_NUM_THREADS", "2").stdin(Stdio::null());
    }

    /// What a cell prints, masked; it must end well.
    #[track_caller]
    pub fn run(&self, code: &str) -> String {
        let ran = self.lantern(&["-c", code]).output().unwrap();
        let (out, err) = self.masked(&ran);
        assert!(ran.status.success() && err.is_empty(), "{code}\n{out}{err}");
        out
    }

    /// What is said behind the first line, without the lines of JSON.
    #[track_caller]
    pub fn said(&self, code: &str) -> String {
        let text = self.run(code);
        let lines: Vec<&str> = text.lines().skip(1).filter(|line| !line.starts_with('{')).collect();
        lines.join("\n")
    }

    /// The error that a cell ends with, masked.
    #[track_caller]
    pub fn fail(&self, code: &str) -> String {
        self.fail_in("en", code)
    }

    #[track_caller]
    pub fn fail_in(&self, lang: &str, code: &str) -> String {
        let ran = self.lantern(&["--lang", lang, "-c", code]).output().unwrap();
        let (out, err) = self.masked(&ran);
        assert_eq!(ran.status.code(), Some(1), "{code}\n{out}{err}");
        err
    }

    /// The one line of JSON that `code` ends with.
    #[track_caller]
    pub fn json(&self, code: &str) -> Value {
        let ran = self.lantern(&["-c", code]).output().unwrap();
        let (out, err) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
        assert!(ran.status.success(), "{code}\n{out}{err}");
        serde_json::from_str(out.lines().last().unwrap_or_default()).unwrap_or_else(|e| panic!("{e}\n{code}\n{out}{err}"))
    }

    pub fn masked(&self, ran: &Output) -> (String, String) {
        let text = |bytes: &[u8]| mask(&self.hide(std::str::from_utf8(bytes).unwrap()));
        (text(&ran.stdout), text(&ran.stderr))
    }

    fn hide(&self, text: &str) -> String {
        let shown = |folder: &TempDir| folder.path().display().to_string();
        text.replace(&shown(&self.home), "<home>").replace(&shown(&self.folder), "<folder>")
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        std::fs::copy(from, to).unwrap();
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Times, rates and the memory of the process are not the same twice.
pub fn mask(text: &str) -> String {
    text.lines().map(|line| mask_line(line) + "\n").collect()
}

fn mask_line(line: &str) -> String {
    const PROCESS: &[&str] = &["peak memory ", "memory used ", "memory free ", "memory of this process"];
    const DEVICE: &str = "CPU features ";
    if line.starts_with(DEVICE) {
        return format!("{DEVICE} <features>");
    }
    let process = PROCESS.iter().any(|start| line.starts_with(start)) && !line.ends_with(')');
    let words: Vec<&str> = line.split(' ').collect();
    let mut masked = Vec::new();
    let mut i = 0;
    while i < words.len() {
        let number = words[i].trim_start_matches(['(', '[']).parse::<f64>().is_ok();
        let unit = words.get(i + 1).map_or("", |word| word.trim_end_matches([',', ')', ']', ';']));
        let tail = words.get(i + 1).map_or("", |word| &word[unit.len()..]);
        match unit {
            "µs" | "ms" | "s" | "min" if number => {
                masked.push(format!("<time>{tail}"));
                i += if unit == "min" { 4 } else { 2 };
            }
            "tokens/s" if number => {
                masked.push("<rate>".to_owned());
                i += 1;
            }
            "B" | "kB" | "MB" | "GB" if number && process => {
                masked.push(format!("<bytes>{tail}"));
                i += 2;
            }
            _ => {
                masked.push(words[i].to_owned());
                i += 1;
            }
        }
    }
    masked.join(" ")
}

/// A desk in this process: for what several cells do to one session, errors among them.
pub struct Room {
    pub desk: Desk,
    home: TempDir,
}

/// What one cell said.
#[derive(Debug, Default)]
pub struct Heard {
    pub text: String,
    pub charts: Vec<Chart>,
    pub report: Option<Report>,
}

impl Room {
    pub fn new() -> Self {
        let home = TempDir::new().unwrap();
        Self::at(home)
    }

    fn at(home: TempDir) -> Self {
        Self { desk: Desk::open(Setup { home: Some(home.path().to_owned()) }).unwrap(), home }
    }

    /// A new session in the same home.
    pub fn again(self) -> Self {
        drop(self.desk);
        Self::at(self.home)
    }

    /// Runs a cell; `watch` sees each event as it comes.
    pub fn watch(&self, code: &str, mut watch: impl FnMut(&Event)) -> Heard {
        let mut heard = Heard::default();
        for event in self.desk.execute(Execute::new(code)) {
            watch(&event);
            match event {
                Event::Print { stream: Stream::Out, text } | Event::Page { text } => heard.text += &text,
                Event::Value { forms } => heard.text += &format!("{}\n", Form::text(&forms)),
                Event::Chart { chart, .. } => heard.charts.push(chart),
                Event::Done(outcome) => heard.report = outcome.error,
                _ => {}
            }
        }
        heard
    }

    /// A cell that must end well.
    #[track_caller]
    pub fn run(&self, code: &str) -> Heard {
        let heard = self.watch(code, |_| {});
        assert_eq!(heard.report, None, "{code}");
        heard
    }

    /// A cell that must fail.
    #[track_caller]
    pub fn fail(&self, code: &str) -> Report {
        self.watch(code, |_| {}).report.unwrap_or_else(|| panic!("{code} did not fail"))
    }

    /// The result of a cell that ends with `--json`.
    #[track_caller]
    pub fn json(&self, code: &str) -> Value {
        serde_json::from_str(self.run(code).text.lines().last().unwrap()).unwrap()
    }
}
