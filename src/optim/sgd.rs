//! Stochastic gradient descent with momentum, as torch's: `b = mu b + g; p -= lr b` (the first b is g).

use candle_core::Tensor;

use super::gradients::{Gradients, Kept, change, restored, zeros};
use super::{Parameters, decays};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SgdOptions {
    pub momentum: f64,
    pub weight_decay: f64,
}

pub struct Sgd {
    parameters: Parameters,
    options: SgdOptions,
    /// Empty without momentum.
    buffers: Vec<Vec<f32>>,
    steps: usize,
}

impl Sgd {
    pub fn new(parameters: Parameters, options: SgdOptions) -> Self {
        let kept = if options.momentum > 0.0 { 1 } else { 0 };
        let buffers = parameters.iter().map(|(_, var)| zeros(kept * var.elem_count())).collect();
        Self { parameters, options, buffers, steps: 0 }
    }

    /// Steps taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// One step at learning rate `lr`; weight decay is added to the gradient.
    ///
    /// # Errors
    /// A gradient of another shape.
    pub fn step(&mut self, gradients: &Gradients, lr: f64) -> crate::Result<()> {
        self.steps += 1;
        let (momentum, rate) = (self.options.momentum as f32, lr as f32);
        for (((name, var), buffer), gradient) in self.parameters.iter().zip(&mut self.buffers).zip(&gradients.0) {
            let Some(gradient) = gradient else { continue };
            let decay = if decays(name) { self.options.weight_decay as f32 } else { 0.0 };
            change(var, gradient, |p, g| {
                if buffer.is_empty() {
                    return p.iter_mut().zip(g).for_each(|(p, g)| *p -= rate * (g + decay * *p));
                }
                for ((p, g), b) in p.iter_mut().zip(g).zip(buffer.iter_mut()) {
                    *b = momentum * *b + g + decay * *p;
                    *p -= rate * *b;
                }
            })?;
        }
        Ok(())
    }

    /// `NAME.momentum_buffer` of every parameter; nothing without momentum.
    pub fn state(&self) -> Vec<Kept<'_>> {
        let kept = self.parameters.iter().zip(&self.buffers).filter(|(_, buffer)| !buffer.is_empty());
        kept.map(|((name, var), values)| Kept { name: format!("{name}.momentum_buffer"), shape: var.dims().to_vec(), values }).collect()
    }

    /// Goes on from what [`Sgd::state`] gave.
    ///
    /// # Errors
    /// `MissingTensor`, `WrongShape`.
    pub fn restore(&mut self, steps: usize, find: impl Fn(&str) -> Option<Tensor>) -> crate::Result<()> {
        if self.options.momentum > 0.0 {
            let named = self.parameters.iter();
            self.buffers = named.map(|(name, var)| restored(name, "momentum_buffer", var.dims(), &find)).collect::<crate::Result<_>>()?;
        }
        self.steps = steps;
        Ok(())
    }
}
