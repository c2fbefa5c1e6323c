//! Rust cells: a process of their own compiles and runs them (evcxr), and asks this one for the model over a private channel.
//!
//! Three processes: the session (this one), the engine (evcxr with rust-analyzer, [`engine`]), and the program that holds the cells'
//! variables, started by the engine. Whatever the cells do costs at most the last two.

#[cfg(feature = "rust-cells")]
mod builds;
mod caller;
pub mod calls;
#[cfg(all(unix, feature = "rust-cells"))]
mod cargo;
#[cfg(feature = "rust-cells")]
mod engine;
mod follow;
#[cfg(feature = "rust-cells")]
mod hints;
#[cfg(feature = "rust-cells")]
mod infer;
mod lend;
mod post;
mod process;
mod remote;
#[cfg(all(unix, feature = "rust-cells"))]
mod runner;
#[cfg(feature = "rust-cells")]
mod sieve;
mod sources;
mod trouble;
mod warmth;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use wire::Form;
use wire::engine::Order;
use wire::lab::{Answer, Ask};

pub use caller::{Caller, Meanwhile};
pub use remote::{Found, Remote, word_before};

use crate::stop::Stop;
use crate::store::Home;
use crate::words::{cells, ui};
use crate::{Error, Result, device};
use follow::{Cell, End};
use post::{Heard, Post};
use process::{Priority, Process};
use remote::State;
use warmth::{Change, Warmth};

/// In the cache: where cells are compiled.
const BUILDS: &str = "builds";
/// How often a waiting cell looks whether it was interrupted.
const LOOK: Duration = Duration::from_millis(20);
/// An engine that is interrupted while it starts goes on; one that takes longer than this is given up.
const STARTING: Duration = Duration::from_secs(60);
/// Free memory, in bytes, without which nothing is started before it is needed: an engine takes about a sixth of it.
const ROOM: u64 = 3 << 30;

/// Set in the engine's environment.
pub(crate) const ENGINE: &str = "LANTERN_RUST_ENGINE";

/// The first thing `main` does: in an engine, or in the program that runs cells, this is all it does. Elsewhere `None`.
pub fn hook() -> Option<ExitCode> {
    #[cfg(feature = "rust-cells")]
    {
        #[cfg(unix)]
        if let Some(code) = cargo::stand_in() {
            return Some(code);
        }
        #[cfg(unix)]
        runner::divert();
        evcxr::runtime_hook();
        if std::env::var_os(ENGINE).is_some() {
            engine::serve();
            return Some(ExitCode::SUCCESS);
        }
    }
    None
}

/// What a cell needs of the session while it runs.
pub trait Serve {
    /// Answers one request; `caller` is who asked.
    fn answer(&mut self, ask: Ask, caller: &mut Caller<'_>) -> Answer;
    /// Called again and again while the cell asks nothing.
    fn meanwhile(&mut self);
    fn print(&mut self, error: bool, text: &str);
    /// The cell's last expression.
    fn value(&mut self, forms: Vec<Form>);
    /// Said before and after the engine's start.
    fn starting(&mut self, on: bool);
}

/// The Rust side of a session. Starts nothing until the first cell, or [`Rust::warm`].
pub struct Rust {
    /// Where the sources of `lab` are unpacked, and cells compiled.
    cache: PathBuf,
    remote: Remote,
    /// Dropped first: what is killed does not write into the folder that goes with `post`.
    process: Option<Process>,
    post: Option<Post>,
    warmth: Warmth,
    /// A cell has run in this engine: it may hold variables.
    holds: bool,
}

impl Rust {
    pub fn new(home: &Home) -> Self {
        let cache = home.cache();
        let warmth = Warmth::new(cache.join(BUILDS).is_dir());
        Self { cache, remote: Remote::default(), post: None, process: None, warmth, holds: false }
    }

    /// For what a person who types may ask.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// How long the session may wait for a cell before [`Rust::idle`]; `None`: for ever.
    pub fn patience(&self) -> Option<Duration> {
        self.warmth.patience()
    }

    /// Nobody has done anything for [`Rust::patience`]: a good time to start, or to give back what nobody used.
    pub fn idle(&mut self) {
        match self.warmth.idle() {
            Change::Start => self.warm(Priority::Low),
            Change::Stop => self.process = None,
        }
    }

