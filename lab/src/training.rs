//! A training run that the cell steps itself.

use wire::lab::{Answer, Ask, Step};

use crate::channel::ask;
use crate::{Error, Result};

/// A run in progress: each `next` takes one optimizer step. When it is dropped (`break` included) the run is put down and what was
/// learned stays.
#[derive(Debug)]
pub struct Training {
    failed: Option<Error>,
}

/// Begins `%train` with these options, and steps when asked to.
///
/// # Errors
/// Those of `%train`.
pub fn train(options: &str) -> Result<Training> {
    ask(&Ask::Train { options: options.to_owned() })?;
    Ok(Training { failed: None })
}

impl Training {
    /// Why the run ended before its last step.
    pub fn error(&self) -> Option<&Error> {
        self.failed.as_ref()
    }
}

impl Iterator for Training {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        match ask(&Ask::Step) {
            Ok(Answer::Step { step }) => step,
            Ok(_) => None,
            Err(error) => {
                // The person must see why the loop ended.
                let _ = ask(&Ask::Print { error: true, text: format!("{error}\n") });
                self.failed = Some(error);
                None
            }
        }
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        // The session may be gone: then there is nothing to put down.
        let _ = ask(&Ask::Finish);
    }
}
