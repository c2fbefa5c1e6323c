//! `lantern` on a pseudo-terminal, seen as the screen a person would see.
//!
//! No sleeps: a test waits for something on the screen, and fails with the screen when it does not come.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
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
    /// What the terminal answers to which question, once each.
    answers: Vec<(Vec<u8>, Vec<u8>)>,
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
        command
            .env("LANTERN_HOME", home)
            .env("HOME", home)
            .env("LANG", "C")
            .env("TERM", "xterm")
            .env("LANTERN_RUST_IDLE", "never")
            .envs(env.iter().copied());
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
        let parser = vt100::Parser::new(NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap(), 0);
        Self { child, keys: File::from(master), chunks, parser, answers: Vec::new(), raw: Vec::new() }
    }

    /// From now on the terminal says `answer` to `question`, once.
    pub fn answers(&mut self, question: &str, answer: &str) {
        self.answers.push((question.into(), answer.into()));
    }

    /// A window of another size, with cells of `cell` pixels; the program is told, as by any terminal.
    pub fn resize(&mut self, (columns, rows): (u16, u16), cell: (u16, u16)) {
        use std::os::fd::AsRawFd;
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: columns * cell.0, ws_ypixel: rows * cell.1 };
        // SAFETY: the size outlives the call.
        let rc = unsafe { libc::ioctl(self.keys.as_raw_fd(), libc::TIOCSWINSZ as _, &raw const size) };
        assert_eq!(rc, 0, "TIOCSWINSZ: {}", std::io::Error::last_os_error());
        self.parser.screen_mut().set_size(NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap());
    }

    fn hear(&mut self, chunk: &[u8]) {
        self.parser.process(chunk);
        let from = self.raw.len().saturating_sub(64);
        self.raw.extend(chunk);
        let asked = |question: &[u8]| self.raw[from..].windows(question.len()).any(|window| window == question);
        let (said, open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.answers).into_iter().partition(|(question, _)| asked(question));
        self.answers = open;
        for (_, answer) in said {
            self.keys.write_all(&answer).unwrap();
        }
    }

    /// Presses keys: `\r` is Enter, `\x03` Ctrl-C, `\x04` Ctrl-D, `\t` Tab.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` stands on the screen, and gives the screen.
    pub fn wait_for(&mut self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits until a line is exactly `text`.
    pub fn wait_for_line(&mut self, text: &str) -> String {
        self.wait_until(text, |screen| screen.lines().any(|line| line.trim_end() == text))
    }

    /// Waits until the last line that is not blank is exactly `prompt`.
    pub fn wait_for_prompt(&mut self, prompt: &str) -> String {
        let last = |screen: &str| screen.trim_end().rsplit('\n').next().unwrap_or_default().trim_end() == prompt;
        self.wait_until(prompt, last)
    }

    /// Waits until more than `seen` bytes were written.
    pub fn wait_for_more(&mut self, seen: usize) {
        while self.raw.len() <= seen {
            let chunk = self.chunks.recv_timeout(PATIENCE).expect("the program writes on");
            self.hear(&chunk);
        }
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
                Ok(chunk) => self.hear(&chunk),
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
            self.hear(&chunk);
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
