//! How a run is made: the numbers that a person may set, with transformers' meanings.

use super::exact;
use crate::optim::{Schedule, Shape};
use crate::{Error, Result};

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Recipe {
    /// Passes over the training examples; `steps` wins.
    #[serde(with = "exact")]
    pub epochs: f64,
    pub steps: Option<usize>,
    /// Examples of one forward pass.
    pub batch: usize,
    /// Batches whose gradients one step adds up.
    pub accum: usize,
    /// Highest learning rate.
    #[serde(with = "exact")]
    pub lr: f64,
    pub schedule: Shape,
    /// Share of the steps over which the rate rises from 0.
    #[serde(with = "exact")]
    pub warmup: f64,
    #[serde(with = "exact")]
    pub weight_decay: f64,
    /// Largest global L2 norm of the gradients.
    #[serde(with = "exact")]
    pub clip: f64,
    pub seed: u64,
    /// Steps between two looks at the validation examples.
    pub eval_every: Option<usize>,
}

impl Recipe {
    /// Steps of the whole run for `examples` training examples.
    ///
    /// # Errors
    /// `BatchTooBig`.
    pub fn total_steps(&self, examples: usize) -> Result<usize> {
        if self.batch > examples {
            return Err(Error::BatchTooBig { batch: self.batch, examples });
        }
        let per_epoch = examples.div_ceil(self.batch).div_ceil(self.accum);
        Ok(self.steps.unwrap_or_else(|| (per_epoch as f64 * self.epochs).ceil() as usize).max(1))
    }

    /// The learning rate over a run of `total` steps.
    pub fn rates(&self, total: usize) -> Schedule {
        Schedule { shape: self.schedule, lr: self.lr, warmup: Schedule::warmup_steps(self.warmup, total), steps: total }
    }

    /// Steps between validations: about ten in a run unless set.
    pub fn eval_steps(&self, total: usize) -> usize {
        self.eval_every.unwrap_or_else(|| (total / 10).max(1))
    }
}
