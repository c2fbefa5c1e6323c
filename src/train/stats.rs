//! What a step did beside its loss: how far it moved the weights, how fast it was, how its gradient lies over the layers.

use candle_core::{CpuStorage, Storage, Tensor, Var};

use super::Validation;
use crate::Result;

/// Of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    /// Validation apart.
    pub seconds: f64,
    /// log10 of |update| / |weights|, over a sample of each parameter; about -3 is healthy. NaN where nothing moved.
    pub ratio: f64,
}

/// Numbers of a parameter that are looked at.
const SAMPLE: usize = 1024;

/// Evenly spread numbers of each parameter, and for how many each of them stands.
pub struct Sample(Vec<(Vec<f32>, f64)>);

impl Sample {
    /// # Errors
    /// Only what candle reports.
    pub fn of(vars: &[(String, Var)]) -> Result<Self> {
        vars.iter().map(|(_, var)| sampled(var)).collect::<Result<_>>().map(Self)
    }

    /// log10 of |after - before| / |before|.
    ///
    /// # Errors
    /// Only what candle reports.
    pub fn ratio(&self, vars: &[(String, Var)]) -> Result<f64> {
        let (mut moved, mut size) = (0.0, 0.0);
        for ((before, weight), (_, var)) in self.0.iter().zip(vars) {
            for (before, after) in before.iter().zip(sampled(var)?.0) {
                moved += weight * f64::from(after - before).powi(2);
                size += weight * f64::from(*before).powi(2);
            }
        }
        let ratio = (moved / size).sqrt().log10();
        Ok(if ratio.is_finite() { ratio } else { f64::NAN })
    }
}

fn sampled(var: &Tensor) -> Result<(Vec<f32>, f64)> {
    let count = var.elem_count();
    let every = count.div_ceil(SAMPLE).max(1);
    let spread = |values: &[f32]| values.iter().step_by(every).copied().collect::<Vec<f32>>();
    let values = {
        let (storage, layout) = var.storage_and_layout();
        match (&*storage, layout.contiguous_offsets()) {
            (Storage::Cpu(CpuStorage::F32(values)), Some((from, to))) => Some(spread(&values[from..to])),
            _ => None,
        }
    };
    let values = match values {
        Some(values) => values,
        None => spread(&var.detach().flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>()?),
    };
    Ok((values, every as f64))
}

/// Norms of the gradient by layer, in the order of the parameters: `h.3`, `layers.0`; what stands outside of layers under its own name.
pub fn by_layer(vars: &[(String, Var)], norms: &[Option<f64>]) -> Vec<(String, f64)> {
    let mut layers: Vec<(String, f64)> = Vec::new();
    for ((name, _), norm) in vars.iter().zip(norms) {
        let (layer, square) = (layer_of(name), norm.unwrap_or(0.0).powi(2));
        match layers.iter_mut().find(|(known, _)| *known == layer) {
            Some((_, sum)) => *sum += square,
            None => layers.push((layer, square)),
        }
    }
    layers.into_iter().map(|(layer, square)| (layer, square.sqrt())).collect()
}

fn layer_of(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    match parts.iter().position(|part| part.parse::<usize>().is_ok()) {
        Some(at) => parts[at.saturating_sub(1)..=at].join("."),
        None => parts
            .iter()
            .rev()
            .find(|part| !matches!(**part, "weight" | "bias") && !part.starts_with("lora_"))
            .map_or_else(|| name.to_owned(), |part| (*part).to_owned()),
    }
}

/// The best validation, if the loss only rises after it, at least twice: from there on the training set is learned by heart.
pub fn overfit(validations: &[Validation]) -> Option<Validation> {
    let best = validations.iter().enumerate().min_by(|a, b| a.1.loss.total_cmp(&b.1.loss))?.0;
    let after = &validations[best..];
    let rises = after.windows(2).all(|pair| pair[1].loss > pair[0].loss);
    (after.len() > 2 && rises).then(|| after[0])
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn validations(losses: &[f64]) -> Vec<Validation> {
        losses.iter().enumerate().map(|(i, loss)| Validation { step: 10 * (i + 1), loss: *loss }).collect()
    }

    #[test]
    fn overfitting_begins_where_the_loss_only_rises() {
        let at = |losses: &[f64]| overfit(&validations(losses)).map(|v| v.step);
        assert_eq!(at(&[3.0, 2.0, 2.1, 2.2]), Some(20));
        assert_eq!(at(&[3.0, 2.0, 2.1]), None, "once is noise");
        assert_eq!(at(&[3.0, 2.0, 2.2, 2.1, 2.3]), None, "it falls again");
        assert_eq!(at(&[2.0, 2.1, 2.2]), Some(10));
        assert_eq!(at(&[3.0, 2.0, 1.0]), None);
        assert_eq!(at(&[]), None);
    }

    #[test]
    fn the_ratio_of_a_known_update() {
        let tensor = |x: f32, n: usize| Tensor::full(x, n, &Device::Cpu).unwrap();
        let vars: Vec<(String, Var)> =
            [("a", 20_000), ("b", 7)].iter().map(|(name, n)| ((*name).to_owned(), Var::from_tensor(&tensor(2.0, *n)).unwrap())).collect();
        let before = Sample::of(&vars).unwrap();
        assert!(before.ratio(&vars).unwrap().is_nan());
        vars.iter().for_each(|(_, var)| var.set(&tensor(2.002, var.elem_count())).unwrap());
        assert!((before.ratio(&vars).unwrap() + 3.0).abs() < 1e-4);
        // Each number counts the same, however large its tensor.
        vars[1].1.set(&tensor(4.0, 7)).unwrap();
        let exact = ((20_000.0 * 0.002_f64.powi(2) + 7.0 * 4.0) / (20_007.0 * 4.0)).sqrt().log10();
        assert!((before.ratio(&vars).unwrap() - exact).abs() < 2e-2, "{}", before.ratio(&vars).unwrap());
    }

    #[test]
    fn gradients_gather_by_layer() {
        let names = [
            "wte.weight",
            "transformer.h.0.ln_1.bias",
            "transformer.h.0.attn.c_attn.lora_A.weight",
            "transformer.h.11.mlp.weight",
            "ln_f.bias",
        ];
        let vars: Vec<(String, Var)> =
            names.iter().map(|name| ((*name).to_owned(), Var::zeros(1, candle_core::DType::F32, &Device::Cpu).unwrap())).collect();
        let layers = by_layer(&vars, &[Some(1.0), Some(3.0), Some(4.0), None, Some(2.0)]);
        let expected = [("wte", 1.0), ("h.0", 5.0), ("h.11", 0.0), ("ln_f", 2.0)];
        assert_eq!(layers, expected.map(|(name, norm)| (name.to_owned(), norm)));
    }
}
