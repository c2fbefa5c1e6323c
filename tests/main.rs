//! The integration tests: one binary, one module a subject.

mod harness;

mod hub;
mod layers;
mod repl;
#[cfg(unix)]
mod repl_terminal;
mod tokens;
