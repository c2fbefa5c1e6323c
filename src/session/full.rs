//! `full`: which weights a full run trains, and how they come back into a run that goes on.

use super::Session;
use crate::Result;
use crate::model::{Frozen, Model, Slot};
use crate::nn::Weight;
use crate::train::Run;

impl Session {
    /// From now on `%train` trains all weights but these; an adapter that is attached is taken off.
    pub fn train_whole(&mut self, frozen: Frozen) {
        self.set_adapter(None);
        self.run = None;
        self.frozen = (frozen.count() > 0).then_some(frozen);
    }
}

/// The session's model with the run's variables in the places they were made of.
pub(super) fn retrack(model: &Model, run: &Run) -> Result<Model> {
    let mut model = model.clone();
    // Both are in the model's order; what is frozen has no variable.
    let mut vars = run.vars().iter().peekable();
    model.visit(&mut |name, slot| {
        let (Slot::Matrix(Weight::Dense { tensor, .. }) | Slot::Vector(tensor)) = slot else { return Ok(()) };
        if let Some((_, var)) = vars.next_if(|(known, _)| known == name) {
            *tensor = var.as_tensor().clone();
        }
        Ok(())
    })?;
    Ok(model)
}
