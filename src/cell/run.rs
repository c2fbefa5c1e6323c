//! Runs one cell on the session, segment by segment, and says how it ended.

use wire::Report;

use super::split::{Segment, split};
use crate::magic::{self, Out};
use crate::rust::Rust;
use crate::session::Session;
use crate::words::ui;
use crate::{Error, Result};

/// # Errors
/// The report of the first segment that failed; later ones do not run.
pub fn run(code: &str, session: &mut Session, rust: &mut Rust, out: &mut Out) -> Result<(), Report> {
    for segment in split(code) {
        let (result, range) = match &segment {
            Segment::Magic { name, rest, start } => {
                (magic(name, rest, session, out), (*start, start + 1 + name.len() + rest.trim_end().len()))
            }
            Segment::Command { line, start } => (magic::shell::run(line, out).map(drop), (*start, start + 1 + line.len())),
            Segment::Help { name, start } => (help(name, out), (*start, start + 1 + name.len())),
            Segment::Rust { text, start } => (super::rust::run(text, rust, session, out), (*start, start + text.trim_end().len())),
        };
        result.map_err(|error| Report { span: Some(range), ..report(&error, &segment) })?;
        if out.stopped() {
            break;
        }
    }
    Ok(())
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
