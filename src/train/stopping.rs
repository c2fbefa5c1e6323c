//! When validation says that a run should end, and the weights that were best.

use candle_core::{Tensor, Var};

use super::{Run, Validation};
use crate::Result;

/// Trained numbers whose best values are kept beside the run even where it does not stop early: 64 MiB.
const KEPT: usize = 16 << 20;

/// Whether `losses` end a run, as transformers' `EarlyStoppingCallback`: a loss improves when it is below the best before it by more than
/// `threshold`; the best itself moves with any gain; `patience` losses in a row without improvement are the end.
pub fn over(losses: impl IntoIterator<Item = f64>, patience: usize, threshold: f64) -> bool {
    let (mut best, mut waited) = (None, 0);
    for loss in losses {
        let improved = best.is_none_or(|best| loss < best && best - loss > threshold);
        waited = if improved { 0 } else { waited + 1 };
        if waited >= patience {
            return true;
        }
        let before = best.unwrap_or(f64::INFINITY);
        best = Some(if loss < before { loss } else { before });
    }
    false
}

impl Run {
    /// The validation with the lowest loss.
    pub fn best(&self) -> Option<Validation> {
        self.steps.iter().filter_map(|step| step.validation).min_by(|a, b| a.loss.total_cmp(&b.loss))
    }

    pub fn last_validation(&self) -> Option<Validation> {
        self.steps.iter().rev().find_map(|step| step.validation)
    }

    /// Makes the variables what they were at the best validation; the run is over then. `None` where they were not kept, or are these.
    ///
    /// # Errors
    /// Only what candle reports.
    pub fn go_back(&mut self) -> Result<Option<Validation>> {
        let Some(best) = self.best.as_ref().filter(|best| best.validation.step < self.steps.len() && !self.returned) else {
            return Ok(None);
        };
        best.restore(&self.vars)?;
        self.returned = true;
        Ok(Some(best.validation))
    }

    /// It went back to its best weights.
    pub fn returned(&self) -> bool {
        self.returned
    }

    /// The step of the weights as they are.
    pub fn weights_of(&self) -> usize {
        self.best.as_ref().filter(|_| self.returned).map_or(self.steps.len(), |best| best.validation.step)
    }

    /// Whether [`Run::go_back`] would change anything.
    pub fn can_go_back(&self) -> bool {
        !self.returned && self.best.as_ref().is_some_and(|best| best.validation.step < self.steps.len())
    }
}

/// The trained values at the best validation so far.
pub struct Best {
    pub validation: Validation,
    /// In the order of the run's variables.
    pub values: Vec<Tensor>,
}

impl Best {
    /// Whether it is kept for a run of these variables.
    pub fn wanted(vars: &[(String, Var)], patience: Option<usize>) -> bool {
        patience.is_some() || vars.iter().map(|(_, var)| var.elem_count()).sum::<usize>() <= KEPT
    }

    /// # Errors
    /// Memory.
    pub fn of(vars: &[(String, Var)], validation: Validation) -> Result<Self> {
        let values = vars.iter().map(|(_, var)| Ok(var.as_detached_tensor().copy()?)).collect::<Result<_>>()?;
        Ok(Self { validation, values })
    }

    /// Makes the variables what they were then.
    ///
    /// # Errors
    /// Only what candle reports.
    pub fn restore(&self, vars: &[(String, Var)]) -> Result<()> {
        vars.iter().zip(&self.values).try_for_each(|((_, var), value)| Ok(var.set(&value.to_device(var.device())?)?))
    }
}
