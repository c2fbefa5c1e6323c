//! Adapters: what is trained beside a frozen base.

mod file;
mod lora;
mod merge;

pub use lora::{Adapter, Lora, module_names};
pub use file::written;
pub use merge::merged;
