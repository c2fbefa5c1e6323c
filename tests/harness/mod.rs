//! What the tests share.

#[cfg(unix)]
pub mod jupyter;
#[cfg(unix)]
pub mod kernel;
#[cfg(unix)]
pub mod rust;
#[cfg(unix)]
pub mod terminal;
pub mod world;
