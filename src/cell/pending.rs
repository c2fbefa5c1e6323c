//! The cells that wait or run, and the cancel flag of the one that runs.

use std::sync::Mutex;

use super::lock;
use crate::stop::Stop;

/// How many cells wait or run. The cancel flag is only touched under its lock: an interrupt never outlives the cell it was meant for,
/// and never comes before it.
pub struct Pending {
    cells: Mutex<usize>,
    stop: Stop,
}

impl Pending {
    pub fn new(stop: Stop) -> Self {
        Self { cells: Mutex::new(0), stop }
    }

    pub fn count(&self) -> usize {
        *lock(&self.cells)
    }

    pub fn add(&self) {
        *lock(&self.cells) += 1;
    }

    pub fn end_one(&self) {
        let mut cells = lock(&self.cells);
        *cells = cells.saturating_sub(1);
        self.stop.clear();
    }

    pub fn interrupt(&self) {
        let cells = lock(&self.cells);
        if *cells > 0 {
            self.stop.raise();
        }
    }
}
