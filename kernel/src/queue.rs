//! The cells that wait for the session, and the one that has it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::message::Request;

#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Request>>,
    running: Option<Arc<Request>>,
}

/// Where the cells of a client are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Running,
    Waiting,
    Nowhere,
}

impl Queue {
    pub fn push(&self, request: Arc<Request>) {
        self.state().waiting.push_back(request);
        self.more.notify_one();
    }

    /// Waits for a cell; it is the running one until [`Queue::done`].
    pub fn next(&self) -> Arc<Request> {
        let mut state = self.state();
        loop {
            if let Some(request) = state.waiting.pop_front() {
                state.running = Some(request.clone());
                return request;
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub fn done(&self) {
        self.state().running = None;
    }

    /// Takes away what waits of this client; the cells of others keep their place.
    pub fn take(&self, session: &str) -> Vec<Arc<Request>> {
        let mut state = self.state();
        let (taken, kept): (Vec<_>, Vec<_>) = state.waiting.drain(..).partition(|request| request.header.session == session);
        state.waiting = kept.into();
        taken
    }

    pub fn busy(&self) -> bool {
        let state = self.state();
        state.running.is_some() || !state.waiting.is_empty()
    }

    pub fn place(&self, session: &str) -> Place {
        let state = self.state();
        let is_theirs = |request: &Arc<Request>| request.header.session == session;
        match () {
            () if state.running.as_ref().is_some_and(is_theirs) => Place::Running,
            () if state.waiting.iter().any(is_theirs) => Place::Waiting,
            () => Place::Nowhere,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cell(session: &str) -> Arc<Request> {
        let mut request = Request::sample("execute_request", json!({}));
        request.header.session = session.to_owned();
        Arc::new(request)
    }

    #[test]
    fn one_client_leaves_the_queue_and_the_others_stay() {
        let queue = Queue::default();
        ["a", "b", "a", "c"].map(cell).into_iter().for_each(|request| queue.push(request));
        assert_eq!(queue.next().header.session, "a");
        assert_eq!(["a", "b", "x"].map(|session| queue.place(session)), [Place::Running, Place::Waiting, Place::Nowhere]);
        assert_eq!(queue.take("a").len(), 1);
        queue.done();
        assert_eq!((queue.place("a"), queue.busy()), (Place::Nowhere, true));
        assert_eq!([queue.next(), queue.next()].map(|request| request.header.session.clone()), ["b", "c"]);
        queue.done();
        assert!(!queue.busy());
    }
}
