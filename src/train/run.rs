//! One training run: begin, step until done, finish.

use std::time::Instant;

use candle_core::{DType, Var};

use super::check::Unproven;
use super::stopping::{self, Best};
use super::{Aim, Loss, Recipe, loss};
use crate::data::{self, Dataset, Order};
use crate::device::memory::Peak;
use crate::model::Model;
use crate::nn::{Deltas, Pass};
use crate::optim::{Gradients, Optimizer, Scaler, clip, norm};
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
    /// A number was too large for f16: nothing was learned, the scale of the loss is half of what it was.
    pub overflowed: bool,
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
    pub(super) optimizer: Optimizer,
    pub(super) order: Order,
    pub(super) unproven: Unproven,
    pub(super) random: Random,
    /// What the linear layers compute in, if not f32.
    half: Option<DType>,
    /// Of the loss, in f16.
    pub(super) scaler: Option<Scaler>,
    /// Instead of the schedule's, until it is taken away.
    rate: Option<f64>,
    pub(super) steps: Vec<Step>,
    /// The recipe's, until more steps are asked for.
    pub(super) patience: Option<usize>,
    pub(super) best: Option<Best>,
    /// The variables are the best ones again: the run cannot go on.
    pub(super) returned: bool,
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
        let total = recipe.total_steps(data.count())?;
        Ok(Self {
            total,
            optimizer: Optimizer::new(vars.clone(), recipe.options()),
            order: Order::new(recipe.seed, 0, data.count()),
            unproven: Unproven::new(&vars),
            random: Random::seeded(recipe.seed).fork("dropout"),
            half: None,
            scaler: None,
            rate: None,
            steps: Vec::new(),
            patience: recipe.patience,
            best: None,
            returned: false,
            peak: Peak::start(),
            seconds: 0.0,
            vars,
            recipe,
        })
    }

    /// Lets the linear layers compute in f16 or bf16; what is trained stays f32.
    pub fn compute_in(&mut self, dtype: DType) {
        self.half = Some(dtype).filter(|dtype| matches!(dtype, DType::F16 | DType::BF16));
        self.scaler = Scaler::of(self.half);
    }

    /// Takes the next steps at this rate, whatever the schedule says.
    pub fn at_rate(&mut self, rate: f64) {
        self.rate = Some(rate);
    }

    /// Steps that overflowed in f16, and what the loss is scaled by now; `None` in other types.
    pub fn overflows(&self) -> Option<(usize, f64)> {
        self.scaler.map(|scaler| (self.steps.iter().filter(|step| step.overflowed).count(), scaler.scale()))
    }

    pub fn total(&self) -> usize {
        self.total
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub fn done(&self) -> bool {
        self.returned || self.steps.len() >= self.total || self.out_of_patience()
    }

    /// Validation has not improved for as long as the recipe waits.
    pub fn out_of_patience(&self) -> bool {
        let losses = self.steps.iter().filter_map(|step| step.validation).map(|v| v.loss);
        self.patience.is_some_and(|patience| stopping::over(losses, patience, self.recipe.threshold))
    }

    /// Goes on past its end for another `steps`, for a run that is resumed after it was done; patience ended then.
    pub fn extend(&mut self, steps: usize) {
        self.total = self.steps.len() + steps;
        self.patience = None;
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

    /// Highest resident memory of this run, in bytes.
    pub fn peak(&mut self) -> u64 {
        self.peak.look()
    }

    pub fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// The validation with the lowest loss.
    pub fn best(&self) -> Option<Validation> {
        self.steps.iter().filter_map(|step| step.validation).min_by(|a, b| a.loss.total_cmp(&b.loss))
    }

    pub fn last_validation(&self) -> Option<Validation> {
        self.steps.iter().rev().find_map(|step| step.validation)
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
        let aim = Aim { smoothing: self.recipe.label_smoothing, scale: self.scaler.map_or(1.0, |scaler| scaler.scale()), half: self.half };
        let (loss, mut gradients) = loss::gradients(model, deltas, &window, &self.vars, aim, &mut || {
            peak.look();
            random.bits()
        })?;
        self.peak.look();
        let loss = loss.mean();
        let overflowed = self.overflowed(loss, &mut gradients)?;
        let lr = self.rate.unwrap_or_else(|| self.recipe.rates(self.total).lr(self.taken()));
        let mut grad_norm = f64::NAN;
        if !overflowed {
            if !loss.is_finite() {
                return Err(Error::NotFinite { what: "the loss".into(), step: n });
            }
            self.unproven.look(n, &self.vars, &gradients.0)?;
            grad_norm = clip(&mut gradients, self.recipe.clip)?;
            self.optimizer.step(&gradients, lr)?;
        }
        let tokens = window.iter().map(|batch| batch.tokens).sum();
        self.seconds += started.elapsed().as_secs_f64();
        self.steps.push(Step { n, of: self.total, loss, lr, grad_norm, tokens, validation: None, overflowed });
        self.steps.last().ok_or(Error::NoRun {})
    }

    /// The examples that the next step may take.
    pub fn upcoming(&self) -> Vec<usize> {
        self.order.peek(self.recipe.batch, self.recipe.accum)
    }

    /// Steps that moved the weights: the schedule counts these, as transformers' Trainer does.
    fn taken(&self) -> usize {
        if self.scaler.is_none() {
            return self.steps.len();
        }
        self.steps.iter().filter(|step| !step.overflowed).count()
    }

    /// In f16: takes the scale out of the gradients and says whether any number was too large for it. A loss that cannot be computed even
    /// without a scale is no overflow but an error.
    fn overflowed(&mut self, loss: f64, gradients: &mut Gradients) -> Result<bool> {
        let Some(scaler) = &mut self.scaler else { return Ok(false) };
        let overflow = !loss.is_finite() || !norm(gradients)?.is_finite();
        if overflow && scaler.scale() < 1.0 {
            return Ok(false);
        }
        scaler.unscale(gradients)?;
        scaler.update(overflow);
        Ok(overflow)
    }

    /// The batches of the next step. A window may end with the epoch, never in the middle of nothing.
    fn window(&mut self, data: &Dataset) -> Vec<data::Batch> {
        let mut window = Vec::with_capacity(self.recipe.accum);
        for i in 0..self.recipe.accum {
            if i > 0 && self.order.at_end() {
                break;
            }
            let picked = self.order.take(self.recipe.batch);
            let examples = picked.into_iter().map(|i| data.get(i));
            window.push(if self.recipe.pack { data::pack(examples) } else { data::batch(examples, 0) });
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
        let pass = Pass { deltas: deltas.as_ref(), half: self.half, ..Pass::default() };
        let loss: Loss = loss::evaluate(&model.detached(), &pass, &data.val, self.recipe.batch, stop)?;
        let step = self.steps.last_mut().ok_or(Error::NoRun {})?;
        let validation = Validation { step: step.n, loss: loss.mean() };
        step.validation = Some(validation);
        let better = self.best.as_ref().is_none_or(|best| validation.loss < best.validation.loss);
        if better && Best::wanted(&self.vars, self.patience) {
            self.best = Some(Best::of(&self.vars, validation)?);
        }
        Ok(validation)
    }
}