    /// A Rust cell is near.
    pub fn expect(&mut self) {
        if self.warmth.expect() {
            self.warm(Priority::Usual);
        }
    }

    /// Starts the engine without waiting for it. Does nothing where there is no toolchain or little memory, and says nothing: the first
    /// cell would.
    fn warm(&mut self, priority: Priority) {
        let room = device::memory::available().is_none_or(|free| free >= ROOM);
        if cfg!(feature = "rust-cells") && self.process.is_none() && room && process::in_path() {
            let _ = self.begin(priority);
        }
    }

    /// Runs a cell of Rust. `code` may use `lab`.
    ///
    /// # Errors
    /// `NoToolchain`, `RustCompile`, `RustPanicked`, `RustReturned`, `RustDied`, `Interrupted`: the model and all of the session are as
    /// they were; the error says what is lost.
    pub fn run(&mut self, code: &str, stop: &Stop, desk: &mut dyn Serve) -> Result<()> {
        if cfg!(not(feature = "rust-cells")) {
            return Err(Error::NoRust {});
        }
        self.remote.set_busy(true);
        self.warmth.used();
        let result = self.run_busy(code, stop, desk);
        self.remote.set_busy(false);
        result
    }

    fn run_busy(&mut self, code: &str, stop: &Stop, desk: &mut dyn Serve) -> Result<()> {
        let heard = self.post()?.listen();
        self.start(&heard, stop, desk)?;
        self.holds = true;
        let Some(process) = &mut self.process else { return Err(trouble::died("the engine is gone")) };
        if process.order(&Order::Run { code: code.to_owned() }).is_err() {
            self.process = None;
            return Err(trouble::died("the engine is gone"));
        }
        let ended = Cell::new(&heard, process, desk, stop).follow();
        // If it is gone now, the error says so. Its connection ends a moment before the system says that it is dead.
        self.holds = process.alive() && !matches!(ended, Err(End::EngineGone));
        if !self.holds {
            self.process = None;
        }
        ended.map_err(|end| trouble::error(end, code))
    }

    fn post(&mut self) -> Result<&Post> {
        let post = match self.post.take() {
            Some(post) => post,
            None => Post::open(&self.remote)?,
        };
        Ok(self.post.insert(post))
    }

    fn begin(&mut self, priority: Priority) -> Result<()> {
        let lab = sources::unpack(&self.cache)?;
        self.process = None;
        self.remote.reset();
        let pool = self.cache.join(BUILDS);
        // Without it `lab` is slower, and does the same.
        let _ = sources::optimise(&pool);
        let remote = self.remote.clone();
        let process = Process::start(self.post()?, remote, &lab, &pool, priority)?;
        self.process = Some(process);
        Ok(())
    }

    /// Starts the engine if none is alive, and waits until it compiles.
    fn start(&mut self, heard: &Receiver<Heard>, stop: &Stop, desk: &mut dyn Serve) -> Result<()> {
        if !self.process.as_mut().is_some_and(Process::alive) {
            if self.process.take().is_some() && self.holds {
                desk.print(true, cells::ENGINE_LOST.text());
            }
            self.holds = false;
            process::toolchain()?;
            self.begin(Priority::Usual)?;
        }
        if self.remote.state() == State::Ready {
            return Ok(());
        }
        desk.starting(true);
        let ready = self.wait(heard, stop);
        desk.starting(false);
        if matches!(ready, Err(Error::NoToolchain { .. })) {
            self.process = None;
        }
        ready
    }

    fn wait(&mut self, heard: &Receiver<Heard>, stop: &Stop) -> Result<()> {
        let Some(process) = &mut self.process else { return Err(trouble::died("the engine is gone")) };
        loop {
            match self.remote.state() {
                State::Ready => return Ok(()),
                State::Unable(cause) => return Err(Error::NoToolchain { cause }),
                State::Starting if !process.alive() => return Err(Error::NoToolchain { cause: process.log() }),
                State::Starting => {}
            }
            if stop.raised() {
                if process.age() > STARTING {
                    process.kill();
                }
                return Err(Error::Interrupted { what: ui::RUST_STARTING.to_string() });
            }
            if matches!(heard.recv_timeout(LOOK), Err(RecvTimeoutError::Disconnected)) {
                return Err(trouble::died("the engine is gone"));
            }
        }
    }
}
