//! The REPL as a person at a terminal uses it: keys in, screen out.

use tempfile::TempDir;

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
    terminal.press("%lsmagik\r");
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
    terminal.press("%lsmagik");
    terminal.wait_for("> %lsmagik");
    terminal.press("\x03");
    terminal.wait_for_prompt("lantern [1]>");
    terminal.press("!echo ready; exec sleep 600\r");
    terminal.wait_for_line("ready");
    terminal.press("\x03");
    let screen = terminal.wait_for_prompt("lantern [2]>");
    assert!(screen.contains("\nerror: ") && !screen.contains("^C"), "{screen}");
    terminal.press("!echo still here\r");
    terminal.wait_for_line("still here");
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
    terminal.wait_until("a list", |screen| ["%lang ", "%lsmagic "].iter().all(|name| screen.lines().any(|line| line.contains(name))));
}

#[test]
fn magics_are_coloured_and_unknown_ones_are_red() {
    let home = TempDir::new().unwrap();
    let mut terminal = open(&home);
    terminal.press("%seed 7");
    terminal.wait_for("> %seed 7");
    terminal.press("\x15%lsmagik ");
    terminal.wait_for("> %lsmagik");
    let raw = String::from_utf8_lossy(&terminal.raw).into_owned();
    assert!(raw.contains("\x1b[1;34m%seed\x1b[0m") && raw.contains("\x1b[31m%lsmagik\x1b[0m"), "{raw:?}");
}

#[test]
fn no_color_and_dumb_terminals_get_no_colours() {
    for env in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let home = TempDir::new().unwrap();
        let mut terminal = Terminal::open(home.path(), &[], &[env], SIZE);
        terminal.wait_for_prompt("lantern [1]>");
        terminal.press("%lsmagik\r");
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
fn past_cells_come_back() {
    let home = TempDir::new().unwrap();
    let mut terminal = open(&home);
    terminal.press("!echo remember this\r");
    terminal.wait_for_prompt("lantern [2]>");
    terminal.press("!echo rem");
    terminal.wait_for("lantern [2]> !echo remember this");
    // The right arrow takes the hint.
    terminal.press("\x1b[C\r");
    terminal.wait_for_prompt("lantern [3]>");
    terminal.press("\x1b[A");
    terminal.wait_for_prompt("lantern [3]> !echo remember this");
}

#[test]
fn history_lasts() {
    let home = TempDir::new().unwrap();
    let mut terminal = open(&home);
    terminal.press("!echo remember this\r");
    terminal.wait_for_prompt("lantern [2]>");
    terminal.press("\x04");
    assert_eq!(terminal.end().0.code(), Some(0));
    let mut terminal = open(&home);
    terminal.press("\x1b[A");
    terminal.wait_for_prompt("lantern [1]> !echo remember this");
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
    terminal.press("!echo ready; until [ -e $HOME/go ]; do sleep 0.02; done; echo over\r");
    terminal.wait_for_line("ready");
    terminal.press("!echo ahead\r");
    std::fs::write(home.path().join("go"), "").unwrap();
    let screen = terminal.wait_for_prompt("lantern [3]>");
    assert!(screen.contains("\nready\nover\nlantern [2]> !echo ahead\nahead\n"), "{screen}");
}
