//! How a run ends: what it worked on is put down, its best weights come back, its checkpoint waits until they are saved.

use super::Session;
use super::train::Active;
use crate::train::Validation;
use crate::{Error, Result, device};

impl Session {
    /// Makes the trained weights what they were at the best validation of the last run, which cannot go on then.
    ///
    /// # Errors
    /// `NoRun`; `NoBest` where the best are the last, or were not kept.
    pub fn go_back(&mut self) -> Result<Validation> {
        let active = self.run.as_mut().ok_or(Error::NoRun {})?;
        // A full run's variables are the session's weights since it was put down.
        let best = active.run.go_back()?.ok_or_else(|| Error::NoBest { step: active.run.weights_of() })?;
        let trained = if active.full { &mut self.unsaved.model } else { &mut self.unsaved.adapter };
        *trained = true;
        if active.full {
            self.weights_changed();
        }
        self.publish();
        Ok(best)
    }

    /// Puts the run down: fully trained weights become the session's, widened copies go. What was learned stays, however it ended.
    /// A run that had patience and came to its end goes back to its best validation, which it gives.
    ///
    /// # Errors
    /// Only what candle reports of going back.
    pub fn finish_training(&mut self) -> Result<Option<Validation>> {
        let Some(active) = &mut self.run else { return Ok(None) };
        let patient = active.run.recipe.patience.is_some() && active.run.done();
        let back = if patient { active.run.go_back() } else { Ok(None) };
        if let (Some(working), true, Some(base)) = (active.working.take(), active.full, &mut self.loaded) {
            base.model = working.detached();
        }
        active.working = None;
        let changed = active.full && !active.run.steps().is_empty();
        if !active.run.steps().is_empty() {
            let trained = if active.full { &mut self.unsaved.model } else { &mut self.unsaved.adapter };
            *trained = true;
        }
        if let Some(checkpoint) = active.checkpoint.as_mut().filter(|_| active.run.done()) {
            checkpoint.conclude(&active.run);
        }
        if changed {
            self.weights_changed();
        }
        self.end_record();
        device::memory::give_back();
        self.publish();
        back
    }

    /// What the last run learned is in a folder of the person's now: its checkpoint goes. `full`: it was all weights that were written.
    pub(super) fn settle_run(&mut self, full: bool) {
        if let Some(Active { run, full: trained, checkpoint: Some(checkpoint), .. }) = &mut self.run
            && run.done()
            && *trained == full
        {
            checkpoint.discard();
        }
    }
}
