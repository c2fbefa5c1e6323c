//! The REPL: prompt, cell, output, prompt.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use lantern::words::ui;
use rustyline::error::ReadlineError;
use wire::{HistoryQuery, Report};

use crate::draft;
use crate::echo::Hush;
use crate::host::Host;
use crate::play::{Presses, play};
use crate::prompt::{PAST, Prompt};
use crate::script;
use crate::view::View;

/// Reads and runs cells until Ctrl-D or `exit`. An `Err` is a closed terminal or output.
pub fn repl(host: &Arc<dyn Host>, welcome: &str, view: &mut dyn View) -> io::Result<()> {
    let mut prompt = Prompt::new(host).map_err(io::Error::other)?;
    let past = host.history(&HistoryQuery::Tail { n: PAST });
    let last = past.last().map(|entry| entry.input.clone()).unwrap_or_default();
    for entry in past {
        prompt.remember(&entry.input).map_err(io::Error::other)?;
    }
    // A session that was joined has come further already.
    let so_far = host.history(&HistoryQuery::Range { session: 0, start: 1, stop: 1 << 30 });
    let number = so_far.last().map_or(1, |entry| entry.line + 1);
    let presses = Presses::watch(host);
    view.note(welcome)?;
    Reader { host, prompt, presses, view, number, last, typed: VecDeque::new(), warned: false }.serve()
}

struct Reader<'a> {
    host: &'a Arc<dyn Host>,
    prompt: Prompt,
    presses: Presses,
    view: &'a mut dyn View,
    number: usize,
    /// The cell that `%edit` opens.
    last: String,
    /// Lines typed before there was a prompt; the last one is not finished.
    typed: VecDeque<String>,
    /// The person knows what leaving would lose.
    warned: bool,
}

/// What the person did at the prompt.
enum Read {
    Cell(String),
    /// Opens this text in the editor.
    Draft(String),
    Nothing,
    Leave,
}

impl Reader<'_> {
    fn serve(&mut self) -> io::Result<()> {
        loop {
            let text = match self.read()? {
                Read::Cell(text) if matches!(text.trim(), "exit" | "quit" | ":q") => {
                    if self.may_leave()? {
                        return Ok(());
                    }
                    continue;
                }
                Read::Leave if self.may_leave()? => return Ok(()),
                Read::Leave | Read::Nothing => continue,
                Read::Cell(text) => match draft::asked(&text) {
                    Some("") => self.edited(&self.last.clone())?,
                    Some(given) => self.edited(given)?,
                    None => Some(text),
                },
                Read::Draft(text) => self.edited(&text)?,
            };
            let Some(text) = text.filter(|text| !text.trim().is_empty()) else { continue };
            self.warned = false;
            self.last = text.trim_end().to_owned();
            self.prompt.remember(&self.last).map_err(io::Error::other)?;
            self.run(&text)?;
            // The cell has said so.
            if self.host.gone() {
                return Ok(());
            }
        }
    }

    fn read(&mut self) -> io::Result<Read> {
        let typed = self.view.typed();
        self.type_ahead(&typed);
        let initial = self.typed.pop_front().unwrap_or_default();
        let head = format!("lantern [{}]> ", self.number);
        if !self.typed.is_empty() {
            // It was finished with Enter before the prompt came.
            self.view.note(&format!("{head}{initial}"))?;
            return Ok(Read::Cell(initial));
        }
        match self.prompt.read(&head, &initial) {
            Ok(text) => Ok(Read::Cell(text)),
            Err(ReadlineError::Interrupted) => Ok(self.prompt.take_draft().map_or(Read::Nothing, Read::Draft)),
            Err(ReadlineError::Eof) => Ok(Read::Leave),
            Err(ReadlineError::Io(source)) => Err(source),
            Err(other) => Err(io::Error::other(other)),
        }
    }

    fn type_ahead(&mut self, typed: &str) {
        for (i, line) in typed.split('\n').enumerate() {
            match self.typed.back_mut() {
                Some(open) if i == 0 => open.push_str(line),
                _ => self.typed.push_back(line.to_owned()),
            }
        }
    }

    /// Runs the editor; what it gives is shown as if it had been typed.
    fn edited(&mut self, text: &str) -> io::Result<Option<String>> {
        match draft::edit(text) {
            Ok(text) => {
                if !text.is_empty() {
                    self.view.note(&self.prompt.shown(&format!("lantern [{}]> ", self.number), &text))?;
                }
                Ok(Some(text))
            }
            Err(report) => {
                self.view.error(&report, None, "")?;
                Ok(None)
            }
        }
    }

    /// A pasted script is several cells; it stops at the first error, as a file does.
    fn run(&mut self, text: &str) -> io::Result<()> {
        if draft::is_help(text) {
            return self.view.note(ui::EDIT_HELP.text());
        }
        for cell in script::split(text) {
            self.presses.forget();
            let _hush = Hush::new();
            let outcome = play(&**self.host, &cell.code, true, &self.presses, self.view)?;
            self.number = self.number.max(outcome.count + 1);
            if let Some(report) = outcome.error {
                self.view.error(&report, None, &cell.code)?;
                break;
            }
            if self.presses.count() > 0 {
                break;
            }
        }
        self.view.rest()
    }

    /// What was trained and not saved is mentioned once.
    fn may_leave(&mut self) -> io::Result<bool> {
        let unsaved = if self.warned { Vec::new() } else { self.host.unsaved() };
        if unsaved.is_empty() {
            return Ok(true);
        }
        self.warned = true;
        self.view.note(&ui::UNSAVED_EXIT.with(&[("what", &unsaved.join(", "))]))?;
        self.view.rest()?;
        Ok(false)
    }
}

/// A terminal that cannot be used, as a report.
pub fn unusable(source: &io::Error) -> Report {
    Report { name: "Terminal".to_owned(), message: ui::NO_TERMINAL.to_string(), cause: Some(source.to_string()), ..Report::default() }
}
