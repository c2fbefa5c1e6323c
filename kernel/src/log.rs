//! Lines on standard error, which a Jupyter server shows in its own terminal; a flood is cut short.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

const LIMIT: usize = 50;
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

/// Reports something that went wrong with a client; the kernel goes on.
pub fn warn(what: &str, cause: impl Display) {
    let n = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let mut err = std::io::stderr().lock();
    // Standard error may be closed; there is nowhere left to say so.
    let _ = match n {
        0..LIMIT => writeln!(err, "lantern kernel: {what}: {cause}"),
        LIMIT => writeln!(err, "lantern kernel: further messages of this kind are left out"),
        _ => Ok(()),
    };
}
