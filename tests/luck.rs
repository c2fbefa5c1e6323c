//! Bad luck: no memory, no disk, no home, other versions, a wrong clock, files that change under a loaded model.

#[cfg(target_os = "linux")]
mod leaks;
mod memory;
mod place;

use crate::harness::world::World;

fn llama() -> World {
    World::with(&["llama-tiny"])
}
