//! What is wrong, what is allowed, what to type next: the whole message of each.

mod data;
mod files;
mod keep;
mod line;
mod runs;

use crate::harness::world::World;

fn llama() -> World {
    World::with(&["llama-tiny"])
}
