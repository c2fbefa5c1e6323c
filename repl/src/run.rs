//! Cells without a prompt: a file, standard input, or `-c`.

use std::io;
use std::sync::Arc;

use lantern::words::ui;

use crate::host::Host;
use crate::play::{Presses, play};
use crate::script::Cell;
use crate::view::View;

/// How a run of cells ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Done,
    Failed,
    Interrupted,
}

pub struct Options {
    /// A line with the seconds after each cell.
    pub time: bool,
    /// Standard input is free to answer questions.
    pub allow_input: bool,
    /// Errors name the cell.
    pub places: bool,
}

/// Runs the cells in order and stops at the first error or Ctrl-C. An `Err` is a closed output.
pub fn run(host: &Arc<dyn Host>, cells: &[Cell], options: &Options, view: &mut dyn View) -> io::Result<End> {
    let presses = Presses::watch(host);
    let count = cells.last().map_or(0, |cell| cell.number);
    for cell in cells {
        if presses.count() > 0 {
            return Ok(End::Interrupted);
        }
        let outcome = play(&**host, &cell.code, options.allow_input, &presses, view)?;
        if options.time {
            view.note(&ui::CELL_SECONDS.with(&[("number", &cell.number), ("seconds", &format!("{:.2}", outcome.seconds))]))?;
        }
        if let Some(report) = outcome.error {
            let place = options.places.then(|| place(cell, count));
            view.error(&report, place.as_deref(), &cell.code)?;
            return Ok(if presses.count() > 0 { End::Interrupted } else { End::Failed });
        }
    }
    Ok(if presses.count() > 0 { End::Interrupted } else { End::Done })
}

fn place(cell: &Cell, count: usize) -> String {
    let place = ui::IN_CELL.with(&[("number", &cell.number), ("count", &count)]);
    if cell.title.is_empty() { place } else { format!("{place}: {}", cell.title) }
}
