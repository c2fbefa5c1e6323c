//! The integration tests: one binary, one module a subject.

mod data_files;
mod data_streams;
mod harness;

mod bad_input;
mod hub;
#[cfg(unix)]
mod jupyter;
mod layers;
mod luck;
mod magics;
mod parity;
mod repl;
#[cfg(unix)]
mod repl_attach;
#[cfg(unix)]
mod repl_editor;
#[cfg(unix)]
mod repl_pictures;
#[cfg(unix)]
mod repl_terminal;
#[cfg(unix)]
mod resume;
#[cfg(all(unix, feature = "rust-cells"))]
mod rust_cells;
#[cfg(all(unix, feature = "rust-cells"))]
mod rust_lab;
mod spark;
mod tokens;
mod words;
