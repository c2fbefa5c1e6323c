//! `next`: the distribution over the next token, before and after it is edited.

use super::Session;
use crate::Result;
use crate::generate::{Options, Processors, distribution, next_logits};
use crate::nn::Cache;

/// One token that could come next.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub id: u32,
    pub text: String,
    pub before: f64,
    pub after: f64,
}

impl Session {
    /// The `top` likeliest next tokens after `prompt`: what the model says, and what is left after the options.
    ///
    /// # Errors
    /// `NoModel`, `ContextFull`, `BadValue`.
    pub fn next(&self, prompt: &str, top: usize, options: &Options) -> Result<Vec<Candidate>> {
        let base = self.base()?;
        let ids = self.encode_prompt("next", prompt)?;
        let mut logits = next_logits(&self.current()?.detached(), self.deltas().as_ref(), &ids, &mut Cache::new())?;
        let before = distribution(&logits);
        Processors::new(options, base.tokenizer.eos(), ids.len())?.apply(&ids, &mut logits);
        let mut after = distribution(&logits);
        if !options.samples() && (options.temperature.is_some() || options.do_sample.is_some()) {
            let best = (0..after.len()).reduce(|best, id| if after[id] > after[best] { id } else { best });
            after.iter_mut().enumerate().for_each(|(id, p)| *p = f32::from(u8::from(Some(id) == best)));
        }
        let mut order: Vec<usize> = (0..before.len()).collect();
        order.sort_by(|a, b| before[*b].total_cmp(&before[*a]).then(a.cmp(b)));
        let candidate = |id: usize| Candidate {
            id: id as u32,
            text: String::from_utf8_lossy(&base.tokenizer.token_bytes(id as u32)).into_owned(),
            before: f64::from(before[id]),
            after: f64::from(after[id]),
        };
        Ok(order.into_iter().take(top).map(candidate).collect())
    }
}
