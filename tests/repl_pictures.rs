//! Charts as pictures: a scripted terminal answers the program's questions, and what the program sends is decoded again.

use std::collections::HashMap;

use base64::Engine;
use resvg::tiny_skia::Pixmap;
use tempfile::TempDir;

use crate::harness::terminal::Terminal;
use crate::harness::world::fixture;

const SIZE: (u16, u16) = (100, 40);
const CELL: (u16, u16) = (10, 20);
const KITTY: &str = "\x1b_Gi=31";
const ATTRIBUTES: &str = "\x1b[c";
/// A series of a chart in the pictures' own palette.
const BLUE: [u8; 3] = [37, 99, 235];

struct Stage {
    terminal: Terminal,
    home: TempDir,
}

impl Stage {
    /// A terminal whose pixels the driver knows, a model on it.
    fn open(env: &[(&str, &str)], answers: &[(&str, &str)]) -> Self {
        let home = TempDir::new().unwrap();
        let mut terminal = Terminal::open(home.path(), &[], env, SIZE);
        terminal.resize(SIZE, CELL);
        answers.iter().for_each(|(question, answer)| terminal.answers(question, answer));
        terminal.wait_for_prompt("lantern [1]>");
        terminal.press(&format!("%load {}\r", fixture("llama-tiny").display()));
        terminal.wait_for_prompt("lantern [2]>");
        assert!(!contains(&terminal.raw, ATTRIBUTES), "nothing is asked before the first chart");
        Self { terminal, home }
    }

    /// Runs a cell to the next prompt; gives what was sent meanwhile and the screen.
    fn run(&mut self, cell: &str, prompt: &str) -> (Vec<u8>, String) {
        let from = self.terminal.raw.len();
        self.terminal.press(&format!("{cell}\r"));
        let screen = self.terminal.wait_for_prompt(prompt);
        (self.terminal.raw[from..].to_vec(), screen)
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// What stands between each `start` and the `end` after it.
fn between<'a>(bytes: &'a [u8], start: &str, end: &str) -> Vec<&'a [u8]> {
    let find = |bytes: &[u8], text: &str| bytes.windows(text.len()).position(|window| window == text.as_bytes());
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let Some(at) = find(rest, start) {
        rest = &rest[at + start.len()..];
        let Some(stop) = find(rest, end) else { break };
        found.push(&rest[..stop]);
        rest = &rest[stop..];
    }
    found
}

fn decoded(base64: &[u8]) -> Pixmap {
    Pixmap::decode_png(&base64::engine::general_purpose::STANDARD.decode(base64).unwrap()).unwrap()
}

/// kitty's pictures in order, as far as they are complete: their keys, and their pixels.
fn kitty(bytes: &[u8]) -> Vec<(HashMap<String, String>, Pixmap)> {
    let mut sent: Vec<(HashMap<String, String>, Vec<u8>, bool)> = Vec::new();
    for command in between(bytes, "\x1b_G", "\x1b\\") {
        let text = std::str::from_utf8(command).unwrap();
        let (keys, data) = text.split_once(';').unwrap_or((text, ""));
        let keys: HashMap<_, _> = keys.split(',').filter_map(|k| k.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        assert!(data.len() <= 4096);
        match keys.get("a").map(String::as_str) {
            Some("T") => sent.push((keys, data.into(), false)),
            None => sent.last_mut().unwrap().1.extend(data.bytes()),
            Some(_) => continue,
        }
        sent.last_mut().unwrap().2 = text.contains("m=0;");
    }
    sent.into_iter().filter(|(_, _, whole)| *whole).map(|(keys, data, _)| (keys, decoded(&data))).collect()
}

/// Pixels of a sixel picture; `None` where nothing was painted.
fn sixel(text: &str) -> (usize, usize, Vec<Option<[u8; 3]>>) {
    let rest = text.strip_prefix("0;1;0q\"1;1;").unwrap();
    let head = rest.find('#').unwrap();
    let (width, height) = rest[..head].split_once(';').unwrap();
    let (width, height): (usize, usize) = (width.parse().unwrap(), height.parse().unwrap());
    let (mut pixels, mut palette) = (vec![None; width * height], HashMap::new());
    let (mut x, mut y, mut colour, mut count) = (0, 0, 0, 1);
    let mut chars = rest[head..].chars().peekable();
    let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        let mut n = 0;
        while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
            n = n * 10 + digit as usize;
            chars.next();
        }
        n
    };
    while let Some(c) = chars.next() {
        match c {
            '#' => {
                colour = number(&mut chars);
                if chars.peek() == Some(&';') {
                    let mut part = || (chars.next(), number(&mut chars)).1;
                    assert_eq!(part(), 2, "RGB");
                    palette.insert(colour, [part(), part(), part()].map(|p| (p * 255 / 100) as u8));
                }
            }
            '!' => count = number(&mut chars),
            '$' => x = 0,
            '-' => (x, y) = (0, y + 6),
            '?'..='~' => {
                let bits = c as usize - 63;
                for _ in 0..std::mem::replace(&mut count, 1) {
                    (0..6).filter(|bit| bits >> bit & 1 == 1).for_each(|bit| pixels[(y + bit) * width + x] = Some(palette[&colour]));
                    x += 1;
                }
            }
            other => panic!("{other:?} in a sixel picture"),
        }
    }
    (width, height, pixels)
}

