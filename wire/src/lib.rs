//! What the session and its front ends say to each other.
//!
//! Plain data, the standard library alone: a notebook, a terminal and later a Rust cell in another process all read it.

pub mod call;
pub mod chart;
pub mod code;
pub mod engine;
pub mod event;
pub mod frame;
pub mod json;
pub mod lab;
pub mod report;
pub mod table;
pub mod value;

pub use call::{Candidate, Completeness, Completion, Execute, HistoryEntry, HistoryQuery};
pub use chart::{Bars, Chart, Curve, Group, Heatmap, Histogram, Mark, Series, Span, Spans};
pub use event::{Event, Form, Outcome, Stream};
pub use json::Json;
pub use report::Report;
pub use table::Table;
pub use value::Value;
