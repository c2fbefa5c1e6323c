//! How a run is made: the numbers that a person may set, with transformers' meanings.

use super::exact;
use crate::optim::{AdamWOptions, Method, Options, Schedule, Shape};
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
    pub optimizer: Method,
    /// Of SGD.
    #[serde(with = "exact")]
    pub momentum: f64,
    /// Of AdamW, as `eps`.
    #[serde(with = "exact")]
    pub beta1: f64,
    #[serde(with = "exact")]
    pub beta2: f64,
    #[serde(with = "exact")]
    pub eps: f64,
    /// Share of each target that is spread over the vocabulary (transformers' `label_smoothing_factor`). Validation measures without it.
    #[serde(with = "exact")]
    pub label_smoothing: f64,
    /// Validations in a row without improvement that end the run.
    pub patience: Option<usize>,
    /// What a validation must gain on the best one to count as an improvement.
    #[serde(with = "exact")]
    pub threshold: f64,
    /// Frozen weights that are packed stay so.
    #[serde(default)]
    pub keep_packed: bool,
    /// The examples of a batch lie end to end instead of padded side by side: the same loss and gradients, without the padding's work.
    pub pack: bool,
}

/// transformers' defaults, but for the schedule: cosine, as `%train` has it.
impl Default for Recipe {
    fn default() -> Self {
        let AdamWOptions { betas: (beta1, beta2), eps, weight_decay } = AdamWOptions::default();
        Self {
            epochs: 1.0,
            steps: None,
            batch: 4,
            accum: 1,
            lr: 5e-5,
            schedule: Shape::Cosine,
            warmup: 0.0,
            weight_decay,
            clip: 1.0,
            seed: 42,
            eval_every: None,
            optimizer: Method::AdamW,
            momentum: 0.0,
            beta1,
            beta2,
            eps,
            label_smoothing: 0.0,
            patience: None,
            threshold: 0.0,
            keep_packed: false,
            pack: false,
        }
    }
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

    /// What the optimizer is made with.
    pub fn options(&self) -> Options {
        let adamw = AdamWOptions { betas: (self.beta1, self.beta2), eps: self.eps, weight_decay: self.weight_decay };
        Options { method: self.optimizer, adamw, momentum: self.momentum, weight_decay: self.weight_decay }
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
