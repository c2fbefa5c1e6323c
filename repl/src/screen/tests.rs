//! What a person sees: the bytes go through a terminal emulator.

use std::cell::RefCell;
use std::num::NonZero;
use std::rc::Rc;

use wire::{Bars, Chart, Group};

use super::*;
use crate::terminal::Depth;

const COLUMNS: usize = 40;
const ROWS: usize = 20;

/// Both streams of one terminal.
#[derive(Clone, Default)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Seen {
    screen: Screen<Bytes, Bytes>,
    bytes: Bytes,
}

impl Seen {
    fn new() -> Self {
        let (bytes, paint) = (Bytes::default(), Paint { depth: Depth::None });
        Self { screen: Screen::new(bytes.clone(), bytes.clone(), (paint, paint), true, || (COLUMNS, ROWS), None), bytes }
    }

    fn show(&mut self, event: Event) -> &mut Self {
        self.screen.show(event).unwrap();
        // Every rest draws: the clock is not what is tested.
        self.screen.next = Instant::now();
        self.screen.rest().unwrap();
        self
    }

    fn print(&mut self, text: &str) -> &mut Self {
        self.show(Event::Print { stream: Stream::Out, text: text.to_owned() })
    }

    fn progress(&mut self, n: u64) -> &mut Self {
        self.show(Event::Progress { id: "p".into(), n, of: 10, label: "working".into() })
    }

    fn chart(&mut self, id: &str, title: &str) -> &mut Self {
        self.show(Event::Chart { id: Some(id.to_owned()), chart: chart(title) })
    }

    fn screen(&self) -> String {
        let (rows, columns) = (NonZero::new(ROWS as u16).unwrap(), NonZero::new(COLUMNS as u16).unwrap());
        let mut parser = vt100::Parser::new(rows, columns, 0);
        // The terminal driver writes \r\n for \n.
        parser.process(&String::from_utf8(self.bytes.0.borrow().clone()).unwrap().replace('\n', "\r\n").into_bytes());
        parser.screen().contents()
    }

    fn times(&self, text: &str) -> usize {
        self.screen().matches(text).count()
    }
}

fn chart(title: &str) -> Chart {
    let groups = vec![Group { name: "p".into(), values: vec![0.5, 0.25] }];
    Chart::Bars(Bars { title: title.to_owned(), labels: vec!["a".into(), "b".into()], groups, ..Bars::default() })
}

#[test]
fn progress_is_one_line_and_leaves_no_trace() {
    let mut seen = Seen::new();
    seen.print("before\n").progress(1).progress(2);
    assert_eq!((seen.times("working"), seen.times("2/10")), (1, 1), "{}", seen.screen());
    seen.print("between\n").progress(3);
    assert!(seen.screen().starts_with("before\nbetween\nworking"), "{}", seen.screen());
    seen.progress(10).print("after\n");
    assert_eq!(seen.screen().trim_end(), "before\nbetween\nafter");
}

#[test]
fn progress_does_not_break_an_open_line() {
    let mut seen = Seen::new();
    seen.print("Once upon").progress(1).print(" a time");
    assert_eq!(seen.screen().trim_end(), "Once upon a time");
    seen.print("\n").progress(2);
    assert!(seen.screen().starts_with("Once upon a time\nworking"), "{}", seen.screen());
    seen.screen.finish().unwrap();
    assert_eq!(seen.screen().trim_end(), "Once upon a time");
}

#[test]
fn a_chart_is_redrawn_in_its_place() {
    let mut seen = Seen::new();
    seen.print("open line").chart("c", "first").progress(1).chart("c", "second").progress(2);
    assert_eq!((seen.times("first"), seen.times("second"), seen.times("working")), (0, 1, 1), "{}", seen.screen());
    assert!(seen.screen().starts_with("open line\n"), "{}", seen.screen());
    seen.screen.finish().unwrap();
    assert_eq!((seen.times("second"), seen.times("working")), (1, 0), "{}", seen.screen());
}

#[test]
fn text_pushes_a_chart_up_and_its_end_is_drawn_below() {
    let mut seen = Seen::new();
    seen.chart("c", "first").print("sample\n").chart("c", "second").print("more\n");
    assert_eq!((seen.times("first"), seen.times("second")), (1, 0), "{}", seen.screen());
    seen.screen.finish().unwrap();
    assert_eq!((seen.times("first"), seen.times("second")), (1, 1), "{}", seen.screen());
    assert!(seen.screen().find("more") < seen.screen().find("second"), "{}", seen.screen());
}

#[test]
fn an_unchanged_chart_is_not_drawn_twice() {
    let mut seen = Seen::new();
    seen.chart("c", "only").print("text\n").chart("c", "only");
    seen.screen.finish().unwrap();
    assert_eq!(seen.times("only"), 1, "{}", seen.screen());
}

#[test]
fn two_charts_without_an_id_both_stay() {
    let mut seen = Seen::new();
    seen.show(Event::Chart { id: None, chart: chart("one") }).show(Event::Chart { id: None, chart: chart("two") });
    seen.screen.finish().unwrap();
    assert_eq!((seen.times("one"), seen.times("two")), (1, 1), "{}", seen.screen());
}

#[test]
fn a_chart_taller_than_the_screen_is_drawn_once_at_the_end() {
    let mut seen = Seen::new();
    let labels: Vec<String> = (0..2 * ROWS).map(|i| format!("row {i}")).collect();
    let tall = |value: f64| {
        let groups = vec![Group { name: "p".into(), values: vec![value; labels.len()] }];
        Event::Chart { id: Some("t".into()), chart: Chart::Bars(Bars { labels: labels.clone(), groups, ..Bars::default() }) }
    };
    seen.show(tall(0.25));
    let lines = Paint { depth: Depth::None }.chart(&chart("x"), 30).len();
    assert!(lines < ROWS);
    seen.show(tall(0.5));
    if seen.screen.board.parts(None, (COLUMNS, ROWS)).len() >= ROWS {
        assert_eq!(seen.screen().trim(), "");
    }
    seen.screen.finish().unwrap();
    assert_ne!(seen.screen().trim(), "");
}

#[test]
fn clear_takes_the_cells_output_away_and_nothing_else() {
    let mut seen = Seen::new();
    seen.print("kept\n");
    seen.screen.finish().unwrap();
    seen.screen.begin();
    seen.print("one\ntwo").show(Event::Clear { wait: true });
    assert_eq!(seen.screen().trim_end(), "kept\none\ntwo");
    seen.print("three\n").show(Event::Clear { wait: false }).print("four\n");
    assert_eq!(seen.screen().trim_end(), "kept\nfour");
}

#[test]
fn clear_as_the_first_thing_clears_the_screen() {
    let mut seen = Seen::new();
    seen.print("old\n");
    seen.screen.finish().unwrap();
    seen.screen.note("a note between cells").unwrap();
    seen.screen.begin();
    seen.show(Event::Clear { wait: false }).print("new\n");
    assert_eq!(seen.screen().trim_end(), "new");
}

#[test]
fn an_error_starts_on_a_line_of_its_own() {
    let mut seen = Seen::new();
    seen.print("open");
    seen.screen.finish().unwrap();
    seen.screen.error(&Report { message: "no".into(), ..Report::default() }, None, "").unwrap();
    assert_eq!(seen.screen().trim_end(), "open\nerror: no");
}
