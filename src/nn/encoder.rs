//! Where a soft prompt comes from: a table with a row for each virtual token, and the small network that it may run through.
//!
//! Names, shapes and order of computation are PEFT's (`tuners/{p_tuning,prefix_tuning}/model.py`).

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::{Place, Soft};
use crate::ops::{self, Layout};
use crate::{Error, Result};

/// What stands between the table and the soft prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Net {
    /// Nothing: the table is the prompt.
    Bare,
    /// P-Tuning: three layers, ReLU between them.
    Mlp,
    /// P-Tuning as published (arXiv 2103.10385): a bidirectional LSTM over the virtual tokens, then two layers with a ReLU between them.
    /// `dropout` falls between the layers of the LSTM.
    Lstm { layers: usize, dropout: f64 },
    /// Prefix tuning's reparameterisation: two layers, tanh between them.
    Projection,
}

/// Widths of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// Virtual tokens.
    pub tokens: usize,
    /// Of the table, where a network follows.
    pub input: usize,
    /// Inside the network.
    pub hidden: usize,
    /// Of the soft prompt.
    pub output: usize,
}

/// A tensor of an encoder before it has numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub name: String,
    pub shape: Vec<usize>,
    /// PyTorch's start: uniform in plus or minus this; `None` for the table, N(0, 1).
    pub bound: Option<f64>,
}

/// The name of the table.
pub const TABLE: &str = "embedding.weight";

/// An encoder with its numbers.
#[derive(Clone, Debug)]
pub struct Encoder {
    parts: BTreeMap<String, Tensor>,
    pub net: Net,
    pub place: Place,
}

impl Net {
    /// The tensors of an encoder of these widths, the table first.
    pub fn parts(self, Widths { tokens, input, hidden, output }: Widths) -> Vec<Part> {
        let table = |width| Part { name: TABLE.to_owned(), shape: vec![tokens, width], bound: None };
        let part = |name: String, shape: &[usize], fan: usize| Part { name, shape: shape.to_vec(), bound: Some((fan as f64).powf(-0.5)) };
        let dense = |name: &str, inn: usize, out: usize| {
            [part(format!("{name}.weight"), &[out, inn], inn), part(format!("{name}.bias"), &[out], inn)]
        };
        let mut all = vec![table(if self == Self::Bare { output } else { input })];
        match self {
            Self::Bare => {}
            Self::Mlp => {
                for (i, (inn, out)) in [(input, hidden), (hidden, hidden), (hidden, output)].into_iter().enumerate() {
                    all.extend(dense(&format!("mlp_head.{}", 2 * i), inn, out));
                }
            }
            Self::Lstm { layers, .. } => {
                for layer in 0..layers {
                    let inn = if layer == 0 { input } else { 2 * hidden };
                    for end in [format!("l{layer}"), format!("l{layer}_reverse")] {
                        let shapes: [(&str, &[usize]); 4] = [
                            ("weight_ih", &[4 * hidden, inn]),
                            ("weight_hh", &[4 * hidden, hidden]),
                            ("bias_ih", &[4 * hidden]),
                            ("bias_hh", &[4 * hidden]),
                        ];
                        all.extend(shapes.map(|(name, shape)| part(format!("lstm_head.{name}_{end}"), shape, hidden)));
                    }
                }
                all.extend(dense("mlp_head.0", 2 * hidden, 2 * hidden));
                all.extend(dense("mlp_head.2", 2 * hidden, output));
            }
            Self::Projection => {
                all.extend(dense("transform.0", input, hidden));
                all.extend(dense("transform.2", hidden, output));
            }
        }
        all
    }
}

impl Encoder {
    /// Of tensors under the names of [`Net::parts`].
    ///
    /// # Errors
    /// `MissingTensor` without a table.
    pub fn new(parts: BTreeMap<String, Tensor>, net: Net, place: Place) -> Result<Self> {
        let encoder = Self { parts, net, place };
        encoder.part(TABLE)?;
        Ok(encoder)
    }

    fn part(&self, name: &str) -> Result<&Tensor> {
        self.parts.get(name).ok_or_else(|| Error::MissingTensor { path: "prompt_encoder".to_owned(), tensor: name.to_owned() })
    }

    /// Virtual tokens.
    ///
    /// # Errors
    /// A table of another rank.
    pub fn virtual_tokens(&self) -> Result<usize> {
        Ok(self.part(TABLE)?.dim(0)?)
    }

