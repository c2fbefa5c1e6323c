//! AdamW in place, without temporaries. https://arxiv.org/abs/1711.05101
//!
//! `p *= 1 - lr*wd; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; p -= lr * (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps)`.

use candle_core::Tensor;
use rayon::prelude::*;

use super::gradients::{Gradients, Kept, change, restored, zeros};
use super::{Parameters, decays};

/// Values of one parallel block.
const BLOCK: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWOptions {
    pub betas: (f64, f64),
    pub eps: f64,
    pub weight_decay: f64,
}

/// transformers' defaults.
impl Default for AdamWOptions {
    fn default() -> Self {
        Self { betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0 }
    }
}

pub struct AdamW {
    parameters: Parameters,
    options: AdamWOptions,
    /// First and second moment of each parameter.
    moments: Vec<(Vec<f32>, Vec<f32>)>,
    steps: usize,
}

/// The numbers of one step, for one parameter.
#[derive(Clone, Copy)]
struct Step {
    keep: f32,
    b1: f32,
    b2: f32,
    rate: f32,
    root_correction: f32,
    eps: f32,
}

impl AdamW {
    pub fn new(parameters: Parameters, options: AdamWOptions) -> Self {
        let moments = parameters.iter().map(|(_, var)| (zeros(var.elem_count()), zeros(var.elem_count()))).collect();
        Self { parameters, options, moments, steps: 0 }
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Steps taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// One step at learning rate `lr`; parameters without gradient stay as they are.
    ///
    /// # Errors
    /// A gradient of another shape.
    pub fn step(&mut self, gradients: &Gradients, lr: f64) -> crate::Result<()> {
        self.steps += 1;
        let AdamWOptions { betas: (b1, b2), eps, weight_decay } = self.options;
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(self.steps).unwrap_or(i32::MAX));
        let (c1, c2) = (correction(b1), correction(b2));
        for (((name, var), (m, v)), gradient) in self.parameters.iter().zip(&mut self.moments).zip(&gradients.0) {
            let Some(gradient) = gradient else { continue };
            let decay = if decays(name) { weight_decay } else { 0.0 };
            let step = Step {
                keep: (1.0 - lr * decay) as f32,
                b1: b1 as f32,
                b2: b2 as f32,
                rate: (lr / c1) as f32,
                root_correction: (1.0 / c2.sqrt()) as f32,
                eps: eps as f32,
            };
            change(var, gradient, |p, g| apply(p, g, m, v, step))?;
        }
        Ok(())
    }

    /// `NAME.exp_avg` and `NAME.exp_avg_sq` of every parameter, in the parameters' shapes.
    pub fn state(&self) -> Vec<Kept<'_>> {
        let mut state = Vec::with_capacity(2 * self.moments.len());
        for ((name, var), (m, v)) in self.parameters.iter().zip(&self.moments) {
            for (kind, values) in [("exp_avg", m), ("exp_avg_sq", v)] {
                state.push(Kept { name: format!("{name}.{kind}"), shape: var.dims().to_vec(), values });
            }
        }
        state
    }

    /// Goes on from what [`AdamW::state`] gave.
    ///
    /// # Errors
    /// `MissingTensor`, `WrongShape`.
    pub fn restore(&mut self, steps: usize, find: impl Fn(&str) -> Option<Tensor>) -> crate::Result<()> {
        let mut moments = Vec::new();
        for (name, var) in &self.parameters {
            moments.push((restored(name, "exp_avg", var.dims(), &find)?, restored(name, "exp_avg_sq", var.dims(), &find)?));
        }
        (self.moments, self.steps) = (moments, steps);
        Ok(())
    }
}

fn apply(p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], step: Step) {
    if p.len() <= BLOCK {
        return step.run(p, g, m, v);
    }
    p.par_chunks_mut(BLOCK)
        .zip(g.par_chunks(BLOCK))
        .zip(m.par_chunks_mut(BLOCK).zip(v.par_chunks_mut(BLOCK)))
        .for_each(|((p, g), (m, v))| step.run(p, g, m, v));
}

impl Step {
    fn run(self, p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
        let (a1, a2) = (1.0 - self.b1, 1.0 - self.b2);
        for ((p, g), (m, v)) in p.iter_mut().zip(g).zip(m.iter_mut().zip(v)) {
            *m = self.b1 * *m + a1 * g;
            *v = self.b2 * *v + a2 * g * g;
            *p = *p * self.keep - self.rate * *m / (v.sqrt() * self.root_correction + self.eps);
        }
    }
}
