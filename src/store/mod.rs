//! Paths, settings, history; placeholder until the store lands.

use std::sync::{Mutex, PoisonError};

use wire::{HistoryEntry, HistoryQuery};

#[derive(Debug, Default)]
pub struct History(Mutex<Vec<HistoryEntry>>);

impl History {
    pub fn add(&self, entry: HistoryEntry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    pub fn query(&self, query: &HistoryQuery) -> Vec<HistoryEntry> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let n = match query {
            HistoryQuery::Tail { n } | HistoryQuery::Search { n, .. } => *n,
            HistoryQuery::Range { .. } => usize::MAX,
        };
        all.iter().skip(all.len().saturating_sub(n)).cloned().collect()
    }
}
