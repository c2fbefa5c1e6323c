//! Rust cells at a terminal: Ctrl-C, Tab, `?`.

use tempfile::TempDir;

use crate::harness::terminal::Terminal;

#[test]
fn ctrl_c_during_a_magic_leaves_rust_variables() {
    let home = TempDir::new().unwrap();
    let toolchain = |variable: &str, folder: &str| {
        let place = std::env::var_os(variable).map(std::path::PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(folder)));
        place.unwrap().to_str().unwrap().to_owned()
    };
    let (rustup, cargo) = (toolchain("RUSTUP_HOME", ".rustup"), toolchain("CARGO_HOME", ".cargo"));
    let env = [("RUSTUP_HOME", rustup.as_str()), ("CARGO_HOME", cargo.as_str())];
    let mut terminal = Terminal::open(home.path(), &[], &env, (80, 40));
    terminal.wait_for_prompt("lantern [1]>");
    terminal.press("let marker = 41; let markup = 2;\r");
    terminal.wait_for_prompt("lantern [2]>");
    terminal.press("!echo ready; exec sleep 600\r");
    terminal.wait_for_line("ready");
    terminal.press("\x03");
    terminal.wait_for_prompt("lantern [3]>");
    terminal.press("marker + 1\r");
    let screen = terminal.wait_for_prompt("lantern [4]>");
    assert!(screen.contains("\n42\n"), "{screen}");
    terminal.press("mark\t");
    // With their types.
    terminal.wait_until("a list", |screen| {
        screen.lines().any(|line| line.starts_with("marker") && line.contains("i32") && line.contains("markup"))
    });
    terminal.press("\x03");
    terminal.wait_for_prompt("lantern [4]>");
    terminal.press("%%time\rmarker + 2\r");
    let screen = terminal.wait_for_prompt("lantern [5]>");
    assert!(screen.contains("\n43\n") && screen.contains("\nwall time "), "{screen}");
}
