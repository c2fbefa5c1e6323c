//! Runs one cell on the session, segment by segment, and says how it ended.

use std::sync::Mutex;
use std::time::Instant;

use wire::Report;

use super::split::{Segment, split};
use crate::magic::cell::Kind;
use crate::magic::{self, Out};
use crate::plot::number;
use crate::rust::Rust;
use crate::session::Session;
use crate::words::{cells, ui};
use crate::{Error, Result};

/// # Errors
/// The report of the first segment that failed; later ones do not run.
pub fn run(code: &str, session: &mut Session, rust: &Mutex<Rust>, out: &mut Out) -> Result<(), Report> {
    let segments = split(code);
    let wishes = Wishes::of(&segments)?;
    let begun = Instant::now();
    if wishes.capture.is_some() {
        out.begin_capture();
    }
    let result = all(&segments, session, rust, out);
    if let Some(name) = wishes.capture {
        let shown = out.end_capture();
        let kept = out.captures().keep(name, shown);
        out.note(&cells::KEPT.with(&[("name", &name), ("lines", &kept.text.lines().count()), ("shown", &kept.shown)]));
    }
    if wishes.time {
        out.note(&cells::WALL_TIME.with(&[("time", &number::duration(begun.elapsed().as_secs_f64()))]));
    }
    result
}

/// What the cell magics ask for.
#[derive(Debug, Default)]
struct Wishes<'a> {
    time: bool,
    capture: Option<&'a str>,
}

impl<'a> Wishes<'a> {
    fn of(segments: &[Segment<'a>]) -> Result<Self, Report> {
        let mut wishes = Self::default();
        let mut leading = true;
        for segment in segments {
            let Segment::Cell { name, rest, .. } = segment else {
                leading = false;
                continue;
            };
            wishes.add(name, rest.trim(), leading).map_err(|error| Report { span: Some(range(segment)), ..error.report() })?;
        }
        Ok(wishes)
    }

    fn add(&mut self, name: &str, rest: &'a str, leading: bool) -> Result<()> {
        let magic = magic::cell::find(name)?;
        let usage = |cause: crate::words::Phrase| Err(Error::Usage { magic: format!("%{name}"), cause: cause.to_string() });
        if !leading {
            return usage(cells::FIRST);
        }
        match magic.kind {
            Kind::Capture => {
                let plain = !rest.is_empty() && rest.chars().all(|c| c.is_alphanumeric() || c == '_');
                if !plain {
                    return usage(cells::NAME_WANTED);
                }
                self.capture = Some(rest);
            }
            _ if !rest.is_empty() => return usage(cells::ALONE),
            Kind::Time => self.time = true,
            Kind::Rust => {}
        }
        Ok(())
    }
}

fn all(segments: &[Segment<'_>], session: &mut Session, rust: &Mutex<Rust>, out: &mut Out) -> Result<(), Report> {
    for segment in segments {
        match segment {
            Segment::Rust { text, .. } => {
                let result = super::rust::run(text, rust, session, out);
                result.map_err(|error| Report { span: Some(range(segment)), ..error.report() })?;
            }
            _ => magics(segment, session, out)?,
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
        Segment::Rust { .. } | Segment::Cell { .. } => Ok(()),
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
        Segment::Cell { name, rest, start } => (*start, start + 2 + name.len() + rest.trim_end().len()),
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
    out.page(magic::help::named(name)?);
    Ok(())
}
