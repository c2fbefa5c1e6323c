//! Each magic as a person uses it: transcripts, results as JSON, the list itself, completion.

mod adapters;
mod compare;
mod complete;
mod data;
mod ends;
mod generate;
mod json;
mod list;
mod model;
mod pretrain;
mod ptune;
mod recompute;
mod runs;
mod session;
mod stopping;
mod train;
