//! When the engine starts before it is needed, and when it goes again.
//!
//! Starting takes seconds of one core and some hundred megabytes, and most sessions never see Rust. So it starts at the first sign of Rust, and
//! without one when the session has been idle for a while: sooner for a person who had Rust cells before. What idleness started and no cell used
//! goes again.

use std::time::Duration;

/// Seconds of idleness before the start, or `never`.
pub const IDLE: &str = "LANTERN_RUST_IDLE";
/// For one who had Rust cells before, and for others.
const KNOWN: Duration = Duration::from_secs(2);
const NEW: Duration = Duration::from_secs(10);
/// An engine that nobody has used goes after this.
const UNUSED: Duration = Duration::from_secs(600);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Start,
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Starts after this much idleness.
    Cold(Duration),
    /// Idleness started it.
    Warm,
    /// A person used it or is about to, or does not want it before: idleness changes nothing.
    Settled,
    /// It was stopped unused; only a sign of Rust starts it again.
    Cooled,
}

pub struct Warmth(Stage);

impl Warmth {
    /// `known`: this person had Rust cells before.
    pub fn new(known: bool) -> Self {
        Self::with(std::env::var(IDLE).ok().as_deref(), known)
    }

    fn with(setting: Option<&str>, known: bool) -> Self {
        let usual = if known { KNOWN } else { NEW };
        match setting {
            Some("never") => Self(Stage::Cooled),
            Some(seconds) => Self(Stage::Cold(seconds.parse().map_or(usual, Duration::from_secs))),
            None => Self(Stage::Cold(usual)),
        }
    }

    /// How long idleness lasts before [`Warmth::idle`] is due; `None`: never.
    pub fn patience(&self) -> Option<Duration> {
        match self.0 {
            Stage::Cold(idle) => Some(idle),
            Stage::Warm => Some(UNUSED),
            Stage::Settled | Stage::Cooled => None,
        }
    }

    pub fn idle(&mut self) -> Change {
        let stop = self.0 == Stage::Warm;
        self.0 = if stop { Stage::Cooled } else { Stage::Warm };
        if stop { Change::Stop } else { Change::Start }
    }

    /// There is a sign of Rust; true if the engine should start now.
    pub fn expect(&mut self) -> bool {
        std::mem::replace(&mut self.0, Stage::Settled) != Stage::Settled
    }

    pub fn used(&mut self) {
        self.0 = Stage::Settled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idleness_starts_it_once_and_takes_it_back_if_nobody_came() {
        let mut warmth = Warmth::with(None, false);
        assert_eq!((warmth.patience(), Warmth::with(None, true).patience()), (Some(NEW), Some(KNOWN)));
        assert_eq!((warmth.idle(), warmth.patience()), (Change::Start, Some(UNUSED)));
        assert_eq!((warmth.idle(), warmth.patience()), (Change::Stop, None));
        assert_eq!((warmth.expect(), warmth.expect(), warmth.patience()), (true, false, None));
    }

    #[test]
    fn a_cell_keeps_it_and_a_setting_decides() {
        let mut warmth = Warmth::with(Some("0"), false);
        assert_eq!((warmth.patience(), warmth.idle()), (Some(Duration::ZERO), Change::Start));
        warmth.used();
        assert_eq!(warmth.patience(), None);
        let mut never = Warmth::with(Some("never"), true);
        assert_eq!((never.patience(), never.expect()), (None, true));
    }
}