fn near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 6)
}

/// A white card with blue bars on it, as `%next` draws them.
fn assert_bars(pixels: impl Iterator<Item = Option<[u8; 3]>> + Clone) {
    let count = |colour| pixels.clone().filter(|p| p.is_some_and(|p| near(p, colour))).count();
    let all = pixels.clone().count();
    assert!(count([255; 3]) * 2 > all, "{} of {all} are white", count([255; 3]));
    assert!(count(BLUE) * 200 > all, "{} of {all} are blue", count(BLUE));
    let dark = pixels.clone().filter(|p| p.is_some_and(|p| p.iter().all(|c| *c < 110))).count();
    assert!(dark > 100, "{dark} pixels of letters");
}

fn colours(pixmap: &Pixmap) -> Vec<Option<[u8; 3]>> {
    pixmap.pixels().iter().map(|p| (p.alpha() > 127).then(|| [p.red(), p.green(), p.blue()])).collect()
}

#[test]
fn kitty_gets_a_picture_over_its_own_rows() {
    let mut stage = Stage::open(&[], &[(KITTY, "\x1b_Gi=31;OK\x1b\\"), (ATTRIBUTES, "\x1b[?62;22c")]);
    let (sent, screen) = stage.run("%next hello", "lantern [3]>");
    let pictures = kitty(&sent);
    let (keys, pixmap) = &pictures[0];
    let cells: (u32, u32) = (keys["c"].parse().unwrap(), keys["r"].parse().unwrap());
    assert_eq!((pixmap.width(), pixmap.height()), (cells.0 * 10, cells.1 * 20));
    assert!(cells.0 <= 99 && cells.1 <= 37, "{cells:?}");
    assert_eq!((keys["q"].as_str(), keys["C"].as_str(), pictures.len()), ("2", "1", 1));
    assert_bars(colours(pixmap).into_iter());
    // Nothing but the picture's rows lies between the cell and the next prompt.
    let lines: Vec<&str> = screen.lines().collect();
    let cell = lines.iter().position(|line| line.ends_with("> %next hello")).unwrap();
    let next = lines.iter().position(|line| line.starts_with("lantern [3]>")).unwrap();
    assert_eq!(next - cell - 1, cells.1 as usize, "{screen}");
    assert!(lines[cell + 1..next].iter().all(|line| line.is_empty()), "{screen}");
    let (again, _) = stage.run("%next hello", "lantern [4]>");
    assert!(!contains(&again, ATTRIBUTES), "one question is enough");
    assert_ne!(kitty(&again)[0].0["i"], keys["i"], "the picture above stays");
}

