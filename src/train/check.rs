//! Proves that training trains: every gradient finite, every tensor reached, from the first step on.

use std::collections::BTreeSet;

use candle_core::{Tensor, Var};

use crate::{Error, Result};

/// Names of the tensors whose gradient has not been seen to differ from zero yet.
#[derive(Debug)]
pub struct Unproven(BTreeSet<String>);

impl Unproven {
    pub fn new(vars: &[(String, Var)]) -> Self {
        Self(vars.iter().map(|(name, _)| name.clone()).collect())
    }

    /// Looks at a step's gradients. A LoRA A behind a B of zeros cannot have one yet: it is looked at again once its B has moved.
    ///
    /// # Errors
    /// `NoGradient`, `NotFinite`: the first tensor that is wrong.
    pub fn look(&mut self, step: usize, vars: &[(String, Var)], gradients: &[Option<Tensor>]) -> Result<()> {
        for ((name, _), gradient) in vars.iter().zip(gradients) {
            let none = || Error::NoGradient { tensor: name.clone(), step };
            let largest = gradient.as_ref().map(largest).transpose()?;
            if largest.is_some_and(|g| !g.is_finite()) {
                return Err(Error::NotFinite { what: format!("gradient of `{name}`"), step });
            }
            if !self.0.contains(name) {
                continue;
            }
            let moved = largest.is_some_and(|g| g > 0.0);
            if moved {
                self.0.remove(name);
            } else if !behind_zero(name, vars)? {
                return Err(none());
            }
        }
        Ok(())
    }
}

fn largest(tensor: &Tensor) -> Result<f32> {
    // A sum of magnitudes: NaN and infinity stay visible in it, which a maximum may hide.
    Ok(tensor.detach().abs()?.sum_all()?.to_scalar()?)
}

/// Whether `name` is the A of a LoRA pair whose B is still all zeros.
fn behind_zero(name: &str, vars: &[(String, Var)]) -> Result<bool> {
    let Some(path) = name.strip_suffix(".lora_A.weight") else { return Ok(false) };
    let b = format!("{path}.lora_B.weight");
    match vars.iter().find(|(name, _)| *name == b) {
        Some((_, var)) => Ok(largest(var.as_tensor())? == 0.0),
        None => Ok(false),
    }
}
