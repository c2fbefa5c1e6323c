//! The engine equals transformers, PEFT and PyTorch on models small enough to keep: `reference/README.md` says where the numbers come from.
//!
//! Each comparison prints what it found: `cargo test --release -p lantern-repl --test all parity -- --nocapture`.

mod adapter;
mod adapters;
mod blocks;
mod curve;
mod ends;
mod ends_files;
mod fixture;
mod forward;
mod fresh;
mod gguf;
mod gguf_families;
mod gguf_tokens;
mod graph;
mod greedy;
mod layouts;
mod nf4;
mod optimizers;
mod oracle;
mod packing;
mod perplexity;
mod precision;
mod prompt_mutants;
mod prompts;
mod qlora;
mod quantised;
mod recomputed;
mod resumed;
mod saved;
mod smollm2;
mod soft;
mod stopping;
mod taps;
mod training;
