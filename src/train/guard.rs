//! What makes a run senseless is said before it begins, and where a number went wrong is found when one did.

use candle_core::{DType, Tensor, Var};

use super::{Aim, loss};
use crate::data::{Batch, Dataset, Layout};
use crate::model::{Model, Site, Slot, Tap};
use crate::nn::{Deltas, Pass, Weight};
use crate::optim::Method;
use crate::words::memory as words;
use crate::{Error, Result};

/// What a run's learning rate and its adapter's scale may make together: less changes no bit of f32, more is no step but a jump.
const SANE: (f64, f64, &str) = (1e-9, 10.0, "1e-9 … 10");
/// SGD's steps are as long as its gradients, which clipping keeps short.
const SANE_SGD: (f64, f64, &str) = (1e-9, 1e3, "1e-9 … 1000");

/// Refuses a learning rate that, times the `scale` of the adapter's delta, lies outside of any range that learns.
///
/// # Errors
/// `WildRate`
pub fn rate(lr: f64, scale: Option<f64>, method: Method) -> Result<()> {
    let ((lowest, highest, allowed), usual) = match (method, scale) {
        (Method::Sgd, _) => (SANE_SGD, 0.1),
        (_, Some(_)) => (SANE, 2e-4),
        (_, None) => (SANE, 5e-5),
    };
    let product = lr * scale.unwrap_or(1.0);
    if (lowest..=highest).contains(&product) {
        return Ok(());
    }
    let scale = scale.unwrap_or(1.0);
    let shown = |x: f64| if (1e-3..1e4).contains(&x) { format!("{x}") } else { format!("{x:e}") };
    let (lr, product, usual) = (shown(lr), shown(product), shown(usual));
    Err(Error::WildRate { lr, scale, product, allowed: allowed.to_owned(), usual })
}

/// Training examples that are answers, and those of them whose end is learned. Without it a model never stops (a `pad` that is
/// `eos` and masked away, answers that were cut).
pub fn ends(data: &Dataset, eos: &[u32]) -> (usize, usize) {
    if data.layout == Layout::Text {
        return (0, 0);
    }
    let learned =
        |example: &&crate::data::Example| example.ids.iter().zip(&example.learned).any(|(id, learned)| *learned && eos.contains(id));
    (data.train.len(), data.train.iter().filter(learned).count())
}

/// What is not finite: the loss, else the first gradient.
pub fn not_finite(loss: f64, vars: &[(String, Var)], norms: &[Option<f64>]) -> Option<String> {
    if !loss.is_finite() {
        return Some(words::THE_LOSS.to_string());
    }
    let bad = vars.iter().zip(norms).find(|(_, norm)| norm.is_some_and(|norm| !norm.is_finite()));
    bad.map(|((name, _), _)| words::A_GRADIENT.with(&[("tensor", name)]))
}

/// What led to a loss or a gradient that is not finite.
pub struct Failed<'a> {
    pub model: &'a Model,
    pub deltas: Option<&'a Deltas>,
    pub vars: &'a [(String, Var)],
    pub window: &'a [Batch],
    /// Of each batch's dropout.
    pub seeds: &'a [u64],
    pub aim: Aim,
    pub data: &'a Dataset,
    pub step: usize,
}

