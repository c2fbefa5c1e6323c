//! Rust segments: `let x = %magic …` made Rust, and what the cell asks of the session answered.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use wire::lab::{Answer, Ask, Step};
use wire::{Form, Report};

use super::hooks::{Hooks, Watching};
use crate::magic::{self, Out};
use crate::rust::{self, Caller, Rust, calls};
use crate::session::{Choosing, Session};
use crate::words::ui;
use crate::{Error, Result};

/// Runs the Rust part of a cell.
///
/// # Errors
/// Those of [`Rust::run`].
pub fn run(text: &str, rust: &Mutex<Rust>, session: &mut Session, out: &mut Out) -> Result<()> {
    let stop = session.stop().clone();
    let code = magics_as_calls(text);
    let mut rust = engine(rust, session, out)?;
    let mut counter = Counter { session, out, training: false, choosing: None, hooks: Hooks::default() };
    let result = rust.run(&code, &stop, &mut counter);
    // A cell that died in the middle of a run.
    let kept = counter.finish();
    session.doing(None);
    result.and(kept)
}

/// The engine, once a cell that another front end runs beside is over: what that one asks is answered meanwhile.
fn engine<'a>(rust: &'a Mutex<Rust>, session: &mut Session, out: &Out) -> Result<MutexGuard<'a, Rust>> {
    loop {
        match rust.try_lock() {
            Ok(rust) => return Ok(rust),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if out.stopped() => return Err(Error::Interrupted { what: ui::RUST_STARTING.to_string() }),
            Err(TryLockError::WouldBlock) => {
                out.between(session);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Serves one cell.
struct Counter<'a, 'o> {
    session: &'a mut Session,
    out: &'a mut Out<'o>,
    /// The cell has begun a run and not put it down.
    training: bool,
    choosing: Option<Choosing>,
    hooks: Hooks,
}

impl rust::Serve for Counter<'_, '_> {
    fn answer(&mut self, ask: Ask, caller: &mut Caller<'_>) -> Answer {
        match ask {
            Ask::Hook { name } => return calls::answered(self.hooks.add(&name, self.session)),
            Ask::Unhook { hook } => return self.hooks.remove(hook),
            _ => {}
        }
        let mut watch = Watching { hooks: &self.hooks, session: self.session, out: self.out, caller };
        let answer = calls::look(&ask, self.session, &mut watch);
        let answer = answer.or_else(|| calls::choose(&ask, self.session, &mut self.choosing, &mut watch));
        match answer {
            Some(answer) => answer,
            None => self.show(ask).unwrap_or_else(|report| Answer::Failed { report }),
        }
    }

    fn print(&mut self, error: bool, text: &str) {
        if error { self.out.warn(text) } else { self.out.print(text) }
    }

    fn value(&mut self, forms: Vec<Form>) {
        self.out.result(forms);
    }

    fn meanwhile(&mut self) {
        self.out.between(self.session);
    }

    fn starting(&mut self, on: bool) {
        let label = ui::RUST_STARTING.text();
        self.out.progress("rust", u64::from(!on), 1, label);
        self.session.doing(on.then(|| label.to_owned()));
    }
}

impl Counter<'_, '_> {
    /// What needs the magics, the run or the cell's output.
    fn show(&mut self, ask: Ask) -> Result<Answer, Report> {
        let out = &mut *self.out;
        match ask {
            Ask::Magic { line } => return magic(&line, self.session, out),
            Ask::Train { options } => {
                magic::train::begin(&options, self.session, out).map_err(|error| error.report())?;
                self.training = true;
            }
            Ask::Step => {
                self.out.between(self.session);
                let step = if self.training { self.session.train_step().map_err(|error| error.report())? } else { None };
                self.session.doing(step.as_ref().map(|step| format!("train {}/{}", step.n, step.of)));
                return Ok(Answer::Step { step: step.as_ref().map(told) });
            }
            Ask::Finish => self.finish().map_err(|error| error.report())?,
            other => return display(&other, out).unwrap_or(Ok(Answer::Done)),
        }
        Ok(Answer::Done)
    }

    /// Puts the cell's run down, if it has one: what was learned stays, and `%train resume=true` goes on.
    fn finish(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.training) {
            return Ok(());
        }
        let kept = self.session.keep_stopped();
        self.session.finish_training().map(|_| ()).and(kept)
    }
}

/// Runs a magic for a cell, which gets its result.
pub(super) fn magic(line: &str, session: &mut Session, out: &mut Out) -> Result<Answer, Report> {
    let line = line.trim();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let value = magic::find(name).and_then(|entry| match name {
        // What it kept is wanted, not shown again.
        "captured" => out.quietly(|out| entry.run(rest, session, out)),
        _ => entry.run(rest, session, out),
    });
    value.map(|value| Answer::Value { value }).map_err(|error| error.report())
}

/// What is shown under the cell, or asked of the person; `None` for other requests.
pub(super) fn display(ask: &Ask, out: &mut Out) -> Option<Result<Answer, Report>> {
    match ask {
        Ask::Chart { id: Some(id), chart } => out.chart(id, chart.clone()),
        Ask::Chart { id: None, chart } => out.show(chart.clone()),
        Ask::Table { table } => out.table(table.clone()),
        Ask::Show { id, forms } => out.forms(id.clone(), forms.clone()),
        Ask::Progress { id, n, of, label } => out.progress(id, *n, *of, label),
        Ask::Print { error: true, text } => out.warn(text),
        Ask::Print { error: false, text } => out.print(text),
        Ask::Clear { wait } => out.clear(*wait),
        Ask::Input { prompt, password } => {
            let answer = out.input(prompt, *password).map(|text| Answer::Text { text });
            return Some(answer.map_err(|error| error.report()));
        }
        _ => return None,
    }
    Some(Ok(Answer::Done))
}

fn told(step: &crate::train::Step) -> Step {
    Step {
        n: step.n,
        of: step.of,
        loss: step.loss,
        lr: step.lr,
        grad_norm: step.grad_norm,
        tokens: step.tokens,
        val_loss: step.validation.map(|validation| validation.loss),
    }
}

/// `let run = %train steps=50` becomes a call whose result has the magic's type, in the same line.
pub(super) fn magics_as_calls(text: &str) -> Cow<'_, str> {
    if !text.lines().any(|line| assignment(line).is_some()) {
        return Cow::Borrowed(text);
    }
    let line = |line: &str| match assignment(line) {
        Some((pattern, magic)) => {
            let name = magic.split_whitespace().next().unwrap_or_default();
            format!("{pattern}: lab::value::{} = lab::magic({magic:?})?;\n", result_of(name))
        }
        None => format!("{line}\n"),
    };
    Cow::Owned(text.lines().map(line).collect())
}

/// `let NAME = %MAGIC` alone on its line: what stands before `=`, and the magic without `%`.
pub(super) fn assignment(line: &str) -> Option<(&str, &str)> {
    let (pattern, magic) = line.split_once('=')?;
    let name = pattern.trim().strip_prefix("let ")?.trim().trim_start_matches("mut ").trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let magic = magic.trim().strip_prefix('%')?.trim_end_matches(';').trim();
    (plain && magic.starts_with(char::is_alphabetic)).then(|| (pattern.trim_end(), magic))
}

/// The struct in `wire::value` that a magic returns: its own name, but for those that share one.
fn result_of(magic: &str) -> String {
    let name = match magic {
        "chat" => "generate",
        "pretrain" => "train",
        name => name,
    };
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_magic_with_a_name_becomes_a_call_and_other_percents_stay() {
        let code = "let a = 7 % 3;\nlet mut run = %train steps=5 \"a b\";\nlet b = a\n% 2;\n";
        let expected = "let a = 7 % 3;\nlet mut run: lab::value::Train = lab::magic(\"train steps=5 \\\"a b\\\"\")?;\nlet b = a\n% 2;\n";
        assert_eq!(magics_as_calls(code), expected);
        assert_eq!(magics_as_calls("let x = a %b;"), "let x = a %b;");
    }
}
