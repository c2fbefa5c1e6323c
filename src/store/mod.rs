//! What stays on disk between sessions: where it lies, whole-or-nothing writing, settings, history, notes of what runs.

mod history;
mod home;
mod record;
mod running;
mod runs;
mod settings;
mod write;

pub use history::History;
pub use home::Home;
pub use record::{End, Head, Layers, Past, Point, Record};
pub use running::{Left, Running, left_behind};
pub use runs::{All as AllRuns, Runs};
pub use settings::Settings;
pub use write::{WRITING, atomic_folder, atomic_write, check_room};