impl Failed<'_> {
    /// Runs the window again, first looking at every layer, then row by row, and names the place and the row. `what` was not finite.
    ///
    /// # Errors
    /// Only what candle reports; the error that was looked for is the value.
    pub fn locate(&self, what: String) -> Result<Error> {
        if let Some(name) = self.bad_number()? {
            return Ok(Error::BadNumber { what, tensor: name, step: self.step });
        }
        for (b, batch) in self.window.iter().enumerate() {
            if let Some((place, row)) = self.in_forward(b, batch)? {
                return Ok(self.found(what, place, b, row));
            }
        }
        for (b, batch) in self.window.iter().enumerate() {
            for row in 0..batch.rows {
                let alone = if batch.rows == 1 { batch.clone() } else { alone(batch, row) };
                if let Some(tensor) = self.in_backward(b, &alone)? {
                    let place = words::AT_GRADIENT.with(&[("tensor", &tensor)]);
                    return Ok(self.found(what, place, b, row));
                }
            }
        }
        Ok(Error::NotFinite { what, step: self.step })
    }

    fn found(&self, what: String, place: String, batch: usize, row: usize) -> Error {
        let data_row = self.example(&self.window[batch], row).map_or_else(String::new, |row| (row + 1).to_string());
        Error::NotFiniteAt { what, place, step: self.step, batch: batch + 1, row: row + 1, data_row }
    }

    /// The row of the data that a row of a batch was made of.
    fn example(&self, batch: &Batch, row: usize) -> Option<usize> {
        let ids = &batch.ids[row * batch.width..][..batch.lengths[row]];
        self.data.row_of(ids)
    }

    /// A parameter that is not finite itself: a damaged file, or an earlier step.
    fn bad_number(&self) -> Result<Option<String>> {
        for (name, var) in self.vars {
            if !finite(var)? {
                return Ok(Some(name.clone()));
            }
        }
        let mut bad = None;
        self.model.detached().visit(&mut |name, slot| {
            let (Slot::Vector(tensor) | Slot::Matrix(Weight::Dense { tensor, .. })) = slot else { return Ok(()) };
            if bad.is_none() && !finite(tensor)? {
                bad = Some(name.to_owned());
            }
            Ok(())
        })?;
        Ok(bad)
    }

    fn in_forward(&self, b: usize, batch: &Batch) -> Result<Option<(String, usize)>> {
        let deltas = self.deltas.map(Deltas::detached);
        let pass = Pass { deltas: deltas.as_ref(), dropout: self.seeds.get(b).copied(), half: self.aim.half, ..Pass::default() };
        // A packed row holds documents end to end.
        let lengths = if batch.packed { vec![batch.width] } else { batch.lengths.clone() };
        let mut look = Look { lengths: &lengths, width: batch.width, layers: self.model.layers.len(), found: None };
        loss::hidden(&self.model.detached(), batch, &pass, &mut look)?;
        Ok(look.found)
    }

    /// The first parameter whose gradient of this batch is not finite.
    fn in_backward(&self, b: usize, batch: &Batch) -> Result<Option<String>> {
        let seed = self.seeds.get(b).copied().unwrap_or_default();
        let vars = self.vars.to_vec();
        let window = std::slice::from_ref(batch);
        let (_, gradients) = loss::gradients(self.model, self.deltas, window, &vars, self.aim, &mut || seed)?;
        for ((name, _), gradient) in self.vars.iter().zip(&gradients.0) {
            if let Some(gradient) = gradient
                && !finite(gradient)?
            {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }
}

fn finite(tensor: &Tensor) -> Result<bool> {
    // Zero times what is not finite is NaN; a sum of large numbers alone would overflow.
    Ok((tensor.detach().to_dtype(DType::F32)? * 0.0)?.sum_all()?.to_scalar::<f32>()?.is_finite())
}

/// One row of a batch.
fn alone(batch: &Batch, row: usize) -> Batch {
    let range = row * batch.width..(row + 1) * batch.width;
    let targets = batch.targets[range.clone()].to_vec();
    let learned = targets.iter().filter(|target| **target != crate::data::IGNORE).count();
    let length = batch.lengths[row];
    Batch { rows: 1, ids: batch.ids[range].to_vec(), targets, lengths: vec![length], tokens: length, learned, ..batch.clone() }
}

/// Looks for the first activation that is not finite; what stands in padding reaches no result.
struct Look<'a> {
    lengths: &'a [usize],
    width: usize,
    layers: usize,
    found: Option<(String, usize)>,
}

impl Tap for Look<'_> {
    fn wants(&self, _layer: usize, site: Site) -> bool {
        self.found.is_none() && matches!(site, Site::Residual | Site::Attended | Site::Mlp)
    }

    fn take(&mut self, layer: usize, site: Site, activation: &Tensor) -> Result<()> {
        let ahead = activation.dim(1)?.saturating_sub(self.width);
        for (row, length) in self.lengths.iter().enumerate() {
            if *length > 0 && !finite(&activation.narrow(0, row, 1)?.narrow(1, 0, ahead + length)?)? {
                self.found = Some((self.place(layer, site), row));
                break;
            }
        }
        Ok(())
    }
}

impl Look<'_> {
    fn place(&self, layer: usize, site: Site) -> String {
        match site {
            Site::Residual if layer == 0 => words::AT_EMBEDDING.to_string(),
            Site::Residual => words::AT_SUM.with(&[("layer", &(layer - 1)), ("of", &self.layers)]),
            Site::Attended => words::AT_ATTENTION.with(&[("layer", &layer), ("of", &self.layers)]),
            _ => words::AT_MLP.with(&[("layer", &layer), ("of", &self.layers)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows of three positions; the first has one virtual token before it and a position of padding.
    #[test]
    fn the_row_is_named_and_padding_is_not() {
        let look = |bad: usize| {
            let mut values = vec![1.0_f32; 2 * 4 * 2];
            values[bad] = f32::INFINITY;
            let activation = Tensor::from_vec(values, (2, 4, 2), &candle_core::Device::Cpu).unwrap();
            let mut look = Look { lengths: &[2, 3], width: 3, layers: 5, found: None };
            look.take(3, Site::Mlp, &activation).unwrap();
            look.found.map(|(place, row)| (place == words::AT_MLP.with(&[("layer", &3), ("of", &5)]), row))
        };
        assert_eq!(look(5), Some((true, 0)));
        assert_eq!(look(6), None, "padding of the first row");
        assert_eq!(look(14), Some((true, 1)));
        let large = Tensor::full(3e38_f32, (2, 2), &candle_core::Device::Cpu).unwrap();
        assert!(finite(&large).unwrap(), "large numbers are numbers");
    }

    #[test]
    fn rates_that_cannot_learn_are_refused() {
        let allowed = |lr, scale, method| rate(lr, scale, method).is_ok();
        assert!(allowed(2e-4, Some(2.0), Method::AdamW) && allowed(0.3, Some(8.0), Method::AdamW));
        assert!(!allowed(1.0, Some(16.0), Method::AdamW), "the scale counts");
        assert!(!allowed(20.0, None, Method::AdamW) && allowed(20.0, None, Method::Sgd));
        assert!(!allowed(1e-12, None, Method::AdamW));
        let Err(Error::WildRate { product, usual, .. }) = rate(1.0, Some(16.0), Method::AdamW) else { panic!() };
        assert_eq!((product.as_str(), usual.as_str()), ("16", "2e-4"));
    }
}
