//! Rust cells: a process of their own compiles and runs them (evcxr), and asks this one for the model over a private channel.
//!
//! Three processes: the session (this one), the engine (evcxr with rust-analyzer, [`engine`]), and the program that holds the cells'
//! variables, started by the engine. Whatever the cells do costs at most the last two.

mod caller;
pub mod calls;
#[cfg(feature = "rust-cells")]
mod engine;
#[cfg(feature = "rust-cells")]
mod infer;
mod post;
mod process;
#[cfg(all(unix, feature = "rust-cells"))]
mod runner;
#[cfg(feature = "rust-cells")]
mod sieve;
mod sources;
mod trouble;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use wire::Form;
use wire::engine::{Failure, Order, Said};
use wire::lab::{Answer, Ask};

use crate::stop::Stop;
use crate::store::Home;
use crate::words::ui;
use crate::{Error, Result};
pub use caller::{Caller, Meanwhile};
use post::{Heard, Line, Post};
use process::Process;

/// How often a waiting cell looks whether it was interrupted.
const LOOK: Duration = Duration::from_millis(20);
/// From the interrupt until the cell's program is killed: its pending call fails at once, and it may end by itself.
const GRACE: Duration = Duration::from_millis(700);
/// And until the engine is killed too, with what it compiles.
const PATIENCE: Duration = Duration::from_secs(6);
/// What a dead program printed last is still on its way for this long, at most.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Set in the engine's environment.
pub(crate) const ENGINE: &str = "LANTERN_RUST_ENGINE";

/// The first thing `main` does: in an engine, or in the program that runs cells, this is all it does. Elsewhere `false`.
pub fn hook() -> bool {
    #[cfg(feature = "rust-cells")]
    {
        #[cfg(unix)]
        runner::divert();
        evcxr::runtime_hook();
        if std::env::var_os(ENGINE).is_some() {
            engine::serve();
            return true;
        }
    }
    false
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

/// The Rust side of a session. Starts nothing until the first cell.
pub struct Rust {
    /// Where the sources of `lab` are unpacked.
    cache: PathBuf,
    /// Dropped first: what is killed does not write into the folder that goes with `post`.
    process: Option<Process>,
    post: Option<Post>,
}

impl Rust {
    pub fn new(home: &Home) -> Self {
        Self { cache: home.cache(), post: None, process: None }
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
        let heard = self.heard()?;
        self.start(&heard, stop, desk)?;
        let Some(process) = &mut self.process else { return Err(trouble::died("the engine is gone")) };
        if process.order(&Order::Run { code: code.to_owned() }).is_err() {
            self.process = None;
            return Err(trouble::died("the engine is gone"));
        }
        let mut cell = Cell { heard: &heard, later: VecDeque::new(), process, desk, stop, panicked: false, returned: false, stopped: None };
        cell.follow().map_err(|end| trouble::error(end, code))
    }

    /// A channel for what this cell's processes say.
    fn heard(&mut self) -> Result<Receiver<Heard>> {
        let post = match self.post.take() {
            Some(post) => post,
            None => Post::open()?,
        };
        Ok(self.post.insert(post).listen())
    }

    /// Starts the engine if none is alive, and waits until it compiles.
    fn start(&mut self, heard: &Receiver<Heard>, stop: &Stop, desk: &mut dyn Serve) -> Result<()> {
        if self.process.as_mut().is_some_and(Process::alive) {
            return Ok(());
        }
        let Some(post) = &self.post else { return Ok(()) };
        process::toolchain()?;
        let lab = sources::unpack(&self.cache)?;
        self.process = None;
        desk.starting(true);
        let mut process = Process::start(post, &lab)?;
        let ready = loop {
            match heard.recv_timeout(LOOK) {
                Ok(Heard::Engine(stream)) => process.connected(stream),
                Ok(Heard::Said(Said::Ready)) => break Ok(()),
                Ok(Heard::Said(Said::Unable { cause })) => break Err(Error::NoToolchain { cause }),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if stop.raised() => break Err(Error::Interrupted { what: ui::RUST_STARTING.to_string() }),
                Err(RecvTimeoutError::Timeout) if process.alive() => {}
                Err(_) => break Err(Error::NoToolchain { cause: process.log() }),
            }
        };
        desk.starting(false);
        ready?;
        self.process = Some(process);
        Ok(())
    }
}

/// How a cell ended, other than well.
enum End {
    Interrupted { lost: bool },
    Panicked,
    Returned,
    Failed(Failure),
    EngineGone,
}

/// A running cell.
struct Cell<'a> {
    heard: &'a Receiver<Heard>,
    /// Heard while a call was answered, and kept for after it.
    later: VecDeque<Heard>,
    process: &'a mut Process,
    desk: &'a mut dyn Serve,
    stop: &'a Stop,
    panicked: bool,
    returned: bool,
    /// Since when, and whether its program was told to die.
    stopped: Option<(Instant, bool)>,
}