#[test]
fn sixel_gets_the_same_picture() {
    let mut stage = Stage::open(&[], &[(ATTRIBUTES, "\x1b[?62;4;22c")]);
    let (sent, screen) = stage.run("%next hello", "lantern [3]>");
    let pictures = between(&sent, "\x1bP", "\x1b\\");
    let (width, height, pixels) = sixel(std::str::from_utf8(pictures[0]).unwrap());
    assert_bars(pixels.iter().copied());
    assert_eq!((width % 10, height % 20, pictures.len()), (0, 0, 1));
    let next = screen.lines().position(|line| line.starts_with("lantern [3]>")).unwrap();
    let cell = screen.lines().position(|line| line.ends_with("> %next hello")).unwrap();
    assert_eq!((next - cell - 1) * 20, height, "{screen}");
}

#[test]
fn iterm_is_known_by_its_name() {
    for name in [("TERM_PROGRAM", "iTerm.app"), ("LC_TERMINAL", "iTerm2")] {
        let mut stage = Stage::open(&[name], &[]);
        let (sent, _) = stage.run("%next hello", "lantern [3]>");
        assert!(!contains(&sent, ATTRIBUTES));
        let files = between(&sent, "\x1b]1337;File=", "\x07");
        let (keys, data) = std::str::from_utf8(files[0]).unwrap().split_once(':').unwrap();
        let pixmap = decoded(data.as_bytes());
        assert_bars(colours(&pixmap).into_iter());
        let size = format!("width={};height={};", pixmap.width() / 10, pixmap.height() / 20);
        assert!(keys.contains("inline=1;") && keys.contains(&size), "{keys}");
    }
}

#[test]
fn a_terminal_that_says_nothing_gets_text_and_no_garbage() {
    let mut stage = Stage::open(&[], &[]);
    let (sent, screen) = stage.run("%next hello", "lantern [3]>");
    assert!(contains(&sent, ATTRIBUTES) && screen.contains('█') && !screen.contains("Gi="), "{screen}");
    // Asked once, not before each chart.
    let (sent, screen) = stage.run("%next hello", "lantern [4]>");
    assert!(!contains(&sent, ATTRIBUTES) && !contains(&sent, "\x1b_G") && screen.contains('█'), "{screen}");
}

#[test]
fn a_terminal_that_draws_nothing_gets_text() {
    let mut stage = Stage::open(&[], &[(ATTRIBUTES, "\x1b[?62;22c")]);
    let (sent, screen) = stage.run("%next hello", "lantern [3]>");
    assert!(kitty(&sent).is_empty() && !contains(&sent, "\x1bP") && screen.contains('█'), "{screen}");
}

#[test]
fn multiplexers_are_not_asked_unless_a_person_says_so() {
    for inside in [("TMUX", "/tmp/tmux"), ("STY", "1.pts"), ("ZELLIJ", "0"), ("TERM", "screen-256color")] {
        let mut stage = Stage::open(&[inside], &[]);
        let (sent, screen) = stage.run("%next hello", "lantern [3]>");
        assert!(!contains(&sent, ATTRIBUTES) && !contains(&sent, "\x1b_G") && screen.contains('█'), "{inside:?} {screen}");
    }
    let mut stage = Stage::open(&[("TMUX", "/tmp/tmux"), ("LANTERN_GRAPHICS", "kitty")], &[]);
    assert_eq!(kitty(&stage.run("%next hello", "lantern [3]>").0).len(), 1);
    let mut stage = Stage::open(&[("LANTERN_GRAPHICS", "text")], &[]);
    assert!(!contains(&stage.run("%next hello", "lantern [3]>").0, ATTRIBUTES));
}

#[test]
fn keys_pressed_while_the_terminal_is_asked_reach_the_prompt() {
    let mut stage = Stage::open(&[], &[(ATTRIBUTES, "!echo in between\r!echo\x1b[?62;22c left")]);
    stage.terminal.press("%next hello\r");
    let screen = stage.terminal.wait_until("the open line", |screen| screen.trim_end().ends_with("lantern [4]> !echo left"));
    assert!(screen.contains("lantern [3]> !echo in between\nin between\n"), "{screen}");
}

