//! `lantern` on a pseudo-terminal, seen as the screen a person would see.
//!
//! No sleeps: a test waits for something on the screen, and fails with the screen when it does not come.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Long, for machines that build something else meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Terminal {
    child: Child,
    keys: File,
    chunks: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    /// Everything that was written, for checks on colours.
    pub raw: Vec<u8>,
}

impl Terminal {
    /// Starts `lantern ARGS` on a terminal of `columns` x `rows`; `env` comes on top of the frozen world.
    pub fn open(home: &Path, args: &[&str], env: &[(&str, &str)], (columns, rows): (u16, u16)) -> Self {
        let (master, slave) = pair(columns, rows);
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_lantern"));
        command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LANTERN_HOME", home).env("HOME", home).env("LANG", "C").env("TERM", "xterm").envs(env.iter().copied());
        command.stdin(stdio()).stdout(stdio()).stderr(stdio());
        // SAFETY: setsid and ioctl are safe to call between fork and exec.
        unsafe {
            command.pre_exec(|| {
                let failed = libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY as _, 0) < 0;
                if failed { Err(std::io::Error::last_os_error()) } else { Ok(()) }
            });
        }
        let child = command.spawn().unwrap();
        let mut output = File::from(master.try_clone().unwrap());
        let (sender, chunks) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux reports EIO when the other side is closed.
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keys: File::from(master), chunks, parser: vt100::Parser::new(rows, columns, 0), raw: Vec::new() }
    }

    /// Presses keys: `\r` is Enter, `\x03` Ctrl-C, `\x04` Ctrl-D, `\t` Tab.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` stands on the screen, and gives the screen.
    pub fn wait_for(&mut self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits until the last line that is not blank begins with `start`.
    pub fn wait_for_prompt(&mut self, start: &str) -> String {
        let last = |screen: &str| screen.trim_end().rsplit('\n').next().unwrap_or_default().trim_end() == start.trim_end();
        self.wait_until(start, last)
    }

    /// Waits until `done` says that the screen is as it should be.
    pub fn wait_until(&mut self, what: &str, done: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if done(&screen) {
                return screen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.chunks.recv_timeout(left) {
                Ok(chunk) => {
                    self.parser.process(&chunk);
                    self.raw.extend(chunk);
                }
                Err(why) => panic!("waited for {what:?} ({why}); the screen shows\n{screen}"),
            }
        }
    }

    /// The screen's lines, without blanks at their ends.
    pub fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits for the program's end and reads what it still wrote.
    pub fn end(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(chunk) = self.chunks.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.parser.process(&chunk);
        }
        assert!(Instant::now() < deadline, "the program does not end; the screen shows\n{}", self.screen());
        (self.child.wait().unwrap(), self.screen())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The two ends of a new pseudo-terminal; both are closed in children on exec.
fn pair(columns: u16, rows: u16) -> (OwnedFd, OwnedFd) {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut master, mut slave) = (-1, -1);
    // SAFETY: openpty fills the two numbers; on success both are ours alone.
    unsafe {
        let rc = libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), std::ptr::null_mut(), (&raw const size).cast_mut());
        assert_eq!(rc, 0, "openpty: {}", std::io::Error::last_os_error());
        libc::fcntl(master, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(slave, libc::F_SETFD, libc::FD_CLOEXEC);
        (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
    }
}
