//! The kernel, seen by Jupyter's own client: real processes, real sockets.

mod attach;
mod joined;

use crate::harness::jupyter;

/// `jupyter_kernel_test`, Jupyter's conformance suite.
#[test]
fn the_public_suite_passes() {
    jupyter::run("suite.py");
}

/// Interrupts, queues, input, order, shutdown.
#[test]
fn a_session_behaves() {
    jupyter::run("session.py");
}

/// Bad messages, clients that vanish or stall, a parent that dies.
#[test]
fn rough_handling_harms_nothing() {
    jupyter::run("rough.py");
}

/// What a notebook stores: nbclient runs cells, outputs come back in order, errors stop it.
#[test]
fn a_notebook_runs() {
    jupyter::run("notebook.py");
}

/// nbconvert, papermill and `jupyter console`.
#[test]
fn other_front_ends_work() {
    jupyter::run("frontends.py");
}

/// The plot of `%train` in place, interrupt, answers meanwhile.
#[test]
fn training_is_seen_and_stopped() {
    jupyter::run("training.py");
}
