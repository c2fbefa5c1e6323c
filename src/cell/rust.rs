//! Rust segments: `let x = %magic …` made Rust, and what the cell asks of the session answered.

use std::borrow::Cow;

use wire::lab::{Answer, Ask, Step};
use wire::{Form, Report};

use crate::Result;
use crate::magic::{self, Out};
use crate::rust::{self, Rust, calls};
use crate::session::Session;
use crate::words::ui;

/// Runs the Rust part of a cell.
///
/// # Errors
/// Those of [`Rust::run`].
pub fn run(text: &str, rust: &mut Rust, session: &mut Session, out: &mut Out) -> Result<()> {
    let stop = session.stop().clone();
    let code = magics_as_calls(text);
    let mut counter = Counter { session, out, training: false };
    let result = rust.run(&code, &stop, &mut counter);
    // A cell that died in the middle of a run.
    let kept = counter.finish();
    session.doing(None);
    result.and(kept)
}

/// Serves one cell.
struct Counter<'a, 'o> {
    session: &'a mut Session,
    out: &'a mut Out<'o>,
    /// The cell has begun a run and not put it down.
    training: bool,
}

impl rust::Serve for Counter<'_, '_> {
    fn answer(&mut self, ask: Ask) -> Answer {
        match calls::answer(&ask, self.session) {
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

    fn starting(&mut self, on: bool) {
        let label = ui::RUST_STARTING.text();
        self.out.progress("rust", u64::from(!on), 1, label);
        self.session.doing(on.then(|| label.to_owned()));
    }
}

impl Counter<'_, '_> {
    /// What needs the magics or the cell's output.
    fn show(&mut self, ask: Ask) -> Result<Answer, Report> {
        let out = &mut *self.out;
        match ask {
            Ask::Magic { line } => return self.magic(&line),
            Ask::Train { options } => {
                magic::train::begin(&options, self.session, out).map_err(|error| error.report())?;
                self.training = true;
            }
            Ask::Step => {
                let step = if self.training { self.session.train_step().map_err(|error| error.report())? } else { None };
                return Ok(Answer::Step { step: step.as_ref().map(told) });
            }
            Ask::Finish => self.finish().map_err(|error| error.report())?,
            Ask::Chart { id: Some(id), chart } => out.chart(&id, chart),
            Ask::Chart { id: None, chart } => out.show(chart),
            Ask::Table { table } => out.table(table),
            Ask::Show { id, forms } => out.forms(id, forms),
            Ask::Progress { id, n, of, label } => out.progress(&id, n, of, &label),
            Ask::Print { error, text } => {
                if error {
                    out.warn(&text)
                } else {
                    out.print(&text)
                }
            }
            Ask::Clear { wait } => out.clear(wait),
            Ask::Input { prompt, password } => {
                return out.input(&prompt, password).map(|text| Answer::Text { text }).map_err(|error| error.report());
            }
            // `calls` has answered the others.
            _ => {}
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

    fn magic(&mut self, line: &str) -> Result<Answer, Report> {
        let line = line.trim();
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let value = magic::find(name).and_then(|entry| entry.run(rest, self.session, self.out));
        value.map(|value| Answer::Value { value }).map_err(|error| error.report())
    }
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
fn magics_as_calls(text: &str) -> Cow<'_, str> {
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
fn assignment(line: &str) -> Option<(&str, &str)> {
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
