//! `compare`: methods one after the other from the same start; what the session had is put back.

use super::adapters::Shelf;
use super::train::Active;
use super::{Session, Unsaved};
use crate::adapter::Adapter;
use crate::eval::Perplexity;
use crate::model::Model;
use crate::words::ui;
use crate::{Error, Result};

/// What the session had before, and the adapters that were trained since.
pub struct Aside {
    model: Model,
    adapter: Option<Adapter>,
    shelf: Shelf,
    run: Option<Active>,
    unsaved: Unsaved,
    kept: Vec<Adapter>,
}

/// How good the model is now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measure {
    /// Mean loss of the validation examples; `None` without any.
    pub val: Option<f64>,
    /// Perplexity of another text.
    pub text: Option<f64>,
}

/// Tokens of a window of that text, and how many windows count.
const WINDOW: usize = 256;
const WINDOWS: usize = 16;

impl Session {
    /// Sets the model, its adapters and the run aside.
    ///
    /// # Errors
    /// `NoModel`, `NoData`.
    pub fn set_aside(&mut self) -> Result<Aside> {
        self.dataset()?;
        let model = self.base()?.model.clone();
        self.generation = None;
        Ok(Aside {
            model,
            adapter: self.adapter.take(),
            shelf: std::mem::take(&mut self.shelf),
            run: self.run.take(),
            unsaved: std::mem::take(&mut self.unsaved),
            kept: Vec::new(),
        })
    }

    /// From the start again, with `adapter` to be trained, or all weights.
    pub fn begin_trial(&mut self, adapter: Option<Adapter>, aside: &Aside) {
        if let Some(base) = &mut self.loaded {
            base.model = aside.model.clone();
        }
        (self.adapter, self.run) = (adapter, None);
        self.publish();
    }

    /// Takes the trained adapter off; it is kept for later.
    pub fn end_trial(&mut self, aside: &mut Aside) {
        let trained = self.run.take().is_some_and(|active| !active.run.steps().is_empty());
        aside.kept.extend(self.adapter.take().filter(|_| trained));
    }

    /// Puts everything back, and beside it the trained adapters under free names, which it gives.
    pub fn bring_back(&mut self, aside: Aside) -> Vec<String> {
        if let Some(base) = &mut self.loaded {
            base.model = aside.model;
        }
        (self.adapter, self.shelf, self.run, self.unsaved) = (aside.adapter, aside.shelf, aside.run, aside.unsaved);
        let names = aside.kept.into_iter().map(|adapter| self.keep_adapter(adapter)).collect();
        crate::device::memory::give_back();
        self.publish();
        names
    }

    /// The validation loss, and the perplexity of a text (its name, itself) that the data does not teach.
    ///
    /// # Errors
    /// `NoModel`, `Interrupted`; `EmptyData` for a text of fewer than two tokens.
    pub fn measure(&self, text: Option<(&str, &str)>) -> Result<Measure> {
        let val = if self.dataset()?.val.is_empty() { None } else { Some(self.loss_on_data(usize::MAX)?.0.mean()) };
        let Some((name, text)) = text else { return Ok(Measure { val, text: None }) };
        let length = WINDOW.min(self.room()?);
        let (mut windows, _) = self.windows(name, text, Some(length), Some(length))?;
        let mut sum = Perplexity::default();
        for _ in 0..WINDOWS {
            if self.stop.raised() {
                return Err(Error::Interrupted { what: ui::EVAL_STOPPED.to_string() });
            }
            if !self.score(&mut windows, &mut sum)? {
                break;
            }
        }
        Ok(Measure { val, text: Some(sum.ppl()) })
    }
}
