//! Training: a run is a state machine that belongs to the session; between two steps others are served.

mod check;
mod checkpoint;
mod exact;
mod loss;
mod recipe;
mod recompute;
mod run;

pub use checkpoint::{Progress, State, header};
pub use loss::{Loss, evaluate, gradients, head_of};
pub use recipe::Recipe;
pub use recompute::{Recompute, Tape};
pub use run::{Run, Step, Validation};
