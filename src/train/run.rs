//! One training run: begin, step until done, finish.

use std::time::Instant;

use candle_core::{DType, Var};

use super::check::Unproven;
use super::guard::{self, Failed};
use super::stats::{self, Sample, Stats};
use super::stopping::{self, Best};
use super::{Aim, Loss, Recipe, Tape, loss};
use crate::data::{self, Dataset, Order};
use crate::device::memory::Peak;
use crate::model::Model;
use crate::nn::{Deltas, Pass};
use crate::optim::{Gradients, Optimizer, Scaler, clip, norm, norms};
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
    /// Of each step.
    pub(super) stats: Vec<Stats>,
    /// Norms of the last step's gradients, in the order of `vars`.
    norms: Vec<Option<f64>>,
    tape: Tape,
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
            stats: Vec::new(),
            norms: Vec::new(),
            patience: recipe.patience,
            best: None,
            returned: false,
            peak: Peak::start(),
            seconds: 0.0,
            tape: Tape::default(),
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

    /// Beside each of the steps.
    pub fn stats(&self) -> &[Stats] {
        &self.stats
    }

    /// Norms of the last step's gradient by layer.
    pub fn layers(&self) -> Vec<(String, f64)> {
        stats::by_layer(&self.vars, &self.norms)
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
        let (random, peak, mut seeds) = (&mut self.random, &mut self.peak, Vec::new());
        let aim = Aim { smoothing: self.recipe.label_smoothing, scale: self.scaler.map_or(1.0, |scaler| scaler.scale()), half: self.half };
        let (loss, mut gradients) = loss::gradients_on(&mut self.tape, model, deltas, &window, &self.vars, aim, &mut || {
            peak.look();
            seeds.push(random.bits());
            seeds[seeds.len() - 1]
        })?;
        self.peak.look();
        let loss = loss.mean();
        let overflowed = self.overflowed(loss, &mut gradients)?;
        let lr = self.rate.unwrap_or_else(|| self.recipe.rates(self.total).lr(self.taken()));
        let (mut grad_norm, mut ratio) = (f64::NAN, f64::NAN);
        if !overflowed {
            self.norms = norms(&gradients)?;
            if let Some(what) = guard::not_finite(loss, &self.vars, &self.norms) {
                let failed = Failed { model, deltas, vars: &self.vars, window: &window, seeds: &seeds, aim, data, step: n };
                return Err(failed.locate(what)?);
            }
            self.unproven.look(n, &self.vars, &self.norms)?;
            grad_norm = norm(&self.norms);
            clip(&mut gradients, grad_norm, self.recipe.clip)?;
            let before = Sample::of(&self.vars)?;
            self.optimizer.step(&gradients, lr)?;
            ratio = before.ratio(&self.vars)?;
        }
        let tokens = window.iter().map(|batch| batch.tokens).sum();
        let seconds = started.elapsed().as_secs_f64();
        self.seconds += seconds;
        self.stats.push(Stats { seconds, ratio });
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
        let overflow = !loss.is_finite() || !norm(&norms(gradients)?).is_finite();
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