    /// The soft prompt, on the graph of the tensors; `dropout` is the seed of a training pass.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn soft(&self, dropout: Option<u64>) -> Result<Soft> {
        let table = self.part(TABLE)?;
        let rows = match self.net {
            Net::Bare => table.clone(),
            Net::Mlp => {
                let inner = self.dense("mlp_head.0", table)?.relu()?;
                let inner = self.dense("mlp_head.2", &inner)?.relu()?;
                self.dense("mlp_head.4", &inner)?
            }
            Net::Lstm { layers, dropout: share } => {
                let mut x = table.clone();
                for layer in 0..layers {
                    x = match dropout {
                        Some(seed) if layer > 0 => ops::dropout(&x, share, seed ^ LSTM_SEED.wrapping_mul(layer as u64))?,
                        _ => x,
                    };
                    let (there, back) = (self.cell(&format!("l{layer}"), &x, false)?, self.cell(&format!("l{layer}_reverse"), &x, true)?);
                    x = Tensor::cat(&[there, back], 1)?; // (n, 2 hidden)
                }
                self.dense("mlp_head.2", &self.dense("mlp_head.0", &x)?.relu()?)?
            }
            Net::Projection => self.dense("transform.2", &self.dense("transform.0", table)?.tanh()?)?,
        };
        Ok(Soft { rows, place: self.place })
    }

    fn dense(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (self.part(&format!("{name}.weight"))?, self.part(&format!("{name}.bias"))?);
        ops::linear(x, weight, Some(bias), Layout::OutIn)
    }

    /// One direction of one layer: `x [n, in] -> [n, hidden]`, in the order of the rows of x whichever way it is walked.
    /// The gates lie in PyTorch's order: input, forget, cell, output.
    fn cell(&self, end: &str, x: &Tensor, backwards: bool) -> Result<Tensor> {
        let part = |name: &str| self.part(&format!("lstm_head.{name}_{end}"));
        let from_input = ops::linear(x, part("weight_ih")?, Some(part("bias_ih")?), Layout::OutIn)?; // (n, 4 hidden)
        let (weight, bias) = (part("weight_hh")?, part("bias_hh")?);
        let (n, hidden) = (x.dim(0)?, weight.dim(1)?);
        let mut state = Tensor::zeros((1, hidden), x.dtype(), x.device())?;
        let mut memory = state.clone();
        let mut out = Vec::with_capacity(n);
        for t in 0..n {
            let t = if backwards { n - 1 - t } else { t };
            let gates = (from_input.narrow(0, t, 1)? + ops::linear(&state, weight, Some(bias), Layout::OutIn)?)?; // (1, 4 hidden)
            let gate = |i: usize| gates.narrow(1, i * hidden, hidden);
            memory = ((sigmoid(&gate(1)?)? * &memory)? + (sigmoid(&gate(0)?)? * gate(2)?.tanh()?)?)?;
            state = (sigmoid(&gate(3)?)? * memory.tanh()?)?;
            out.push(state.clone());
        }
        if backwards {
            out.reverse();
        }
        Ok(Tensor::cat(&out, 0)?)
    }

    /// The same numbers, outside of any graph.
    pub fn detached(&self) -> Self {
        let parts = self.parts.iter().map(|(name, tensor)| (name.clone(), tensor.detach())).collect();
        Self { parts, ..*self }
    }
}

/// Sets the LSTM's dropout apart from other uses of a pass's seed.
const LSTM_SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// `(1 + tanh(x / 2)) / 2`: has a gradient and does not overflow.
fn sigmoid(x: &Tensor) -> Result<Tensor> {
    Ok(((x * 0.5)?.tanh()? * 0.5)?.affine(1.0, 0.5)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::random::Random;

    const WIDTHS: Widths = Widths { tokens: 4, input: 3, hidden: 5, output: 6 };
    const NETS: [Net; 4] = [Net::Bare, Net::Mlp, Net::Lstm { layers: 2, dropout: 0.0 }, Net::Projection];

    fn numbers(net: Net) -> BTreeMap<String, Var> {
        let part = |part: Part| {
            let n = part.shape.iter().product();
            let values = Random::seeded(5).fork(&part.name).normals(n, 0.7);
            (part.name, Var::from_tensor(&Tensor::from_vec(values, part.shape, &Device::Cpu).unwrap()).unwrap())
        };
        net.parts(WIDTHS).into_iter().map(part).collect()
    }

    fn encoder(net: Net, vars: &BTreeMap<String, Var>) -> Encoder {
        Encoder::new(vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect(), net, Place::Input).unwrap()
    }

    /// A sum in which every number of the prompt has another weight.
    fn measure(encoder: &Encoder) -> Tensor {
        let rows = encoder.soft(None).unwrap().rows;
        let weights: Vec<f32> = (0..rows.elem_count()).map(|i| ((i * 7 + 3) % 11) as f32 / 5.0 - 1.0).collect();
        (&rows * Tensor::from_vec(weights, rows.shape(), &Device::Cpu).unwrap()).unwrap().sum_all().unwrap()
    }

    #[test]
    fn every_part_has_the_gradient_of_finite_differences() {
        for net in NETS {
            let vars = numbers(net);
            let encoder = encoder(net, &vars);
            assert_eq!(encoder.soft(None).unwrap().rows.dims(), [4, 6], "{net:?}");
            let store = measure(&encoder).backward().unwrap();
            for (name, var) in &vars {
                let gradient = store.get(var.as_tensor()).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
                let values = var.as_detached_tensor().flatten_all().unwrap().to_vec1::<f32>().unwrap();
                for i in (0..values.len()).step_by(values.len().div_ceil(5)) {
                    let at = |step: f32| {
                        let mut moved = values.clone();
                        moved[i] += step;
                        var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu).unwrap()).unwrap();
                        measure(&encoder).to_scalar::<f32>().unwrap()
                    };
                    let (up, down) = (at(1e-3), at(-1e-3));
                    var.set(&Tensor::from_vec(values.clone(), var.shape(), &Device::Cpu).unwrap()).unwrap();
                    let slope = (up - down) / 2e-3;
                    assert!((slope - gradient[i]).abs() < 2e-2 * (1.0 + slope.abs()), "{net:?} {name}[{i}]: {slope} and {}", gradient[i]);
                }
            }
        }
    }

    #[test]
    fn dropout_falls_between_the_layers_of_an_lstm_and_comes_again_with_its_seed() {
        let net = Net::Lstm { layers: 2, dropout: 0.5 };
        let encoder = encoder(net, &numbers(net));
        let rows = |seed| encoder.soft(seed).unwrap().rows.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(rows(Some(1)), rows(Some(1)));
        assert_ne!(rows(Some(1)), rows(Some(2)));
        assert_ne!(rows(Some(1)), rows(None));
        let single = Net::Lstm { layers: 1, dropout: 0.5 };
        let encoder = self::encoder(single, &numbers(single));
        let rows = |seed| encoder.soft(seed).unwrap().rows.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(rows(Some(1)), rows(None), "one layer has nothing between");
    }
}
