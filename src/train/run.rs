//! One training run: begin, step until done, finish.

use std::time::Instant;

use candle_core::Var;

use super::check::Unproven;
use super::loss;
use super::{Loss, Recipe, Tape};
use crate::data::{self, Dataset, Order};
use crate::device::memory::Peak;
use crate::model::Model;
use crate::nn::{Deltas, Pass};
use crate::optim::{AdamW, AdamWOptions, clip};
use crate::random::Random;
use crate::stop::Stop;
use crate::{Error, Result};

/// What one optimizer step did.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// From 1.
    pub n: usize,
    pub of: usize,
    /// Mean over the learned tokens of the step, before the update.
    pub loss: f64,
    pub lr: f64,
    /// Global L2 norm before clipping.
    pub grad_norm: f64,
    /// Tokens that went through the model.
    pub tokens: usize,
    /// Set where the validation examples were looked at after this step.
    pub validation: Option<Validation>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    pub step: usize,
    pub loss: f64,
}

pub struct Run {
    pub recipe: Recipe,
    pub(super) total: usize,
    pub(super) vars: Vec<(String, Var)>,
    pub(super) optimizer: AdamW,
    pub(super) order: Order,
    pub(super) unproven: Unproven,
    pub(super) random: Random,
    pub(super) steps: Vec<Step>,
    tape: Tape,
    peak: Peak,
    /// Seconds spent in steps, validation apart.
    pub(super) seconds: f64,
}

impl Run {
    /// `vars` are what is trained, by name; the model and the deltas must be made of them.
    ///
    /// # Errors
    /// `BatchTooBig`, `NothingToTrain`.
    pub fn begin(recipe: Recipe, vars: Vec<(String, Var)>, data: &Dataset) -> Result<Self> {
        if vars.is_empty() {
            return Err(Error::NothingToTrain {});
        }
        let total = recipe.total_steps(data.train.len())?;
        Ok(Self {
            total,
            optimizer: AdamW::new(vars.clone(), AdamWOptions { weight_decay: recipe.weight_decay, ..AdamWOptions::default() }),
            order: Order::new(recipe.seed, 0, data.train.len()),
            unproven: Unproven::new(&vars),
            random: Random::seeded(recipe.seed).fork("dropout"),
            steps: Vec::new(),
            peak: Peak::start(),
            seconds: 0.0,
            tape: Tape::default(),
            vars,
            recipe,
        })
    }

    pub fn total(&self) -> usize {
        self.total
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub fn done(&self) -> bool {
        self.steps.len() >= self.total
    }

    /// Goes on past its end for another `steps`, for a run that is resumed after it was done.
    pub fn extend(&mut self, steps: usize) {
        self.total = self.steps.len() + steps;
    }

    /// Bytes that the optimizer holds: they go when another run takes this one's place.
    pub fn held(&self) -> u64 {
        let numbers: usize = self.vars.iter().map(|(_, var)| var.elem_count()).sum();
        if self.steps.is_empty() { 0 } else { 2 * 4 * numbers as u64 }
    }

    /// Highest resident memory of this run, in bytes.
    pub fn peak(&mut self) -> u64 {
        self.peak.look()
    }

    /// How much of each forward pass is kept from now on.
    pub fn keep(&mut self, tape: Tape) {
        self.tape = tape;
    }

    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    pub fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// The validation with the lowest loss.
    pub fn best(&self) -> Option<Validation> {
        self.steps.iter().filter_map(|step| step.validation).min_by(|a, b| a.loss.total_cmp(&b.loss))
    }

    /// Seconds spent in steps, validation apart.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    pub fn tokens_per_second(&self) -> f64 {
        let tokens: usize = self.steps.iter().map(|step| step.tokens).sum();
        tokens as f64 / self.seconds.max(1e-9)
    }

    /// One optimizer step over `accum` batches: the loss is the mean over all learned tokens of the window, so that
    /// 16 batches of 1 and 1 batch of 16 give the same gradient (transformers after PR 34191).
    ///
    /// # Errors
    /// `NotFinite`, `NoGradient`: the weights are as before the step.
    pub fn step(&mut self, model: &Model, deltas: Option<&Deltas>, data: &Dataset) -> Result<&Step> {
        let started = Instant::now();
        let n = self.steps.len() + 1;
        let window = self.window(data);
        let (random, peak) = (&mut self.random, &mut self.peak);
        let (loss, mut gradients) = loss::gradients(model, deltas, &window, &self.vars, &mut self.tape, &mut || {
            peak.look();
            random.bits()
        })?;
        self.peak.look();
        let loss = loss.mean();
        if !loss.is_finite() {
            return Err(Error::NotFinite { what: "the loss".into(), step: n });
        }
        self.unproven.look(n, &self.vars, &gradients.0)?;
        let grad_norm = clip(&mut gradients, self.recipe.clip)?;
        let lr = self.recipe.rates(self.total).lr(n - 1);
        self.optimizer.step(&gradients, lr)?;
        let tokens = window.iter().map(|batch| batch.tokens).sum();
        self.seconds += started.elapsed().as_secs_f64();
        self.steps.push(Step { n, of: self.total, loss, lr, grad_norm, tokens, validation: None });
        self.steps.last().ok_or(Error::NoRun {})
    }

    /// The batches of the next step. A window may end with the epoch, never in the middle of nothing.
    fn window(&mut self, data: &Dataset) -> Vec<data::Batch> {
        let mut window = Vec::with_capacity(self.recipe.accum);
        for i in 0..self.recipe.accum {
            if i > 0 && self.order.at_end() {
                break;
            }
            let picked = self.order.take(self.recipe.batch);
            window.push(data::batch(picked.into_iter().map(|i| &data.train[i]), 0));
        }
        window
    }

    /// Whether the validation examples are due after the last step.
    pub fn validation_due(&self, data: &Dataset) -> bool {
        let n = self.steps.len();
        !data.val.is_empty() && n > 0 && (n.is_multiple_of(self.recipe.eval_steps(self.total)) || self.done())
    }

    /// Looks at the validation examples and notes their loss with the last step.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn validate(&mut self, model: &Model, deltas: Option<&Deltas>, data: &Dataset, stop: &Stop) -> Result<Validation> {
        let deltas = deltas.map(Deltas::detached);
        let pass = Pass { deltas: deltas.as_ref(), dropout: None };
        let loss: Loss = loss::evaluate(&model.detached(), &pass, &data.val, self.recipe.batch, stop)?;
        let step = self.steps.last_mut().ok_or(Error::NoRun {})?;
        let validation = Validation { step: step.n, loss: loss.mean() };
        step.validation = Some(validation);
        Ok(validation)
    }
}