#[test]
fn an_answer_that_comes_too_late_is_no_input() {
    let mut stage = Stage::open(&[], &[]);
    stage.terminal.press("%next hello\x1b\r!until [ -e $HOME/go ]; do sleep 0.02; done\r");
    stage.terminal.wait_until("the chart in text", |screen| screen.contains('█'));
    stage.terminal.press("\x1b_Gi=31;OK\x1b\\\x1b[?62;4;22c!echo kept");
    std::fs::write(stage.home.path().join("go"), "").unwrap();
    stage.terminal.wait_for_prompt("lantern [3]> !echo kept");
}

#[test]
fn a_live_curve_stays_one_picture_and_follows_the_window() {
    let mut stage = Stage::open(&[], &[(KITTY, "\x1b_Gi=31;OK\x1b\\"), (ATTRIBUTES, "\x1b[?62;22c")]);
    std::fs::write(stage.home.path().join("text.txt"), "The quick brown fox jumps over the lazy dog.\n".repeat(40)).unwrap();
    let path = stage.home.path().join("text.txt");
    let cell = "steps=100000 batch=1 vocab=270 layers=1 hidden=32 heads=2 context=16 block=8";
    let from = stage.terminal.raw.len();
    stage.terminal.press(&format!("%pretrain {} {cell}\r", path.display()));
    let pictures = |terminal: &Terminal| kitty(&terminal.raw[from..]);
    while pictures(&stage.terminal).len() < 3 {
        let seen = stage.terminal.raw.len();
        stage.terminal.wait_for_more(seen);
    }
    let wide: u32 = pictures(&stage.terminal)[0].0["c"].parse().unwrap();
    stage.terminal.resize((50, 30), CELL);
    let narrow = |keys: &HashMap<String, String>| keys["c"].parse::<u32>().unwrap() < 50;
    while !pictures(&stage.terminal).last().is_some_and(|(keys, _)| narrow(keys)) {
        let seen = stage.terminal.raw.len();
        stage.terminal.wait_for_more(seen);
    }
    stage.terminal.press("\x03");
    stage.terminal.wait_for_prompt("lantern [3]>");
    let all = pictures(&stage.terminal);
    assert!(wide > 49 && all.iter().all(|(keys, _)| keys["i"] == all[0].0["i"]), "one name for all states");
}

#[test]
fn a_chart_in_text_is_drawn_anew_when_the_window_changes() {
    // This terminal cuts its lines, as xterm does.
    let mut stage = Stage::open(&[("LANTERN_GRAPHICS", "text"), ("XTERM_VERSION", "XTerm(379)")], &[]);
    let terminal = &mut stage.terminal;
    terminal.press("!echo above\r");
    terminal.wait_for_prompt("lantern [3]>");
    // The cell goes on below its chart, silently: nothing is under way when the window changes.
    terminal.press("%next hello\x1b\r!until [ -e $HOME/go ]; do sleep 0.02; done\r");
    // Of a chart that is there to its last line.
    let widest = |screen: &str| {
        let bars = screen.lines().filter(|line| line.contains('█')).map(|line| line.chars().count());
        bars.max().filter(|_| screen.contains("\n    probability"))
    };
    terminal.wait_until("the chart", |screen| widest(screen) == Some(usize::from(SIZE.0) - 1));
    for columns in [60, 72] {
        terminal.resize((columns, SIZE.1), CELL);
        let screen = terminal.wait_until("a chart that fits", |screen| widest(screen) == Some(usize::from(columns) - 1));
        assert!(screen.contains("\nabove\n") && screen.matches("next after").count() == 1, "{screen}");
    }
    std::fs::write(stage.home.path().join("go"), "").unwrap();
    let screen = stage.terminal.wait_for_prompt("lantern [4]>");
    assert_eq!(screen.matches("next after").count(), 1, "{screen}");
}
