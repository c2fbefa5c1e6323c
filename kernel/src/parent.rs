//! Notices that the process which started the kernel is gone: an orphan would hold the model's memory for ever.

use std::time::Duration;

const EVERY: Duration = Duration::from_millis(500);

/// Returns when the parent named by `JPY_PARENT_PID` has died; never without that variable (a kernel started by hand
/// may outlive its shell) and where parents cannot be watched.
pub async fn gone() {
    let Some(parent) = std::env::var("JPY_PARENT_PID").ok().and_then(|pid| pid.parse().ok()).filter(|pid| *pid > 1) else {
        return std::future::pending().await;
    };
    let direct = getppid() == Some(parent);
    loop {
        tokio::time::sleep(EVERY).await;
        // A wrapper (conda run) may stand between: then the named process itself is asked after.
        let alive = if direct { getppid() == Some(parent) } else { exists(parent) };
        if !alive {
            return;
        }
    }
}

#[cfg(unix)]
fn getppid() -> Option<i32> {
    // SAFETY: getppid takes nothing and cannot fail.
    Some(unsafe { libc::getppid() })
}

#[cfg(unix)]
fn exists(pid: i32) -> bool {
    // SAFETY: signal 0 only checks; no signal is sent.
    let result = unsafe { libc::kill(pid, 0) };
    result == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// On Windows the variable holds a handle, not a process id; the server ends the kernel itself there.
#[cfg(not(unix))]
fn getppid() -> Option<i32> {
    None
}

#[cfg(not(unix))]
fn exists(_: i32) -> bool {
    true
}
