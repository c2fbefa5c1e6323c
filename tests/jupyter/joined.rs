//! A terminal that joins a running kernel, as `lantern attach` does: the same answers as at the desk.

use std::time::Instant;

use kernel::client::Client;
use wire::{Completeness, Event, Execute, Form, HistoryQuery, Stream};

use crate::harness::kernel::{Kernel, LIMIT, printed, rest, run, until};

const LONG: &str = "!echo started; sleep 30; echo never";

#[test]
fn a_cell_comes_as_events_and_its_error_as_a_report() {
    let kernel = Kernel::start(&[]);
    let client = kernel.client();
    assert_eq!(client.implementation(), "lantern");
    let (events, outcome) = run(&client, "!echo one; sleep 0.1; echo two >&2");
    assert_eq!(printed(&events), "one\n");
    assert!(events.contains(&Event::Print { stream: Stream::Err, text: "two\n".into() }));
    assert_eq!((outcome.count, outcome.error), (1, None));
    let (events, _) = run(&client, "%lsmagic");
    let shown = events.iter().find_map(|event| if let Event::Show { forms, .. } = event { Some(forms) } else { None });
    let forms = shown.expect("a table");
    assert!(Form::text(forms).contains("%train") && forms.iter().any(|form| form.mime == "text/html"));
    let (events, _) = run(&client, "%seed 7 --json");
    let forms = vec![Form::new(Form::JSON, r#"{"seed":7}"#), Form::new(Form::TEXT, r#"{"seed":7}"#)];
    assert_eq!(events, [Event::Value { forms }]);
    let (events, outcome) = run(&client, "%seed 1\n%sed 2");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Show { .. })).count(), 0);
    let report = outcome.error.expect("an error");
    assert_eq!((report.name.as_str(), report.span), ("UnknownMagic", Some((8, 14))));
    assert!(report.hint.expect("a hint").contains("%seed"));
    let (events, _) = run(&client, "%seed?");
    assert!(matches!(&events[..], [Event::Page { text }] if text.contains("%seed 7")));
    let (events, _) = run(&client, "%clear wait=true");
    assert_eq!(events, [Event::Clear { wait: true }]);
}

#[test]
fn questions_are_answered_while_a_cell_runs_and_an_interrupt_ends_it() {
    let kernel = Kernel::start(&[]);
    let client = kernel.client();
    run(&client, "!echo 你好");
    let cell = client.execute(Execute::new(LONG));
    until(&cell, |event| matches!(event, Event::Print { .. }));
    assert!(client.busy());
    let found = client.complete("// 模型\n%lsm", 14);
    assert_eq!((found.start, found.end, found.candidates[0].text.as_str(), found.candidates[0].kind), (10, 14, "%lsmagic", "magic"));
    assert!(client.inspect("%seed", 3).expect("help").contains("%seed 7"));
    assert_eq!(client.inspect("x", 0), None);
    assert_eq!(client.is_complete("fn f() {"), Completeness::Incomplete { indent: "    ".into() });
    let past = client.history(&HistoryQuery::Tail { n: 1 });
    assert_eq!((past[0].input.as_str(), past[0].output.as_str()), ("!echo 你好", "你好\n"));
    let asked = Instant::now();
    client.interrupt();
    let (events, outcome) = rest(&cell);
    assert!(asked.elapsed() < LIMIT / 4);
    assert_eq!(outcome.error.expect("an error").name, "Interrupted");
    assert!(!printed(&events).contains("never"));
    assert_eq!(printed(&run(&client, "!echo alive").0), "alive\n");
}

#[test]
fn input_is_asked_here_and_may_be_refused() {
    let kernel = Kernel::start(&[]);
    let client = kernel.client();
    let ask = || client.execute(Execute::new("%input \"Name: \" password=true\n%input"));
    let cell = ask();
    let asked = until(&cell, |event| matches!(event, Event::Input { .. }));
    assert_eq!(asked, [Event::Input { prompt: "Name: ".into(), password: true }]);
    client.answer(Some("secret".into()));
    until(&cell, |event| matches!(event, Event::Input { .. }));
    client.answer(Some("模型".into()));
    assert_eq!(printed(&rest(&cell).0), "模型\n");
    let cell = ask();
    until(&cell, |event| matches!(event, Event::Input { .. }));
    client.answer(None);
    assert_eq!(rest(&cell).1.error.expect("an error").name, "Interrupted");
    let refused = client.execute(Execute { allow_input: false, ..Execute::new("%input") });
    assert_eq!(rest(&refused).1.error.expect("an error").name, "NoInput");
}

#[test]
fn two_clients_share_one_session() {
    let kernel = Kernel::start(&[]);
    let (one, two) = (kernel.client(), kernel.client());
    run(&one, "%seed 4711");
    let (events, _) = run(&two, "%seed --json");
    assert!(matches!(&events[..], [Event::Value { forms }] if Form::text(forms) == r#"{"seed":4711}"#));
    one.close();
    assert_eq!(run(&two, "!true").1.count, 3);
}

#[test]
fn a_kernel_that_goes_away_ends_the_cell_without_a_word() {
    let mut kernel = Kernel::start(&[]);
    let client = kernel.client();
    let cell = client.execute(Execute::new(LONG));
    until(&cell, |event| matches!(event, Event::Print { .. }));
    kernel.process.kill().unwrap();
    assert!(cell.recv_timeout(LIMIT).is_err());
    assert!(client.execute(Execute::new("!true")).recv_timeout(LIMIT).is_err());
    assert_eq!(client.complete("%lsm", 4).candidates, []);
    assert!(client.gone());
    let report = Client::connect(&kernel.file).err().expect("nobody there");
    assert_eq!(report.name, "NoKernelThere");
}
