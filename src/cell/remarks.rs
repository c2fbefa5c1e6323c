//! What a person should know before they begin: how earlier sessions ended, and a home that does not last.

use std::sync::{Arc, Mutex, PoisonError};

use crate::plot::number;
use crate::session::{Found, unsaved_runs};
use crate::store::{Home, Left, left_behind};
use crate::words::{luck, training};

/// Said once, by whoever takes them first.
#[derive(Clone, Debug, Default)]
pub struct Remarks(Arc<Mutex<Vec<String>>>);

impl Remarks {
    pub fn of(home: &Home) -> Self {
        let left = left_behind(&home.running());
        let temporary = home.temporary.then(|| luck::NO_HOME.with(&[("path", &home.root().display())]));
        let unsaved = unsaved_runs(&home.runs());
        Self(Arc::new(Mutex::new(left.iter().map(ended).chain(unsaved.iter().map(not_saved)).chain(temporary).collect())))
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn not_saved(run: &Found) -> String {
    let (model, data) = run.identity.subject.names();
    training::NOT_SAVED.with(&[("model", &model), ("data", &data), ("step", &run.step)])
}

fn ended(left: &Left) -> String {
    let free = left.free.map_or_else(|| "?".to_owned(), number::bytes);
    let said = luck::LEFT_RUNNING.with(&[("what", &left.what), ("begun", &left.begun), ("free", &free)]);
    let why =
        left.asked.map_or_else(|| luck::LEFT_UNKNOWN.to_string(), |asked| luck::LEFT_REFUSED.with(&[("asked", &number::bytes(asked))]));
    format!("{said} {why} {}", luck::LEFT_ADVICE)
}
