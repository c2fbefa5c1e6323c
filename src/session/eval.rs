//! `eval`: perplexity over a text or over the data's examples.

use super::Session;
use crate::eval::{Perplexity, Windows};
use crate::nn::Pass;
use crate::train::{self, Loss};
use crate::words::ui;
use crate::{Error, Result};

impl Session {
    /// The windows of a text for the strided method; `length` is at most the context, `stride` at most `length`.
    ///
    /// # Errors
    /// `NoModel`, `EmptyData` for fewer than two tokens, `BadValue` for a window longer than the context or a stride longer than the window.
    pub fn windows(&self, name: &str, text: &str, stride: Option<usize>, length: Option<usize>) -> Result<(Windows, usize)> {
        let base = self.base()?;
        let ids = base.tokenizer.encode(text)?;
        if ids.len() < 2 {
            return Err(Error::EmptyData { path: name.to_owned() });
        }
        let context = self.room()?;
        at_most("max_length", length, context)?;
        let length = length.unwrap_or(DEFAULT_WINDOW).min(context);
        at_most("stride", stride, length)?;
        let stride = stride.unwrap_or(length / 2).max(1);
        Ok((Windows::new(ids, length, stride), stride))
    }

    /// Scores the next window; `false` when the text is done.
    ///
    /// # Errors
    /// `NoModel`
    pub fn score(&self, windows: &mut Windows, sum: &mut Perplexity) -> Result<bool> {
        let deltas = self.deltas();
        let pass = Pass { deltas: deltas.as_ref(), ..Pass::default() };
        Ok(windows.score(&self.base()?.model, &pass, sum)?.is_some())
    }

    /// The loss on a small sample: the first `n` examples of the data, or a text that ships with Lantern.
    ///
    /// # Errors
    /// `NoModel`, `Interrupted`.
    pub fn sample_loss(&self, n: usize) -> Result<f64> {
        if self.data.is_some() {
            return Ok(self.loss_on_data(n)?.0.mean());
        }
        let window = SAMPLE_WINDOW.min(self.room()?);
        let (mut windows, _) = self.windows("sample", SAMPLE, Some(window), Some(window))?;
        let mut sum = Perplexity::default();
        for _ in 0..n {
            if self.stop.raised() {
                return Err(Error::Interrupted { what: ui::EVAL_STOPPED.to_string() });
            }
            if !self.score(&mut windows, &mut sum)? {
                break;
            }
        }
        Ok(sum.loss())
    }

    /// The loss of the learned tokens of the validation examples, or of the training examples where there are none.
    ///
    /// # Errors
    /// `NoModel`, `NoData`, `Interrupted`.
    pub fn loss_on_data(&self, limit: usize) -> Result<(Loss, &'static str)> {
        let (base, data) = (self.base()?, self.dataset()?);
        let (examples, which) = if data.val.is_empty() { (&data.train, "train") } else { (&data.val, "val") };
        let deltas = self.deltas();
        let pass = Pass { deltas: deltas.as_ref(), ..Pass::default() };
        let examples = &examples[..examples.len().min(limit)];
        Ok((train::evaluate(&base.model, &pass, examples, EVAL_BATCH, &self.stop)?, which))
    }
}

fn at_most(option: &str, given: Option<usize>, most: usize) -> Result<()> {
    match given {
        Some(given) if given > most => {
            let allowed = ui::AT_MOST.with(&[("most", &most)]);
            Err(Error::BadValue { option: option.to_owned(), given: given.to_string(), allowed })
        }
        _ => Ok(()),
    }
}

/// What is measured where no data is loaded.
const SAMPLE: &str = include_str!("../../tutorials/data/text/us-declaration.txt");
const SAMPLE_WINDOW: usize = 128;

/// Examples of one forward pass while nothing is learned.
const EVAL_BATCH: usize = 4;

/// Tokens of a window unless asked for more: long windows cost attention that grows with their square.
const DEFAULT_WINDOW: usize = 512;
