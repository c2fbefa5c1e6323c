//! When generation ends: an eos token, a stop text, the number of tokens asked for, the model's context, an interrupt.

use super::options::{DEFAULT_NEW_TOKENS, Options};
use crate::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoppedBy {
    Eos,
    /// One of the stop texts.
    Stop,
    /// `max_new_tokens` or `max_length`.
    Length,
    Context,
    Interrupt,
}

impl StoppedBy {
    pub fn name(self) -> &'static str {
        match self {
            Self::Eos => "eos",
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Context => "context",
            Self::Interrupt => "interrupt",
        }
    }
}

/// How many new tokens there may be, and what ends generation when they are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub tokens: usize,
    pub then: StoppedBy,
}

impl Budget {
    /// `prompt` and `context` in tokens. `max_new_tokens` goes before `max_length`, as in transformers.
    ///
    /// # Errors
    /// `ContextFull` if the prompt leaves no room; `BadValue` if `max_length` does not exceed the prompt.
    pub fn new(options: &Options, prompt: usize, context: usize) -> Result<Self> {
        if prompt >= context {
            return Err(Error::ContextFull { tokens: prompt, context });
        }
        let asked = match (options.max_new_tokens, options.max_length) {
            (Some(tokens), _) => tokens,
            (None, Some(length)) if length <= prompt => {
                let allowed = format!("max_length > {prompt}, the prompt's tokens");
                return Err(Error::BadValue { option: "max_length".into(), given: length.to_string(), allowed });
            }
            (None, Some(length)) => length - prompt,
            (None, None) => DEFAULT_NEW_TOKENS,
        };
        let room = context - prompt;
        Ok(if asked <= room { Self { tokens: asked, then: StoppedBy::Length } } else { Self { tokens: room, then: StoppedBy::Context } })
    }
}

/// Finds stop texts in text that comes in pieces. What may be the start of one is held back until it is known.
#[derive(Clone, Debug, Default)]
pub struct StopStrings {
    stops: Vec<String>,
    held: String,
    found: bool,
}

impl StopStrings {
    /// Empty texts are left out.
    pub fn new(stops: &[String]) -> Self {
        let stops = stops.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        Self { stops, held: String::new(), found: false }
    }

    /// The text that can be shown now. After a stop text was found, nothing more comes.
    pub fn push(&mut self, piece: &str) -> String {
        if self.found {
            return String::new();
        }
        self.held.push_str(piece);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.found = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        std::mem::replace(&mut self.held, rest)
    }

    /// A stop text was found.
    pub fn found(&self) -> bool {
        self.found
    }

    /// What was held back, when generation ends for another reason.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes at the end of `text` that are a proper start of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let starts = stop.char_indices().map(|(at, _)| at).skip(1);
    starts.filter(|&at| text.ends_with(&stop[..at])).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (Vec<String>, bool, String) {
        let stops: Vec<String> = stops.iter().map(|&stop| stop.to_owned()).collect();
        let mut stream = StopStrings::new(&stops);
        let shown = pieces.iter().map(|piece| stream.push(piece)).collect();
        (shown, stream.found(), stream.finish())
    }

    #[test]
    fn a_stop_text_across_tokens_never_shows() {
        let (shown, found, rest) = run(&["\n\n", "END"], &["a\n", "b E", "N", "D c", "d"]);
        assert_eq!((shown.concat().as_str(), found, rest.as_str()), ("a\nb ", true, ""));
        let (shown, found, rest) = run(&["END"], &["x E", "N", "x", " EN"]);
        assert_eq!(shown, ["x ", "", "ENx", " "]);
        assert_eq!((found, rest.as_str()), (false, "EN"));
    }

    #[test]
    fn the_earliest_match_counts_and_overlaps_are_kept() {
        assert_eq!(run(&["b", "ab"], &["xab"]).0, ["x"]);
        assert_eq!(run(&["aab"], &["aa", "ab"]).0.concat(), "a");
        assert_eq!(run(&["结束"], &["好结", "果结", "束了"]).0, ["好", "结果", ""]);
        assert_eq!(run(&[], &["all", "of it"]).0.concat(), "allof it");
    }

    #[test]
    fn the_context_ends_what_the_budget_does_not() {
        let with = |new, length| Options { max_new_tokens: new, max_length: length, ..Options::default() };
        let budget = |new, length| Budget::new(&with(new, length), 10, 30).map(|budget| (budget.tokens, budget.then));
        assert_eq!(budget(Some(20), None), Ok((20, StoppedBy::Length)));
        assert_eq!(budget(Some(21), Some(12)), Ok((20, StoppedBy::Context)));
        assert_eq!(budget(None, Some(12)), Ok((2, StoppedBy::Length)));
        assert_eq!(budget(None, None), Ok((20, StoppedBy::Context)));
        assert!(matches!(budget(None, Some(10)), Err(Error::BadValue { .. })));
        assert!(matches!(Budget::new(&with(None, None), 30, 30), Err(Error::ContextFull { tokens: 30, context: 30 })));
    }
}
