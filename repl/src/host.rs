//! What the terminal needs of a session: its own desk, or a kernel's that it has joined.

use std::sync::mpsc::Receiver;

use lantern::cell::Desk;
use wire::{Completeness, Completion, Event, Execute, HistoryEntry, HistoryQuery};

/// Everything but `execute` answers at once, or says nothing.
pub trait Host: Send + Sync {
    /// Queues a cell; its last event is [`Event::Done`].
    fn execute(&self, request: Execute) -> Receiver<Event>;
    /// Stops the running cell; does nothing when idle.
    fn interrupt(&self);
    /// Answers [`Event::Input`]; `None` ends the input.
    fn answer(&self, text: Option<String>);
    /// The words that could stand at `cursor`, a byte offset.
    fn complete(&self, code: &str, cursor: usize) -> Completion;
    fn is_complete(&self, code: &str) -> Completeness;
    fn history(&self, query: &HistoryQuery) -> Vec<HistoryEntry>;
    /// What leaving would lose: trained and not saved.
    fn unsaved(&self) -> Vec<String>;
    /// The session has ended, not by us.
    fn gone(&self) -> bool {
        false
    }
}

impl Host for Desk {
    fn execute(&self, request: Execute) -> Receiver<Event> {
        Self::execute(self, request)
    }

    fn interrupt(&self) {
        Self::interrupt(self);
    }

    fn answer(&self, text: Option<String>) {
        Self::answer(self, text);
    }

    fn complete(&self, code: &str, cursor: usize) -> Completion {
        Self::complete(self, code, cursor)
    }

    fn is_complete(&self, code: &str) -> Completeness {
        Self::is_complete(self, code)
    }

    fn history(&self, query: &HistoryQuery) -> Vec<HistoryEntry> {
        Self::history(self, query)
    }

    fn unsaved(&self) -> Vec<String> {
        self.status().unsaved
    }
}
