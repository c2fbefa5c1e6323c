//! Strided perplexity, as in transformers' documentation (docs/source/en/perplexity.md).

use candle_core::Tensor;

use crate::Result;
use crate::model::{Input, Model, NoTap};
use crate::nn::Pass;

/// The windows still to be scored.
#[derive(Clone, Debug)]
pub struct Windows {
    ids: Vec<u32>,
    length: usize,
    stride: usize,
    begin: usize,
    scored_to: usize,
}

/// The state of a measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Perplexity {
    /// Sum of nats, as the documentation weighs it.
    pub nll: f64,
    /// What `nll` is divided by.
    pub tokens: usize,
}

impl Perplexity {
    pub fn loss(&self) -> f64 {
        self.nll / self.tokens.max(1) as f64
    }

    pub fn ppl(&self) -> f64 {
        self.loss().exp()
    }
}

impl Windows {
    /// Windows of `length` tokens (at most the context) that move on by `stride`; both at least 1.
    pub fn new(ids: Vec<u32>, length: usize, stride: usize) -> Self {
        Self { ids, length, stride, begin: 0, scored_to: 0 }
    }

    /// Tokens of a window.
    pub fn length(&self) -> usize {
        self.length
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ids.len().saturating_sub(self.length).div_ceil(self.stride) + 1
    }

    /// Scores the next window: each token that no window before has scored, seen with all of this window before it.
    /// `None` when the text is done.
    ///
    /// The documentation divides by `valid - 1` in every window although only the first one loses a token; so do we, to get its numbers.
    ///
    /// # Errors
    /// Shapes; a window past the context.
    pub fn score(&mut self, model: &Model, pass: &Pass, sum: &mut Perplexity) -> Result<Option<()>> {
        let end = (self.begin + self.length).min(self.ids.len());
        let valid = end - self.scored_to;
        if valid == 0 || end - self.begin < 2 {
            return Ok(None);
        }
        let window = &self.ids[self.begin..end];
        let input = Tensor::new(&window[..window.len() - 1], &model.device)?.unsqueeze(0)?;
        let hidden = model.forward(Input::Ids(&input), None, pass, &mut NoTap)?.squeeze(0)?; // (T, C)
        let first = (self.scored_to - self.begin).max(1);
        let hidden = hidden.narrow(0, first - 1, window.len() - first)?;
        let losses = model.losses(&hidden, &window[first..], pass)?;
        let mean = losses.iter().map(|l| f64::from(*l)).sum::<f64>() / losses.len() as f64;
        sum.nll += mean * (valid - 1) as f64;
        sum.tokens += valid - 1;
        self.scored_to = end;
        self.begin = if end == self.ids.len() { end } else { self.begin + self.stride };
        Ok(Some(()))
    }
}
