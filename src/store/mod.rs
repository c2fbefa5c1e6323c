//! What stays on disk between sessions: where it lies, whole-or-nothing writing, settings, history.

mod history;
mod home;
mod settings;
mod write;

pub use history::History;
pub use home::Home;
pub use settings::Settings;
pub use write::{WRITING, atomic_folder, atomic_write};
