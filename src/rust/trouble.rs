//! From how a cell ended to an error that says what is lost and what is kept.

use wire::engine::{Failure, Problem};

use super::follow::End;
use crate::Error;
use crate::plot::number;
use crate::words::ui;

/// One mistake makes many errors: those after these add little.
const SHOWN: usize = 4;

pub fn error(end: End, code: &str) -> Error {
    match end {
        End::Interrupted { lost: false } => Error::Interrupted { what: ui::RUST_CELL.to_string() },
        End::Interrupted { lost: true } => Error::RustInterrupted {},
        End::Panicked => Error::RustPanicked {},
        End::Returned => Error::RustReturned {},
        End::OutOfMemory { asked, limit } => {
            Error::RustMemory { asked: number::bytes(asked), limit: limit.map_or_else(|| "?".to_owned(), number::bytes) }
        }
        End::EngineGone => died("the engine is gone"),
        End::Failed(Failure::Died { status }) => died(&status),
        End::Failed(Failure::Other { text }) => Error::RustFailed { cause: text },
        End::Failed(Failure::Compile { problems }) => compile(&problems, code),
    }
}

pub fn died(status: &str) -> Error {
    let last = status.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Error::RustDied { status: last.trim_start_matches("Subprocess terminated with status: ").to_owned() }
}

fn compile(problems: &[Problem], code: &str) -> Error {
    let Some(first) = problems.first() else { return Error::RustFailed { cause: "the cell does not compile".into() } };
    let mut cause: Vec<String> = problems.iter().take(SHOWN).enumerate().map(|(i, problem)| shown(problem, code, i > 0)).collect();
    if problems.len() > SHOWN {
        cause.push(ui::RUST_MORE.with(&[("n", &(problems.len() - SHOWN))]));
    }
    Error::RustCompile { problem: titled(first), cause: cause.join("\n").trim_end().to_owned() }
}

fn titled(problem: &Problem) -> String {
    let message = problem.message.trim_start_matches("error: ");
    if problem.code.is_empty() { message.to_owned() } else { format!("{}: {message}", problem.code) }
}

/// evcxr writes more behind a cell, which the compiler then names.
fn label(problem: &Problem) -> String {
    problem.label.trim_start_matches("error: ").replace("`evcxr_variable_store`", "<end of input>")
}

/// The line of the cell, marks under the place, what the compiler says there.
fn shown(problem: &Problem, code: &str, title: bool) -> String {
    let mut lines = Vec::new();
    if title {
        lines.push(titled(problem));
    }
    let (line, column) = problem.from;
    if let Some(text) = line.checked_sub(1).and_then(|i| code.lines().nth(i)) {
        let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
        let before: String = text.chars().take(column.saturating_sub(1)).collect();
        let end = if problem.to.0 == line { problem.to.1 } else { text.chars().count() + 1 };
        let marked: String = text.chars().skip(column.saturating_sub(1)).take(end.saturating_sub(column)).collect();
        lines.push(format!("{line:>3} | {text}"));
        lines.push(format!("    | {}{} {}", " ".repeat(width(&before)), "^".repeat(width(&marked).max(1)), label(problem)));
    } else if !problem.label.is_empty() {
        lines.push(label(problem));
    }
    // The lines after the first repeat the cell with the change made.
    lines.extend(problem.help.iter().filter_map(|help| help.lines().next()).map(|help| format!("help: {help}")));
    lines.join("\n")
}
