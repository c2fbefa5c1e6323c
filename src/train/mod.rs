//! Training: a run is a state machine that belongs to the session; between two steps others are served.

mod check;
mod checkpoint;
mod exact;
mod loss;
mod recipe;
mod run;
mod stopping;

pub use checkpoint::{Progress, State, header};
pub use loss::{Aim, Loss, evaluate, gradients, head_of};
pub use recipe::Recipe;
pub use run::{Run, Step, Validation};
pub use stopping::over as out_of_patience;
