//! Training: a run is a state machine that belongs to the session; between two steps others are served.

mod check;
mod checkpoint;
mod exact;
pub mod guard;
mod loss;
mod recipe;
mod recompute;
mod run;
mod stats;
mod stopping;

pub use checkpoint::{Progress, State, header};
pub use loss::{Aim, Loss, evaluate, gradients, gradients_on};
pub use recipe::Recipe;
pub use recompute::{Recompute, Tape};
pub use run::{Run, Step, Validation};
pub use stats::{Stats, overfit};
pub use stopping::over as out_of_patience;
