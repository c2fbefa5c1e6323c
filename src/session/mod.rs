//! The session: one model with its adapter, its data and its run. One verb per file; no events, no printing.

mod adapters;
mod checkpoint;
mod compare;
mod data;
mod eval;
mod finish;
mod full;
mod generate;
mod inside;
mod load;
mod look;
mod lr;
mod memorise;
mod memory;
mod merge;
mod predict;
mod pretrain;
mod ptune;
mod quant;
mod runs;
mod save;
mod shards;
mod snapshot;
mod subject;
mod train;

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::Device;
use wire::value::Status;
use wire::{HistoryEntry, HistoryQuery};

pub use adapters::{Listed, Standing};
pub use checkpoint::{Found, unsaved as unsaved_runs};
pub use compare::{Aside, Measure};
pub use generate::Written;
pub use inside::{Choosing, Nobody, Numbers, Watch};
pub use load::{Loaded, Plan, Progress};
pub use look::Candidate;
pub use lr::{Point, Sweep};
pub use memorise::{Memorised, Memory, WRITTEN};
pub use memory::{Room, Saving, Thrift};
pub use merge::Merging;
pub use predict::Prediction;
pub use pretrain::{Making, Text, Tokens};
pub use quant::{Format, Quantised, Substitute, TensorError};
pub use save::{MAX_SHARD, Saved};
pub use snapshot::{Shared, Snapshot};

use crate::adapter::Adapter;
use crate::data::Dataset;
use crate::generate::Generation;
use crate::model::{Frozen, Model};
use crate::nn::Deltas;
use crate::random::Random;
use crate::stop::Stop;
use crate::store::{History, Home, Running, Settings};
use crate::tokenizer::{Message, Tokenizer};
use crate::train::Run;
use crate::words::Lang;
use crate::{Error, Result};

/// What lives between cells. It belongs to one thread; others read its [`Snapshot`].
pub struct Session {
    stop: Stop,
    shared: Arc<Shared>,
    history: Arc<History>,
    cache: PathBuf,
    runs: PathBuf,
    records: PathBuf,
    settings: PathBuf,
    running: PathBuf,
    seed: u64,
    random: Random,
    device: Device,
    loaded: Option<Base>,
    adapter: Option<Adapter>,
    shelf: adapters::Shelf,
    /// What a full run leaves as it is.
    frozen: Option<Frozen>,
    data: Option<Dataset>,
    generation: Option<Generation>,
    chat: Vec<Message>,
    run: Option<train::Active>,
    thrift: Thrift,
    unsaved: Unsaved,
}

/// What was trained and not saved since.
#[derive(Clone, Copy, Debug, Default)]
struct Unsaved {
    adapter: bool,
    model: bool,
}

/// The model and what belongs to it.
pub struct Base {
    pub model: Model,
    pub tokenizer: Tokenizer,
    pub licence: String,
}

/// The seed a session starts with; `%seed` changes it.
pub const FIRST_SEED: u64 = 42;

impl Session {
    /// Fetched models, runs and the choices that last lie in `home`; models go to `device`.
    pub fn new(stop: Stop, shared: Arc<Shared>, history: Arc<History>, home: &Home, device: Device) -> Self {
        Self {
            stop,
            shared,
            history,
            cache: home.cache(),
            runs: home.runs(),
            records: home.records(),
            settings: home.settings(),
            running: home.running(),
            seed: FIRST_SEED,
            random: Random::seeded(FIRST_SEED),
            device,
            loaded: None,
            adapter: None,
            shelf: adapters::Shelf::default(),
            frozen: None,
            data: None,
            generation: None,
            chat: Vec::new(),
            run: None,
            thrift: Thrift::default(),
            unsaved: Unsaved::default(),
        }
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Starts all generators anew from `seed`.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
        self.random = Random::seeded(seed);
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

    pub fn cache(&self) -> &std::path::Path {
        &self.cache
    }

    /// Keeps the language for later sessions.
    ///
    /// # Errors
    /// `Io`, `DiskFull`.
    pub fn remember_lang(&self, lang: Lang) -> Result<()> {
        let mut settings = Settings::read(&self.settings);
        settings.set_lang(lang);
        settings.write(&self.settings)
    }

    pub fn status(&self) -> Status {
        self.shared.read().status()
    }

    /// Notes that heavy work begins, for as long as the result lives; a home that cannot be written gets none.
    pub fn note(&self, what: &str) -> Option<Running> {
        Running::begin(&self.running, what).ok()
    }

    /// Says what is going on, for those who read the snapshot; `None` when done.
    pub fn doing(&self, what: Option<String>) {
        self.shared.update(|snapshot| snapshot.doing = what);
    }

    pub fn history(&self, query: &HistoryQuery) -> Vec<HistoryEntry> {
        self.history.query(query)
    }

    /// # Errors
    /// `NoModel`
    pub fn base(&self) -> Result<&Base> {
        self.loaded.as_ref().ok_or(Error::NoModel {})
    }

    pub fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_ref()
    }

    /// # Errors
    /// `NoData`
    pub fn dataset(&self) -> Result<&Dataset> {
        self.data.as_ref().ok_or(Error::NoData {})
    }

    /// # Errors
    /// `NoRun`
    pub fn run(&self) -> Result<&Run> {
        self.run.as_ref().map(|active| &active.run).ok_or(Error::NoRun {})
    }

    /// The adapter's deltas outside of any graph, for looking and generating.
    fn deltas(&self) -> Option<Deltas> {
        self.adapter.as_ref().map(|adapter| adapter.deltas().detached())
    }

    /// Tokens that the context holds beside the adapter's virtual ones.
    ///
    /// # Errors
    /// `NoModel`
    fn room(&self) -> Result<usize> {
        let ahead = self.adapter.as_ref().map_or(Ok(0), |adapter| adapter.deltas().ahead())?;
        Ok(self.base()?.model.spec.context.saturating_sub(ahead))
    }

    fn publish(&self) {
        let model = self.loaded.as_ref().map(|base| base.model.name.clone());
        let targets = self.loaded.as_ref().map(|base| crate::adapter::target_names(&base.model)).unwrap_or_default();
        let adapter = self.adapter.as_ref().map(Adapter::title);
        let data = self.data.as_ref().map(|data| data.name.clone());
        let names = [(self.unsaved.model, &model), (self.unsaved.adapter, &adapter)];
        let unsaved = names.into_iter().filter(|(unsaved, _)| *unsaved).filter_map(|(_, name)| name.clone());
        let unsaved = unsaved.chain(self.unsaved_others()).collect();
        let adapters = self.adapters().into_iter().map(|row| row.name).collect();
        self.shared
            .update(|snapshot| *snapshot = Snapshot { model, targets, adapter, adapters, data, unsaved, doing: snapshot.doing.clone() });
    }
}
