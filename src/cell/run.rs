//! Runs one cell on the session, segment by segment, and says how it ended.

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
pub fn run(code: &str, session: &mut Session, rust: &mut Rust, out: &mut Out) -> Result<(), Report> {
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
            let Segment::Cell { name, rest, start } = segment else {
                leading = false;
                continue;
            };
            let end = start + 2 + name.len() + rest.trim_end().len();
            wishes.add(name, rest.trim(), leading).map_err(|error| Report { span: Some((*start, end)), ..error.report() })?;
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

fn all(segments: &[Segment<'_>], session: &mut Session, rust: &mut Rust, out: &mut Out) -> Result<(), Report> {
    for segment in segments {
        let (result, range) = match segment {
            Segment::Magic { name, rest, start } => {
                (magic(name, rest, session, out), (*start, start + 1 + name.len() + rest.trim_end().len()))
            }
            Segment::Command { line, start } => (magic::shell::run(line, out).map(drop), (*start, start + 1 + line.len())),
            Segment::Help { name, start } => (help(name, out), (*start, start + 1 + name.len())),
            Segment::Rust { text, start } => (super::rust::run(text, rust, session, out), (*start, start + text.trim_end().len())),
            Segment::Cell { .. } => continue,
        };
        result.map_err(|error| Report { span: Some(range), ..report(&error, segment) })?;
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
    out.page(magic::help::named(name)?);
    Ok(())
}
