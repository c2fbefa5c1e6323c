//! The REPL: prompt, cell, output, prompt.

use std::io;

use lantern::cell::Desk;
use lantern::words::ui;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, EditMode, Editor, Event, EventContext, EventHandler, KeyCode,
    KeyEvent, Modifiers, RepeatCount,
};
use wire::{HistoryQuery, Report};

use crate::assistant::Assistant;
use crate::echo::Hush;
use crate::paint::Paint;
use crate::play::{Presses, play};
use crate::script;
use crate::terminal::{Depth, Terminal};
use crate::view::View;

/// Past cells that the arrow keys and Ctrl-R reach.
const PAST: usize = 2000;

type Prompt = Editor<Assistant, MemHistory>;

/// Reads and runs cells until Ctrl-D or `exit`. An `Err` is a closed terminal or output.
pub fn repl(desk: &Desk, view: &mut dyn View) -> io::Result<()> {
    let terminal = Terminal::stdout();
    let mut prompt = prompt(desk, terminal).map_err(io::Error::other)?;
    for past in desk.history(&HistoryQuery::Tail { n: PAST }) {
        prompt.add_history_entry(past.input).map_err(io::Error::other)?;
    }
    let presses = Presses::watch(desk);
    view.note(&ui::WELCOME.with(&[("version", &env!("CARGO_PKG_VERSION"))]))?;
    let mut number = 1;
    loop {
        let text = match prompt.readline(&format!("lantern [{number}]> ")) {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(ReadlineError::Io(source)) => return Err(source),
            Err(other) => return Err(io::Error::other(other)),
        };
        if matches!(text.trim(), "exit" | "quit" | ":q") {
            return Ok(());
        }
        if !text.trim().is_empty() {
            prompt.add_history_entry(text.trim_end()).map_err(io::Error::other)?;
        }
        // A pasted script is several cells; it stops at the first error, as a file does.
        for cell in script::split(&text) {
            presses.forget();
            let _hush = Hush::new();
            let outcome = play(desk, &cell.code, true, &presses, view)?;
            number = number.max(outcome.count + 1);
            if let Some(report) = outcome.error {
                view.error(&report, None, &cell.code)?;
                break;
            }
            if presses.count() > 0 {
                break;
            }
        }
        view.rest()?;
    }
}

fn prompt(desk: &Desk, terminal: Terminal) -> rustyline::Result<Prompt> {
    let vi = std::env::var("LANTERN_EDITING").is_ok_and(|mode| mode.eq_ignore_ascii_case("vi"));
    let config = Config::builder()
        .max_history_size(PAST)?
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .edit_mode(if vi { EditMode::Vi } else { EditMode::Emacs })
        .color_mode(if terminal.depth == Depth::None { ColorMode::Disabled } else { ColorMode::Forced })
        .build();
    let past = MemHistory::with_config(&config);
    let mut prompt = Editor::with_history(config, past)?;
    prompt.set_helper(Some(Assistant::new(desk.clone(), Paint { depth: terminal.depth })));
    // Alt-Enter opens a line whatever the cell says; Enter indents it as the desk asks.
    prompt.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), EventHandler::Simple(Cmd::Newline));
    prompt.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::NONE), EventHandler::Conditional(Box::new(Indent(desk.clone()))));
    Ok(prompt)
}

struct Indent(Desk);

impl ConditionalEventHandler for Indent {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let text = context.line();
        if context.pos() < text.len() || text.rsplit_once('\n').is_some_and(|(_, last)| last.trim().is_empty()) {
            return None;
        }
        match self.0.is_complete(text) {
            wire::Completeness::Incomplete { indent } if !indent.is_empty() => Some(Cmd::Insert(1, format!("\n{indent}"))),
            _ => None,
        }
    }
}

/// A terminal that cannot be used, as a report.
pub fn unusable(source: &io::Error) -> Report {
    Report { name: "Terminal".to_owned(), message: ui::NO_TERMINAL.to_string(), cause: Some(source.to_string()), ..Report::default() }
}
