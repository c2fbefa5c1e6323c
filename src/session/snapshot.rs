//! What other threads may read at any moment: replaced as a whole, so that completion and status never wait.

use std::sync::{Arc, PoisonError, RwLock};

use wire::value::Status;

#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Name of the loaded model.
    pub model: Option<String>,
    /// Names that `target=` takes: the last parts of the linear layers' paths.
    pub targets: Vec<String>,
    pub adapter: Option<String>,
    /// Names of all adapters, attached or not.
    pub adapters: Vec<String>,
    pub data: Option<String>,
    /// What is going on, `None` when idle.
    pub doing: Option<String>,
    /// What was trained and not saved since.
    pub unsaved: Vec<String>,
}

#[derive(Debug, Default)]
pub struct Shared(RwLock<Arc<Snapshot>>);

impl Shared {
    pub fn read(&self) -> Arc<Snapshot> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut slot = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Snapshot::clone(&slot);
        change(&mut next);
        *slot = Arc::new(next);
    }
}

impl Snapshot {
    pub fn status(&self) -> Status {
        Status {
            model: self.model.clone(),
            adapter: self.adapter.clone(),
            data: self.data.clone(),
            doing: self.doing.clone().unwrap_or_else(|| "idle".to_owned()),
            unsaved: self.unsaved.clone(),
            rss_bytes: crate::device::memory::resident().unwrap_or(0),
        }
    }
}
