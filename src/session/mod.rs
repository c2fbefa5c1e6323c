//! The session: one model with its adapter, its data and its run. One verb per file; no events, no printing.

mod snapshot;

use std::sync::Arc;

use candle_core::Device;
use wire::value::Status;
use wire::{HistoryEntry, HistoryQuery};

pub use snapshot::{Shared, Snapshot};

use crate::stop::Stop;
use crate::store::History;

/// What lives between cells. It belongs to one thread; others read its [`Snapshot`].
pub struct Session {
    stop: Stop,
    shared: Arc<Shared>,
    history: Arc<History>,
    seed: u64,
    device: Device,
}

/// The seed a session starts with; `%seed` changes it.
pub const FIRST_SEED: u64 = 42;

impl Session {
    pub fn new(stop: Stop, shared: Arc<Shared>, history: Arc<History>) -> Self {
        Self { stop, shared, history, seed: FIRST_SEED, device: Device::Cpu }
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Starts all generators anew from `seed`.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Where the next model goes.
    pub fn set_device(&mut self, device: Device) {
        self.device = device;
    }

    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    pub fn status(&self) -> Status {
        self.shared.read().status()
    }

    pub fn history(&self, query: &HistoryQuery) -> Vec<HistoryEntry> {
        self.history.query(query)
    }
}
