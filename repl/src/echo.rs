//! Keys pressed while a cell runs are kept for the next prompt but not shown: they would break what is redrawn in place.

/// The terminal shows no keys while this lives. Ctrl-C still works.
pub struct Hush(#[cfg(unix)] Option<libc::termios>);

#[cfg(unix)]
impl Hush {
    pub fn new() -> Self {
        // SAFETY: termios is plain data, and both calls only read or fill the one they are given.
        let mut mode: libc::termios = unsafe { std::mem::zeroed() };
        if unsafe { libc::tcgetattr(libc::STDIN_FILENO, &mut mode) } != 0 {
            return Self(None);
        }
        let quiet = libc::termios { c_lflag: mode.c_lflag & !(libc::ECHO | libc::ECHONL), ..mode };
        let set = unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSADRAIN, &quiet) } == 0;
        Self(set.then_some(mode))
    }
}

#[cfg(unix)]
impl Drop for Hush {
    fn drop(&mut self) {
        if let Some(mode) = self.0 {
            // SAFETY: as above; the mode is the one that was there.
            unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSADRAIN, &mode) };
        }
    }
}

#[cfg(not(unix))]
impl Hush {
    /// Other systems show the keys.
    pub fn new() -> Self {
        Self()
    }
}
