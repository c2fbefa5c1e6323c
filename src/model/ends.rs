//! The two ends of a decoder: tokens to embeddings, hidden states to logits and losses; with what an adapter makes of them.

use candle_core::Tensor;

use super::Model;
use crate::Result;
use crate::nn::{Linear, LowRank, Pass, Weight};
use crate::ops::{self, HeadWeight};

impl Model {
    /// The output head as a linear layer, `[vocabulary, hidden]`; a tied one is the embedding table under the head's name.
    pub fn output(&self) -> Linear {
        let tied = || Linear { path: self.family.names.head.to_owned(), weight: self.embed.clone(), bias: None };
        self.head.clone().unwrap_or_else(tied)
    }

    /// Makes a head of its own of a tied one; the numbers stay shared until one of them changes.
    pub fn untie(&mut self) {
        if self.head.is_none() {
            self.head = Some(self.output());
            self.spec.tied = false;
            self.config["tie_word_embeddings"] = false.into();
        }
    }

    /// `ids: [B, T] -> [B, T, hidden]`, f32.
    ///
    /// # Errors
    /// An id outside the vocabulary.
    pub(super) fn embedded(&self, ids: &Tensor, pass: &Pass) -> Result<Tensor> {
        let path = self.family.names.embed;
        let table = pass.table(path, &self.embed);
        match pass.at(path) {
            Some(low) => low.embed(&table, ids, pass.half),
            None => table.embed(ids),
        }
    }

    /// The head that computes in this pass, and what stands beside it.
    fn head_in<'a>(&self, pass: &Pass<'a>) -> (Linear, Option<&'a LowRank>) {
        let head = self.output();
        let low = pass.at(&head.path);
        (Linear { weight: pass.table(&head.path, &head.weight), ..head }, low)
    }

    /// `hidden: [.., hidden] -> logits [.., vocabulary]`: only for the rows that are needed.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn logits(&self, hidden: &Tensor, pass: &Pass) -> Result<Tensor> {
        match self.head_in(pass) {
            (head, Some(low)) => low.forward(&head, hidden, pass.dropout),
            (head, None) => head.weight.apply(hidden, None),
        }
    }

    /// The sum of the losses of hidden states `[N, hidden]` against what each should predict, with `smoothing` of it spread over the vocabulary.
    ///
    /// # Errors
    /// A target outside the vocabulary.
    pub fn loss(&self, hidden: &Tensor, targets: &[u32], smoothing: f64, pass: &Pass) -> Result<Tensor> {
        let (head, low) = self.head_in(pass);
        let weight = as_head(&head.weight);
        let Some(low) = low else { return ops::smoothed_cross_entropy(hidden, &weight, targets, smoothing) };
        let delta = low.beside_head(&head.path, &head.weight, hidden, pass.dropout)?;
        ops::adapted_cross_entropy(hidden, &weight, &delta, targets, smoothing)
    }

    /// The loss of each of hidden states `[N, hidden]`; nothing is learned.
    ///
    /// # Errors
    /// A target outside the vocabulary.
    pub fn losses(&self, hidden: &Tensor, targets: &[u32], pass: &Pass) -> Result<Vec<f32>> {
        let (head, low) = self.head_in(pass);
        let weight = as_head(&head.weight);
        let Some(low) = low else { return ops::token_losses(hidden, &weight, targets) };
        let delta = low.beside_head(&head.path, &head.weight, hidden, pass.dropout)?;
        ops::adapted_token_losses(hidden, &weight, &delta, targets)
    }

    /// A path as this model has it, of one that other checkpoints spell in another way (`embed_out` for `lm_head`).
    pub fn own_path(&self, path: &str) -> String {
        let others = self.family.spelled.iter().filter(|(_, other)| !other.is_empty());
        let renamed = |(own, other): &(&str, &str)| Some(format!("{own}{}", format!("{path}.").strip_prefix(other)?));
        let own = others.filter_map(renamed).next();
        own.map_or_else(|| path.to_owned(), |own| own.trim_end_matches('.').to_owned())
    }
}

/// Heads are stored `[vocabulary, hidden]`.
fn as_head(weight: &Weight) -> HeadWeight {
    match weight {
        Weight::Dense { tensor, .. } => HeadWeight::Dense(tensor.clone()),
        Weight::Packed(packed) => HeadWeight::Packed(packed.clone()),
    }
}
