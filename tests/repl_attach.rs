//! `lantern attach`: a terminal on a running kernel's session, beside other clients of it.

use std::path::Path;

use tempfile::TempDir;

use crate::harness::kernel::{Kernel, printed, run};
use crate::harness::terminal::Terminal;
use crate::harness::world::fixture;

const SIZE: (u16, u16) = (100, 40);

fn attach(home: &TempDir, args: &[&str], env: &[(&str, &str)]) -> Terminal {
    let mut terminal = Terminal::open(home.path(), &[&["attach"], args].concat(), env, SIZE);
    terminal.wait_until("a prompt", |screen| screen.trim_end().ends_with("]>"));
    terminal
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

#[test]
fn two_terminals_and_a_client_share_one_model_and_leaving_leaves_it() {
    let kernel = Kernel::start(&[]);
    let home = TempDir::new().unwrap();
    let mut first = attach(&home, &[path(&kernel.file)], &[]);
    assert!(first.screen().contains("joined the kernel of "), "{}", first.screen());
    first.press(&format!("%load {}\r", fixture("llama-tiny").display()));
    let screen = first.wait_for_prompt("lantern [2]>");
    assert!(screen.contains("loaded llama-tiny"), "{screen}");
    let mut second = attach(&home, &[path(&kernel.file)], &[]);
    second.wait_for_prompt("lantern [2]>");
    second.press("%status\r");
    let screen = second.wait_for_prompt("lantern [3]>");
    assert!(screen.contains("llama-tiny"), "{screen}");
    // The first one's cell is the second one's history.
    second.press("\x1b[A\x1b[A");
    // A hint may follow it.
    second.wait_for(&format!("lantern [3]> %load {}", fixture("llama-tiny").display()));
    first.press("\x04");
    assert_eq!(first.end().0.code(), Some(0));
    assert!(run(&kernel.client(), "%info").1.error.is_none(), "the kernel has its model still");
    assert_eq!(printed(&run(&kernel.client(), "!echo alive").0), "alive\n");
}

#[test]
fn the_prompt_is_the_same_as_at_home() {
    let kernel = Kernel::start(&[]);
    let home = TempDir::new().unwrap();
    let mut terminal = attach(&home, &[path(&kernel.file)], &[]);
    terminal.press("%lsm\t");
    terminal.wait_for("> %lsmagic");
    terminal.press("\x15%lsmagik\r");
    let screen = terminal.wait_for_prompt("lantern [2]>");
    assert!(screen.contains("\nerror: ") && screen.contains("\nhint: "), "{screen}");
    terminal.press("%input Name?\r");
    terminal.wait_until("the question", |screen| screen.lines().any(|line| line.starts_with("Name?")));
    terminal.press("Bob\r");
    terminal.wait_for_prompt("lantern [3]>");
    terminal.press("!echo ready; exec sleep 600\r");
    terminal.wait_for_line("ready");
    terminal.press("\x03");
    let screen = terminal.wait_for_prompt("lantern [4]>");
    assert!(screen.contains("Bob") && screen.matches("\nerror: ").count() == 2, "{screen}");
}

#[test]
fn charts_come_as_pictures_here_too() {
    let kernel = Kernel::start(&[]);
    let home = TempDir::new().unwrap();
    let mut terminal = attach(&home, &[path(&kernel.file)], &[("LANTERN_GRAPHICS", "kitty")]);
    terminal.press(&format!("%load {}\r", fixture("llama-tiny").display()));
    terminal.wait_for_prompt("lantern [2]>");
    terminal.press("%next hello\r");
    let screen = terminal.wait_for_prompt("lantern [3]>");
    let raw = String::from_utf8_lossy(&terminal.raw).into_owned();
    assert!(raw.contains("\x1b_Ga=T,f=100,") && !screen.contains('█'), "{screen}");
}

#[test]
fn without_a_file_the_newest_kernel_that_answers_is_joined() {
    let kernel = Kernel::start(&[]);
    let home = TempDir::new().unwrap();
    let runtime = TempDir::new().unwrap();
    let env = [("JUPYTER_RUNTIME_DIR", path(runtime.path()))];
    let mut none = Terminal::open(home.path(), &["attach"], &env, SIZE);
    let screen = none.wait_for("hint: ");
    assert!(screen.contains("no Lantern kernel answers in "), "{screen}");
    assert_eq!(none.end().0.code(), Some(1));
    std::fs::copy(&kernel.file, runtime.path().join("kernel-1.json")).unwrap();
    // Left behind by a kernel that has ended, and a file that is none.
    let old = std::fs::read_to_string(&kernel.file).unwrap().replace("/s\"", "/gone\"");
    std::fs::write(runtime.path().join("kernel-2.json"), old).unwrap();
    std::fs::write(runtime.path().join("kernel-3.json"), "{}").unwrap();
    let mut terminal = attach(&home, &[], &env);
    assert!(terminal.screen().contains("kernel-1.json"), "{}", terminal.screen());
    terminal.press("!echo here\r");
    terminal.wait_for_prompt("lantern [2]>");
}

#[test]
fn a_kernel_that_ends_is_noticed() {
    let mut kernel = Kernel::start(&[]);
    let home = TempDir::new().unwrap();
    let mut terminal = attach(&home, &[path(&kernel.file)], &[]);
    terminal.press("!echo ready; exec sleep 20\r");
    terminal.wait_for_line("ready");
    kernel.process.kill().unwrap();
    let (status, screen) = terminal.end();
    assert!(screen.contains("the session ended while the cell ran"), "{status} {screen}");
}
