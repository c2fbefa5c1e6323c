//! Runs one cell on the session, segment by segment, and says how it ended.

use std::sync::Mutex;

use wire::Report;

use super::split::{Segment, split};
use crate::magic::{self, Out};
use crate::rust::Rust;
use crate::session::Session;
use crate::words::ui;
use crate::{Error, Result};

/// # Errors
/// The report of the first segment that failed; later ones do not run.
pub fn run(code: &str, session: &mut Session, rust: &Mutex<Rust>, out: &mut Out) -> Result<(), Report> {
    for segment in split(code) {
        match &segment {
            Segment::Rust { text, .. } => {
                let result = super::rust::run(text, rust, session, out);
                result.map_err(|error| Report { span: Some(range(&segment)), ..error.report() })?;
            }
            _ => magics(&segment, session, out)?,
        }
        if out.stopped() {
            break;
        }
    }
    Ok(())
}

/// Runs a segment that is not Rust.
///
/// # Errors
/// Its report.
pub fn magics(segment: &Segment, session: &mut Session, out: &mut Out) -> Result<(), Report> {
    let result = match segment {
        Segment::Magic { name, rest, .. } => magic(name, rest, session, out),
        Segment::Command { line, .. } => magic::shell::run(line, out).map(drop),
        Segment::Help { name, .. } => help(name, out),
        Segment::Rust { .. } => Ok(()),
    };
    result.map_err(|error| Report { span: Some(range(segment)), ..report(&error, segment) })
}

/// Its bytes in the cell.
pub fn range(segment: &Segment) -> (usize, usize) {
    match segment {
        Segment::Magic { name, rest, start } => (*start, start + 1 + name.len() + rest.trim_end().len()),
        Segment::Command { line, start } => (*start, start + 1 + line.len()),
        Segment::Help { name, start } => (*start, start + 1 + name.len()),
        Segment::Rust { text, start } => (*start, start + text.trim_end().len()),
    }
}

/// A value that was refused has its help as the hint: the error itself does not know which magic it was given to.
fn report(error: &Error, segment: &Segment) -> Report {
    let report = error.report();
    let (Error::BadValue { .. }, None, Segment::Magic { name, .. }) = (error, &report.hint, segment) else { return report };
    Report { hint: Some(ui::SEE_HELP.with(&[("magic", name)])), ..report }
}

fn magic(name: &str, rest: &str, session: &mut Session, out: &mut Out) -> Result<()> {
    magic::find(name)?.run(rest, session, out).map(drop)
}

fn help(name: &str, out: &mut Out) -> Result<()> {
    out.page(magic::help::text(magic::find(name)?));
    Ok(())
}
