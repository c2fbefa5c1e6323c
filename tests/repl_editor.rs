//! Editing at the prompt: search in the history, pasted cells, the person's own editor, and what is said before leaving.

use tempfile::TempDir;

use crate::harness::terminal::Terminal;
use crate::harness::world::{TEXT, fixture};

const SIZE: (u16, u16) = (80, 24);

fn open(home: &TempDir, env: &[(&str, &str)]) -> Terminal {
    let mut terminal = Terminal::open(home.path(), &[], env, SIZE);
    terminal.wait_for_prompt("lantern [1]>");
    terminal
}

#[test]
fn ctrl_r_searches_past_cells() {
    let home = TempDir::new().unwrap();
    let mut terminal = open(&home, &[]);
    for (i, cell) in ["!echo find me", "!echo other", "!echo last"].into_iter().enumerate() {
        terminal.press(&format!("{cell}\r"));
        terminal.wait_for_prompt(&format!("lantern [{}]>", i + 2));
    }
    terminal.press("\x12");
    terminal.wait_for("(reverse-i-search)`'");
    terminal.press("nd m");
    terminal.wait_for("(reverse-i-search)`nd m': !echo find me");
    terminal.press("\r");
    let screen = terminal.wait_for_prompt("lantern [5]>");
    assert!(screen.contains("> !echo find me\nfind me\nlantern [5]>"), "{screen}");
}

#[test]
fn a_pasted_cell_runs_when_enter_is_pressed_and_not_at_its_first_line() {
    let home = TempDir::new().unwrap();
    let mut terminal = open(&home, &[]);
    // Terminals paste line ends as Enter sends them.
    terminal.press("\x1b[200~!echo one\r\r!echo two\r\x1b[201~");
    let screen = terminal.wait_for("!echo two");
    assert!(!screen.lines().any(|line| line == "one"), "{screen}");
    terminal.press("\r");
    let screen = terminal.wait_for_prompt("lantern [2]>");
    assert!(screen.contains("\none\ntwo\nlantern [2]>"), "one cell: {screen}");
    // It comes back as one cell, too.
    terminal.press("\x1b[A");
    let screen = terminal.wait_for("lantern [2]> !echo one\n\n!echo two");
    assert!(!screen.contains("lantern [3]"), "{screen}");
}

#[test]
fn the_editor_gets_the_last_cell_or_a_text_and_what_it_saves_runs() {
    let home = TempDir::new().unwrap();
    let mut terminal = open(&home, &[("VISUAL", "sed -i s/one/two/")]);
    terminal.press("!echo one\r");
    terminal.wait_for_prompt("lantern [2]>");
    terminal.press("%edit\r");
    let screen = terminal.wait_for_prompt("lantern [3]>");
    assert!(screen.contains("lantern [2]> %edit\nlantern [2]> !echo two\ntwo\nlantern [3]>"), "{screen}");
    terminal.press("%edit !echo one more\r");
    let screen = terminal.wait_for_prompt("lantern [4]>");
    assert!(screen.contains("\nlantern [3]> !echo two more\ntwo more\n"), "{screen}");
    // What ran is in the history; the command is not.
    terminal.press("\x1b[A");
    terminal.wait_for_prompt("lantern [4]> !echo two more");
}

#[test]
fn ctrl_x_ctrl_e_takes_the_line_to_the_editor() {
    let home = TempDir::new().unwrap();
    let mut terminal = open(&home, &[("EDITOR", "sed -i s/one/two/")]);
    terminal.press("!echo one");
    terminal.wait_for("> !echo one");
    terminal.press("\x18\x05");
    let screen = terminal.wait_for_prompt("lantern [2]>");
    assert!(screen.contains("\nlantern [1]> !echo two\ntwo\n"), "{screen}");
}

#[test]
fn an_editor_that_fails_or_saves_nothing_runs_nothing() {
    let home = TempDir::new().unwrap();
    for (editor, said) in [("false", "exit status: 1"), ("/nowhere/editor", "cannot start the editor `/nowhere/editor`")] {
        let mut terminal = open(&home, &[("EDITOR", editor)]);
        terminal.press("%edit !echo never\r");
        let screen =
            terminal.wait_until("the error and a prompt", |screen| screen.contains(said) && screen.trim_end().ends_with("lantern [1]>"));
        assert!(screen.contains("hint: set VISUAL or EDITOR") && !screen.contains("\nnever"), "{screen}");
    }
    let mut terminal = open(&home, &[("EDITOR", "truncate -s 0")]);
    terminal.press("%edit !echo never\r");
    terminal.wait_until("the next prompt", |screen| screen.matches("lantern [1]>").count() == 2);
    terminal.press("%edit?\r");
    let screen = terminal.wait_for("Ctrl-X Ctrl-E");
    assert!(!screen.contains("\nnever"), "{screen}");
}

#[test]
fn what_was_trained_and_not_saved_is_mentioned_once_before_leaving() {
    let home = TempDir::new().unwrap();
    let text = home.path().join("text.txt");
    std::fs::write(&text, TEXT).unwrap();
    let mut terminal = open(&home, &[]);
    terminal.press(&format!("%load {}\r", fixture("llama-tiny").display()));
    terminal.wait_for_prompt("lantern [2]>");
    terminal.press(&format!("%data {} block=16\r", text.display()));
    terminal.wait_for_prompt("lantern [3]>");
    terminal.press("%lora r=2\r");
    terminal.wait_for_prompt("lantern [4]>");
    terminal.press("%train steps=1 batch=1\r");
    terminal.wait_for_prompt("lantern [5]>");
    terminal.press("\x04");
    let screen = terminal.wait_for("not saved: ");
    assert!(screen.contains("%save NAME"), "{screen}");
    // Another cell, and it is worth a word again; saved, and there is nothing to say.
    terminal.wait_for_prompt("lantern [5]>");
    terminal.press("%clear\r");
    terminal.wait_until("a clear screen", |screen| !screen.contains("not saved"));
    terminal.press("exit\r");
    terminal.wait_for("not saved: ");
    terminal.press(&format!("%save {}\r", home.path().join("kept").display()));
    terminal.wait_for_prompt("lantern [7]>");
    terminal.press("\x04");
    assert_eq!(terminal.end().0.code(), Some(0));
}

#[test]
fn leaving_twice_lets_it_go() {
    let home = TempDir::new().unwrap();
    let text = home.path().join("text.txt");
    std::fs::write(&text, "The quick brown fox jumps over the lazy dog.\n".repeat(40)).unwrap();
    let mut terminal = open(&home, &[]);
    let cell = "steps=1 batch=1 vocab=270 layers=1 hidden=32 heads=2 context=16 block=8";
    terminal.press(&format!("%pretrain {} {cell}\r", text.display()));
    terminal.wait_for_prompt("lantern [2]>");
    terminal.press("exit\r");
    terminal.wait_for("not saved: ");
    terminal.press("exit\r");
    assert_eq!(terminal.end().0.code(), Some(0));
}
