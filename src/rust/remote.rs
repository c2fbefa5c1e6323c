//! The engine as others reach it: whether it is there, orders to it, and what a person typing may ask of it while no cell runs.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wire::engine::{Known, Order, Said};
use wire::lab::send;

use super::post::Stream;

/// Whoever types does not wait longer than this for a hint.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How far the engine is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum State {
    #[default]
    Starting,
    Ready,
    /// It cannot start; why.
    Unable(String),
}

/// What may replace `from..to`, bytes of the text that was asked about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub words: Vec<Known>,
    pub from: usize,
    pub to: usize,
}

/// A handle; clones mean the same engine.
#[derive(Clone, Default)]
pub struct Remote(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    orders: Option<Box<dyn Stream>>,
    state: State,
    /// A cell runs: the engine would answer only after it.
    busy: bool,
    known: Vec<Known>,
    waiting: HashMap<u64, Sender<Said>>,
    ids: u64,
}

impl Remote {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An engine is about to start, or none is there any more.
    pub fn reset(&self) {
        let mut inner = self.inner();
        *inner = Inner { ids: inner.ids, busy: inner.busy, ..Inner::default() };
    }

    pub(super) fn connect(&self, orders: Box<dyn Stream>) {
        self.inner().orders = Some(orders);
    }

    pub fn state(&self) -> State {
        self.inner().state.clone()
    }

    pub(super) fn set_busy(&self, busy: bool) {
        self.inner().busy = busy;
    }

    /// # Errors
    /// There is no engine, or it is gone.
    pub(super) fn order(&self, order: &Order) -> io::Result<()> {
        match &mut self.inner().orders {
            Some(orders) => send(orders, order),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Keeps what is meant for this side, and gives back what a cell waits for.
    pub(super) fn take(&self, said: Said) -> Option<Said> {
        let mut inner = self.inner();
        match said {
            Said::Ready => inner.state = State::Ready,
            Said::Unable { cause } => inner.state = State::Unable(cause),
            Said::Known { names } => inner.known = names,
            Said::Completed { id, .. } | Said::Hovered { id, .. } => {
                // Who asked may have given up.
                if let Some(asker) = inner.waiting.remove(&id) {
                    let _ = asker.send(said);
                }
            }
            said => return Some(said),
        }
        None
    }

    /// The words that could stand at byte `at`: rust-analyzer's, or while a cell runs the names that were known before it.
    pub fn complete(&self, code: &str, at: usize) -> Found {
        match self.ask(|id| Order::Complete { id, code: code.to_owned(), at }) {
            Some(Said::Completed { found, from, to, .. }) => Found { words: found, from, to },
            _ => self.remembered(code, at),
        }
    }

    /// What the word that ends at byte `at` is. While a cell runs: the type of a variable that was known before it.
    pub fn hover(&self, code: &str, at: usize) -> Option<String> {
        match self.ask(|id| Order::Hover { id, code: code.to_owned(), at }) {
            Some(Said::Hovered { text, .. }) => Some(text).filter(|text| !text.is_empty()),
            _ => {
                let word = &code[word_before(code, at)..at];
                let inner = self.inner();
                inner.known.iter().find(|known| known.name == word && !known.note.is_empty()).map(|k| format!("{}: {}", k.name, k.note))
            }
        }
    }

    fn ask(&self, order: impl FnOnce(u64) -> Order) -> Option<Said> {
        let (sender, answer) = channel();
        let id = {
            let mut inner = self.inner();
            if inner.busy || inner.state != State::Ready {
                return None;
            }
            inner.ids += 1;
            let id = inner.ids;
            inner.waiting.insert(id, sender);
            id
        };
        let answer = self.order(&order(id)).ok().and_then(|()| answer.recv_timeout(PATIENCE).ok());
        self.inner().waiting.remove(&id);
        answer
    }

    fn remembered(&self, code: &str, at: usize) -> Found {
        let from = word_before(code, at);
        let word = &code[from..at];
        // Behind a dot or a path stands nothing of these.
        if word.is_empty() || code[..from].ends_with(['.', ':']) {
            return Found { words: Vec::new(), from: at, to: at };
        }
        let words = self.inner().known.iter().filter(|known| known.name.starts_with(word)).cloned().collect();
        Found { words, from, to: at }
    }
}

/// Where the word begins that ends at byte `at`.
pub fn word_before(code: &str, at: usize) -> usize {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    code[..at].char_indices().rev().take_while(|(_, c)| inside(*c)).last().map_or(at, |(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str, note: &str) -> Known {
        Known { name: name.into(), kind: "instance".into(), note: note.into() }
    }

    #[test]
    fn while_a_cell_runs_the_names_known_before_answer() {
        let remote = Remote::default();
        assert_eq!(remote.take(Said::Known { names: vec![known("模型", "String"), known("top", "i32")] }), None);
        assert_eq!(remote.take(Said::Ready), None);
        remote.set_busy(true);
        let code = "let a = 模";
        assert_eq!(remote.complete(code, code.len()), Found { words: vec![known("模型", "String")], from: 8, to: 11 });
        assert_eq!(remote.complete("x.to", 4).words, []);
        assert_eq!(remote.hover("top", 3).as_deref(), Some("top: i32"));
        assert_eq!(remote.hover("to", 2), None);
    }

    #[test]
    fn what_a_cell_waits_for_is_not_kept() {
        let remote = Remote::default();
        assert_eq!(remote.take(Said::Panicked), Some(Said::Panicked));
        assert_eq!((remote.take(Said::Unable { cause: "no".into() }), remote.state()), (None, State::Unable("no".into())));
        remote.reset();
        assert_eq!(remote.state(), State::Starting);
    }
}
