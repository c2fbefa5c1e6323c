//! A byte-level BPE vocabulary learned from text, for `%pretrain`.

use std::collections::BTreeMap;

use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer as Raw};

use super::parts::Draft;
use super::{Tokenizer, gguf};
use crate::{Error, Result};

impl Tokenizer {
    /// Learns `vocabulary` tokens: the specials (ids 0, 1, …; the first one is bos, eos and padding), the 256 bytes, and merges.
    ///
    /// The same texts give the same tokens, in any order and on any number of threads. Fewer tokens come out when the
    /// texts have no more pairs to merge. Errors: `BadValue` when `vocabulary` does not hold the specials and the bytes.
    pub fn train_bpe(texts: impl Iterator<Item = String> + Send, vocabulary: usize, specials: &[&str]) -> Result<Self> {
        Self::train_bpe_as("gpt-2", texts, vocabulary, specials)
    }

    /// The same, with text cut before the merges as GGUF's pre-tokenizer `pre` does.
    ///
    /// # Errors
    /// As [`Self::train_bpe`]; `Internal` for a pre-tokenizer that is not in the table.
    pub fn train_bpe_as(pre: &str, texts: impl Iterator<Item = String> + Send, vocabulary: usize, specials: &[&str]) -> Result<Self> {
        let least = 256 + specials.len();
        if vocabulary < least {
            let allowed = crate::words::ui::AT_LEAST.with(&[("least", &least)]);
            return Err(Error::BadValue { option: "vocab".to_owned(), given: vocabulary.to_string(), allowed });
        }
        let said = |cause: tokenizers::Error| Error::Internal { doing: "learning a vocabulary".to_owned(), cause: cause.to_string() };
        let mut raw = Raw::new(ModelWrapper::BPE(BPE::default()));
        gguf::cut_as(&mut raw, pre).map_err(|cause| said(cause.into()))?;
        raw.with_post_processor(Some(ByteLevel::new(false, false, true)));
        let alphabet = ByteLevel::alphabet().into_iter().collect();
        let named = specials.iter().map(|token| AddedToken::from(*token, true)).collect();
        let trainer = BpeTrainerBuilder::new().vocab_size(vocabulary).initial_alphabet(alphabet).special_tokens(named);
        let mut trainer = TrainerWrapper::from(trainer.show_progress(false).build());
        raw.train(&mut trainer, texts).map_err(said)?;
        let names = ["bos_token", "eos_token", "pad_token", "unk_token"];
        let first = specials.first().into_iter().flat_map(|token| names.map(|name| (name.to_owned(), (*token).to_owned())));
        let names: BTreeMap<String, String> = first.collect();
        Draft { source: "trained".to_owned(), names, ..Draft::default() }.finish(raw)
    }
}
