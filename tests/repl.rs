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
    let ran = run(&["-c", "!echo one\n%trian"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "one\n"));
    assert!(ran.err.starts_with("error: ") && ran.err.contains("trian") && ran.err.contains("hint: "), "{}", ran.err);
    assert!(!ran.err.contains('\x1b'), "{:?}", ran.err);
}

#[test]
fn colours_can_be_forced() {
    let home = TempDir::new().unwrap();
    let mut command = lantern(home.path(), &["-c", "%trian"]);
    let output = command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(Ran::from(output).err.starts_with("\x1b[1;31merror:"));
}

#[test]
fn a_text_file_stops_at_the_first_error_and_names_the_cell() {
    let ran = run_file("cells.lantern", "!echo one\n# %% second\n%trian\n# %%\n!echo three\n", &[]);
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
    assert!(run(&["--lang", "zh", "-c", "%trian"]).err.starts_with("错误: "));
    let home = TempDir::new().unwrap();
    let output = lantern(home.path(), &["-c", "%trian"]).env("LANG", "zh_CN.UTF-8").output().unwrap();
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

#[cfg(unix)]
mod on_a_terminal {
    use super::*;
    use crate::harness::terminal::Terminal;

    const SIZE: (u16, u16) = (80, 24);

    fn open(home: &TempDir) -> Terminal {
        let mut terminal = Terminal::open(home.path(), &[], &[], SIZE);
        terminal.wait_for_prompt("lantern [1]>");
        terminal
    }

    #[test]
    fn cells_are_numbered_and_ctrl_d_leaves() {
        let home = TempDir::new().unwrap();
        let mut terminal = open(&home);
        terminal.press("!echo one\r");
        let screen = terminal.wait_for_prompt("lantern [2]>");
        assert!(screen.contains("\none\nlantern [2]>"), "{screen}");
        terminal.press("%trian\r");
        let screen = terminal.wait_for_prompt("lantern [3]>");
        assert!(screen.contains("\nerror: ") && screen.contains("\nhint: "), "{screen}");
        terminal.press("\x04");
        assert_eq!(terminal.end().0.code(), Some(0));
    }

    #[test]
    fn exit_leaves() {
        let home = TempDir::new().unwrap();
        let mut terminal = open(&home);
        terminal.press("exit\r");
        assert_eq!(terminal.end().0.code(), Some(0));
    }

    #[test]
    fn ctrl_c_clears_the_line_at_the_prompt_and_stops_a_running_cell() {
        let home = TempDir::new().unwrap();
        let mut terminal = open(&home);
        terminal.press("%trian");
        terminal.wait_for("> %trian");
        terminal.press("\x03");
        terminal.wait_for_prompt("lantern [1]>");
        terminal.press("!echo ready; exec sleep 600\r");
        terminal.wait_for("\nready\n");
        terminal.press("\x03");
        let screen = terminal.wait_for_prompt("lantern [2]>");
        assert!(screen.contains("\nerror: ") && !screen.contains("^C"), "{screen}");
        terminal.press("!echo still here\r");
        terminal.wait_for("\nstill here\n");
    }

    #[test]
    fn a_run_stops_at_ctrl_c_with_code_130() {
        let home = TempDir::new().unwrap();
        let mut terminal = Terminal::open(home.path(), &["-c", "!echo ready; exec sleep 600\n# %%\n!echo never"], &[], SIZE);
        terminal.wait_for("ready");
        terminal.press("\x03");
        let (status, screen) = terminal.end();
        assert!(status.code() == Some(130) && !screen.contains("never"), "{status} {screen}");
    }

    #[test]
    fn tab_completes_and_lists() {
        let home = TempDir::new().unwrap();
        let mut terminal = open(&home);
        terminal.press("%lsm\t");
        terminal.wait_for("> %lsmagic");
        terminal.press("\x15%l\t");
        let screen = terminal.wait_for("%lora");
        assert!(screen.contains("%load") && screen.contains("%lsmagic"), "{screen}");
    }

    #[test]
    fn magics_are_coloured_and_unknown_ones_are_red() {
        let home = TempDir::new().unwrap();
        let mut terminal = open(&home);
        terminal.press("%load ");
        terminal.wait_for("> %load");
        terminal.press("\x15%trian ");
        terminal.wait_for("> %trian");
        let raw = String::from_utf8_lossy(&terminal.raw).into_owned();
        assert!(raw.contains("\x1b[1;34m%load\x1b[0m") && raw.contains("\x1b[31m%trian\x1b[0m"), "{raw:?}");
    }

    #[test]
    fn no_color_and_dumb_terminals_get_no_colours() {
        for env in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let home = TempDir::new().unwrap();
            let mut terminal = Terminal::open(home.path(), &[], &[env], SIZE);
            terminal.wait_for_prompt("lantern [1]>");
            terminal.press("%trian\r");
            terminal.wait_for_prompt("lantern [2]>");
            let raw = String::from_utf8_lossy(&terminal.raw).into_owned();
            assert!(!raw.contains("\x1b[3") && !raw.contains("\x1b[1;"), "{env:?}: {raw:?}");
            assert!(env.0 == "NO_COLOR" || !raw.contains('\x1b'), "{env:?}: {raw:?}");
        }
    }

    #[test]
    fn a_pasted_script_runs_cell_by_cell() {
        let home = TempDir::new().unwrap();
        let mut terminal = open(&home);
        terminal.press("\x1b[200~# %%\n!echo one\n!echo two\n# %%\n!echo three\x1b[201~\r");
        let screen = terminal.wait_for_prompt("lantern [3]>");
        assert!(screen.contains("\none\ntwo\nthree\n"), "{screen}");
    }

    #[test]
    fn alt_enter_opens_a_line() {
        let home = TempDir::new().unwrap();
        let mut terminal = open(&home);
        terminal.press("!echo one\x1b\r!echo two");
        terminal.wait_for("\n!echo two");
        terminal.press("\r");
        let screen = terminal.wait_for_prompt("lantern [2]>");
        assert!(screen.contains("\none\ntwo\n"), "{screen}");
    }

    #[test]
    fn history_lasts_and_gives_hints() {
        let home = TempDir::new().unwrap();
        let mut terminal = open(&home);
        terminal.press("!echo remember this\r");
        terminal.wait_for_prompt("lantern [2]>");
        terminal.press("\x04");
        assert_eq!(terminal.end().0.code(), Some(0));
        let mut terminal = open(&home);
        terminal.press("!echo rem");
        terminal.wait_for("> !echo remember this");
        // The right arrow takes the hint.
        terminal.press("\x1b[C\r");
        terminal.wait_for("\nremember this\n");
        terminal.press("\x1b[A");
        terminal.wait_for_prompt("lantern [2]> !echo remember this");
    }

    #[test]
    fn questions_are_answered_and_passwords_hidden() {
        let home = TempDir::new().unwrap();
        let mut terminal = open(&home);
        terminal.press("%input Name?\r");
        terminal.wait_until("the question", |screen| screen.lines().any(|line| line.starts_with("Name?")));
        terminal.press("Bob\r");
        let screen = terminal.wait_for_prompt("lantern [2]>");
        assert!(screen.contains("Bob"), "{screen}");
        terminal.press("%input Name?\r");
        terminal.wait_until("the question again", |screen| screen.lines().filter(|line| line.starts_with("Name?")).count() == 2);
        terminal.press("\x03");
        terminal.wait_for_prompt("lantern [3]>");
    }

    #[test]
    fn keys_pressed_during_a_cell_wait_for_the_prompt() {
        let home = TempDir::new().unwrap();
        let mut terminal = open(&home);
        terminal.press("!echo ready; read -t 600 line < /dev/null; sleep 0.3; echo over\r");
        terminal.wait_for("\nready\n");
        terminal.press("!echo ahead\r");
        let screen = terminal.wait_for_prompt("lantern [3]>");
        assert!(screen.contains("\nready\nover\nlantern [2]> !echo ahead\nahead\n"), "{screen}");
    }
}
