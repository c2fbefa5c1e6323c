//! The program `lantern` as a person or a script uses it: `-c`, `run`, exit codes, plain output.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// `lantern` in a frozen world: its own home, 80 columns, no colours, English.
fn lantern(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lantern"));
    command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("LANTERN_HOME", home).env("HOME", home).env("LANG", "C").env("COLUMNS", "80").env("NO_COLOR", "1");
    command
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn run(args: &[&str]) -> Ran {
    let home = TempDir::new().unwrap();
    lantern(home.path(), args).stdin(Stdio::null()).output().unwrap().into()
}

fn run_with_input(args: &[&str], input: &str) -> Ran {
    let home = TempDir::new().unwrap();
    let mut child = lantern(home.path(), args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

fn run_file(name: &str, content: impl AsRef<[u8]>, extra: &[&str]) -> Ran {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let mut args = vec!["run", path.to_str().unwrap()];
    args.extend(extra);
    run(&args)
}

#[test]
fn version_and_help() {
    let version = run(&["--version"]);
    assert_eq!((version.code, version.out.as_str()), (Some(0), concat!("lantern ", env!("CARGO_PKG_VERSION"), "\n")));
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    assert!(["run", "kernel", "-c", "--home", "--lang"].iter().all(|word| help.out.contains(word)), "{}", help.out);
    assert_eq!(run(&["--nonsense"]).code, Some(2));
}

#[test]
fn code_runs_and_its_output_is_plain() {
    let ran = run(&["-c", "!echo one\n!echo two"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "one\ntwo\n", ""));
}

#[test]
fn an_error_goes_to_the_error_stream_with_a_hint_and_code_1() {
    let ran = run(&["-c", "!echo one\n%lsmagik"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "one\n"));
    assert!(ran.err.starts_with("error: ") && ran.err.contains("lsmagik") && ran.err.contains("hint: "), "{}", ran.err);
    assert!(!ran.err.contains('\x1b'), "{:?}", ran.err);
}

#[test]
fn colours_can_be_forced() {
    let home = TempDir::new().unwrap();
    let mut command = lantern(home.path(), &["-c", "%lsmagik"]);
    let output = command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(Ran::from(output).err.starts_with("\x1b[1;31merror:"));
}

#[test]
fn a_text_file_stops_at_the_first_error_and_names_the_cell() {
    let ran = run_file("cells.lantern", "!echo one\n# %% second\n%lsmagik\n# %%\n!echo three\n", &[]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "one\n"));
    assert!(ran.err.contains("in cell 2 of 3: second"), "{}", ran.err);
}

#[test]
fn a_notebook_runs_its_code_cells() {
    let notebook = r##"{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# %% not code"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": ["!echo one\n", "!echo two"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": "!echo three"}]}"##;
    let ran = run_file("book.ipynb", notebook, &["--time"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "one\ntwo\nthree\n"));
    assert!(ran.err.starts_with("cell 1: ") && ran.err.contains("\ncell 2: "), "{}", ran.err);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let ran = run(&["run", "/nowhere/x.ipynb"]);
    assert!(ran.code == Some(1) && ran.err.starts_with("error: cannot read `/nowhere/x.ipynb`"), "{}", ran.err);
    let ran = run_file("book.ipynb", "{\"cells\": ", &[]);
    assert!(ran.code == Some(1) && ran.err.contains("is not a notebook") && ran.err.contains("line 1"), "{}", ran.err);
    let ran = run_file("book.ipynb", "{\"worksheets\": []}", &[]);
    assert!(ran.code == Some(1) && ran.err.contains("nbformat 4"), "{}", ran.err);
    let ran = run_file("cells.txt", b"!echo a\n!echo \xff\n", &[]);
    assert!(ran.code == Some(1) && ran.err.contains("not UTF-8") && ran.err.contains("line 2"), "{}", ran.err);
}

#[test]
fn standard_input_is_a_file_of_cells() {
    for args in [&["run", "-"][..], &[]] {
        let ran = run_with_input(args, "!echo one\n# %%\n!echo two\n");
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "one\ntwo\n", ""), "{args:?}");
    }
    assert_eq!(run_with_input(&[], "").code, Some(0));
}

#[test]
fn the_language_is_chosen() {
    assert!(run(&["--lang", "zh", "-c", "%lsmagik"]).err.starts_with("错误: "));
    let home = TempDir::new().unwrap();
    let output = lantern(home.path(), &["-c", "%lsmagik"]).env("LANG", "zh_CN.UTF-8").output().unwrap();
    assert!(Ran::from(output).err.starts_with("错误: "));
    assert_eq!(run(&["--lang", "tlh", "-c", ""]).code, Some(2));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let home = TempDir::new().unwrap();
    let mut child = lantern(home.path(), &["-c", "!seq 1 200000"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn input_is_read_from_a_pipe_but_not_from_the_script_itself() {
    let ran = run_with_input(&["-c", "%input Name?"], "Bob\n");
    assert!(ran.code == Some(0) && ran.out.contains("Name?") && ran.out.contains("Bob"), "{} {}", ran.out, ran.err);
    let ran = run_with_input(&["run", "-"], "%input Name?\n");
    assert!(ran.code == Some(1) && ran.err.starts_with("error: "), "{}", ran.err);
}

#[test]
fn the_kernel_is_installed_and_removed() {
    let prefix = TempDir::new().unwrap();
    let folder = prefix.path().join("share/jupyter/kernels/try");
    let place = ["--prefix", prefix.path().to_str().unwrap(), "--name", "try"];
    let ran = run(&[&["kernel", "install", "--home", "/some/home", "--env", "A=b=c"], &place[..]].concat());
    assert!(ran.code == Some(0) && ran.out.starts_with(&format!("installed {}\n", folder.display())), "{} {}", ran.out, ran.err);
    let spec: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("kernel.json")).unwrap()).unwrap();
    assert_eq!(spec["env"], serde_json::json!({"A": "b=c", "LANTERN_HOME": "/some/home"}));
    let ran = run(&[&["kernel", "uninstall"], &place[..]].concat());
    assert!(ran.code == Some(0) && !folder.exists(), "{}", ran.err);
    let ran = run(&[&["kernel", "uninstall"], &place[..]].concat());
    assert!(ran.code == Some(1) && ran.err.starts_with("error: "), "{}", ran.err);
    assert_eq!(run(&["kernel", "install", "--env", "no-equals"]).code, Some(2));
    assert_eq!(run(&["kernel", "start", "-f", "/nowhere.json"]).code, Some(1));
}