impl Cell<'_> {
    fn follow(&mut self) -> Result<(), End> {
        loop {
            self.look_at_stop()?;
            let heard = self.later.pop_front().map_or_else(|| self.heard.recv_timeout(LOOK), Ok);
            match heard {
                Ok(Heard::Ask { mark, ask, line }) => {
                    self.wait_for(mark);
                    let answer = self.answer(ask, &line);
                    line.say(answer);
                }
                Ok(Heard::Said(Said::Ended { forms })) => return self.ended(forms),
                Ok(Heard::Said(Said::Failed { failure })) => return Err(self.failed(failure)),
                Ok(Heard::Said(said)) => self.said(said),
                Ok(Heard::Engine(_) | Heard::OutputGone) => {}
                Ok(Heard::EngineGone) | Err(RecvTimeoutError::Disconnected) => return Err(self.gone()),
                Err(RecvTimeoutError::Timeout) => self.desk.meanwhile(),
            }
        }
    }

    fn answer(&mut self, ask: Ask, line: &Line) -> Answer {
        if self.stop.raised() {
            return Answer::Failed { report: Error::Interrupted { what: ui::RUST_CALL.to_string() }.report() };
        }
        self.desk.answer(ask, &mut Caller::new(line, self.heard, &mut self.later, self.stop))
    }

    /// Printed text up to the mark comes first.
    fn wait_for(&mut self, mark: u64) {
        if mark == 0 {
            return;
        }
        let until = Instant::now() + LAST_WORDS;
        loop {
            match self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Heard::Said(Said::Mark { n })) if n == mark => return,
                Ok(Heard::Said(said)) => self.said(said),
                // A second thread of the cell asks meanwhile: it is told to try again rather than overtake.
                Ok(Heard::Ask { line, .. }) => line.say(Answer::Failed { report: Error::Busy {}.report() }),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    fn said(&mut self, said: Said) {
        match said {
            Said::Print { error, text } => self.desk.print(error, &text),
            Said::Panicked => self.panicked = true,
            Said::Returned => self.returned = true,
            _ => {}
        }
    }

    fn ended(&mut self, forms: Vec<Form>) -> Result<(), End> {
        if self.stopped.is_some() {
            return Err(End::Interrupted { lost: false });
        }
        if self.panicked {
            return Err(End::Panicked);
        }
        if self.returned {
            return Err(End::Returned);
        }
        // A loop at the end of a cell is worth nothing.
        if !forms.is_empty() && Form::text(&forms) != "()" {
            self.desk.value(forms);
        }
        Ok(())
    }

    fn failed(&mut self, failure: Failure) -> End {
        if !matches!(failure, Failure::Died { .. }) {
            return End::Failed(failure);
        }
        let until = Instant::now() + LAST_WORDS;
        while let Ok(heard) = self.heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
            match heard {
                Heard::Said(said) => self.said(said),
                Heard::OutputGone => break,
                _ => {}
            }
        }
        if self.stopped.is_some() { End::Interrupted { lost: true } } else { End::Failed(failure) }
    }

    fn gone(&self) -> End {
        if self.stopped.is_some() { End::Interrupted { lost: true } } else { End::EngineGone }
    }

    /// First the pending call fails, then the cell's program is killed, then the engine.
    fn look_at_stop(&mut self) -> Result<(), End> {
        if !self.stop.raised() {
            return Ok(());
        }
        let (since, told) = *self.stopped.get_or_insert_with(|| (Instant::now(), false));
        if since.elapsed() > PATIENCE {
            self.process.kill();
            return Err(self.gone());
        }
        if since.elapsed() > GRACE && !told {
            self.stopped = Some((since, true));
            let _ = self.process.order(&Order::Kill);
        }
        Ok(())
    }
}
