//! Which tokens of an example are learned: the answers and the token that ends them, never the prompt.

use super::{Encode, Turn, template};
use crate::words::{Phrase, ui};
use crate::{Error, Result};

/// Token ids and, for each, whether predicting it from those before is learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    pub ids: Vec<u32>,
    /// As long as `ids`; the first is false, for nothing comes before it.
    pub learned: Vec<bool>,
    /// Index of its row in `Dataset::rows`.
    pub row: usize,
}

impl Example {
    /// Tokens `from..` are learned.
    pub fn new(ids: Vec<u32>, from: usize) -> Self {
        let learned = (0..ids.len()).map(|i| i >= from.max(1)).collect();
        Self { ids, learned, row: 0 }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Tokens that are learned.
    pub fn count(&self) -> usize {
        self.learned.iter().filter(|&&learned| learned).count()
    }

    /// Shortens to `max_length` tokens; true if anything was cut off.
    pub fn cut(&mut self, max_length: usize) -> bool {
        let longer = self.ids.len() > max_length;
        self.ids.truncate(max_length);
        self.learned.truncate(max_length);
        longer
    }
}

/// Alpaca wording, masked as Stanford Alpaca does: source, and source with target, are tokenised apart and the first
/// `len(source)` tokens of the whole are ignored. Ends with eos, which is learned.
pub fn alpaca(tokenizer: &impl Encode, instruction: &str, input: &str, output: &str) -> Result<Example> {
    let source = template::alpaca(instruction, input);
    let prompt = open(tokenizer, &source)?;
    let mut ids = open(tokenizer, &format!("{source}{output}"))?;
    ids.extend(tokenizer.eos());
    Ok(Example::new(ids, prompt.len()))
}

/// Ids without an eos that some tokenizers add by themselves.
pub fn open(tokenizer: &impl Encode, text: &str) -> Result<Vec<u32>> {
    let mut ids = tokenizer.encode(text)?;
    if ids.last().is_some_and(|&last| Some(last) == tokenizer.eos()) {
        ids.pop();
    }
    Ok(ids)
}

/// A conversation in the model's template: each assistant turn and the token that ends it are learned.
///
/// The answer is what stands between the conversation rendered up to the prompt and the one rendered with the answer. That
/// holds only if what follows never changes what came before, so it is checked.
///
/// # Errors
/// `BadTemplate` if the template rewrites earlier turns, if the assistant speaks first or never; what the template itself reports.
pub fn chat(tokenizer: &impl Encode, turns: &[Turn]) -> Result<Example> {
    let whole = tokenizer.chat(turns, false)?;
    let mut ids = tokenizer.encode_plain(&whole)?;
    let mut learned = vec![false; ids.len()];
    let mut open_end = false;
    for (k, turn) in turns.iter().enumerate().filter(|(_, turn)| turn.role == "assistant") {
        if k == 0 {
            return Err(bad(ui::ASSISTANT_FIRST, k));
        }
        let prompt = tokenizer.chat(&turns[..k], true)?;
        let answered = tokenizer.chat(&turns[..=k], false)?;
        if !whole.starts_with(&prompt) || !whole.starts_with(&answered) || !answered.starts_with(&prompt) {
            return Err(bad(ui::UNSTABLE_TEMPLATE, k));
        }
        let end = answered.trim_end();
        let from = shared(&ids, &tokenizer.encode_plain(&prompt)?);
        let to = shared(&ids, &tokenizer.encode_plain(end)?);
        learned.iter_mut().take(to).skip(from.max(1)).for_each(|flag| *flag = true);
        open_end = k + 1 == turns.len() && end.ends_with(turn.content.trim_end());
    }
    if !learned.contains(&true) {
        return Err(bad(ui::NO_ASSISTANT, 0));
    }
    // A template that marks no end of the answer would never teach the model to stop.
    if open_end && let Some(eos) = tokenizer.eos() {
        ids.push(eos);
        learned.push(true);
    }
    Ok(Example { ids, learned, row: 0 })
}

fn bad(phrase: Phrase, turn: usize) -> Error {
    Error::BadTemplate { cause: phrase.with(&[("turn", &(turn + 1))]) }
}

/// Length of the common start. Where a token spans the border, it counts to what follows.
fn shared(whole: &[u32], start: &[u32]) -> usize {
    whole.iter().zip(start).take_while(|(a, b)| a == b).count()
}
