//! Adapters: what is trained beside a frozen base.

mod file;
mod lora;
mod merge;

pub use file::write_tensors;
pub use lora::{Adapter, Lora, module_names};
pub use merge::merged;
