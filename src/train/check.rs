//! Proves that training trains: every gradient finite, every tensor reached, from the first step on.

use std::collections::BTreeSet;

use candle_core::{Tensor, Var};

use crate::{Error, Result};

/// Names of the tensors whose gradient has not been seen to differ from zero yet.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Unproven(BTreeSet<String>);

impl Unproven {
    pub fn new(vars: &[(String, Var)]) -> Self {
        Self(vars.iter().map(|(name, _)| name.clone()).collect())
    }

    /// Looks at the norms of a step's gradients. A LoRA A behind a B of zeros cannot have one yet: it is looked at again once its B has moved.
    ///
    /// # Errors
    /// `NoGradient`, `NotFinite`: the first tensor that is wrong.
    pub fn look(&mut self, step: usize, vars: &[(String, Var)], norms: &[Option<f64>]) -> Result<()> {
        for ((name, _), norm) in vars.iter().zip(norms) {
            let none = || Error::NoGradient { tensor: name.clone(), step };
            if norm.is_some_and(|norm| !norm.is_finite()) {
                return Err(Error::NotFinite { what: format!("gradient of `{name}`"), step });
            }
            if !self.0.contains(name) {
                continue;
            }
            let moved = norm.is_some_and(|norm| norm > 0.0);
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

/// Whether `name` is one of a LoRA pair whose other is still all zeros: the A of a layer, the B of a table.
fn behind_zero(name: &str, vars: &[(String, Var)]) -> Result<bool> {
    let pairs = [(".lora_A.weight", ".lora_B.weight"), (".lora_embedding_B", ".lora_embedding_A")];
    let other = pairs.iter().find_map(|(end, other)| Some(format!("{}{other}", name.strip_suffix(end)?)));
    let Some(other) = other else { return Ok(false) };
    match vars.iter().find(|(name, _)| *name == other) {
        Some((_, var)) => Ok(largest(var.as_tensor())? == 0.0),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn pair(b: f32) -> Vec<(String, Var)> {
        let var = |x: f32| Var::new(&[x, 0.0], &Device::Cpu).unwrap();
        vec![("m.lora_A.weight".to_owned(), var(1.0)), ("m.lora_B.weight".to_owned(), var(b))]
    }

    fn look(unproven: &mut Unproven, vars: &[(String, Var)], gradients: [f64; 2]) -> Result<()> {
        unproven.look(1, vars, &gradients.map(Some))
    }

    #[test]
    fn a_tensor_that_is_not_reached_stops_the_run() {
        let vars = pair(0.0);
        let mut unproven = Unproven::new(&vars);
        assert!(matches!(look(&mut unproven, &vars, [0.0, 0.0]), Err(Error::NoGradient { tensor, .. }) if tensor == "m.lora_B.weight"));
        assert_eq!(look(&mut unproven, &vars, [0.0, 0.5]), Ok(()), "A waits behind a B of zeros");
        let moved = pair(0.1);
        assert!(matches!(look(&mut unproven, &moved, [0.0, 0.5]), Err(Error::NoGradient { tensor, .. }) if tensor == "m.lora_A.weight"));
        assert_eq!(look(&mut unproven, &moved, [0.2, 0.0]), Ok(()));
        assert_eq!(look(&mut unproven, &moved, [0.0, 0.0]), Ok(()), "once proven, a zero is no defect");
        assert!(matches!(look(&mut unproven, &moved, [f64::NAN, 0.0]), Err(Error::NotFinite { .. })));
        assert!(matches!(unproven.look(1, &moved, &[None, None]), Ok(())), "proven tensors may miss a batch");
        let mut fresh = Unproven::new(&moved);
        assert!(matches!(fresh.look(1, &moved, &[None, None]), Err(Error::NoGradient { .. })));
    }
}
