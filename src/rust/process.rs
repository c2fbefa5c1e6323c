//! The engine as a process: started with the channel's address, in a process group of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wire::engine::Order;
use wire::lab::{ADDRESS, TOKEN};

use super::ENGINE;
use super::post::Post;
use super::remote::Remote;
use crate::device::memory;
use crate::{Error, Result};

/// Where the engine finds the sources of `lab`.
pub const LAB: &str = "LANTERN_LAB_SOURCES";

/// The session's own folder.
pub const FOLDER: &str = "LANTERN_LAB_FOLDER";
/// Folders for builds, shared by the sessions of one person.
pub const POOL: &str = "LANTERN_LAB_BUILDS";
/// Set where nobody waits for the engine.
pub const LOW: &str = "LANTERN_LAB_LOW";

/// A person's limit for the memory of Rust cells: `2GB`, `500MB`, `none`.
const MEMORY: &str = "LANTERN_RUST_MEMORY";
/// The same in bytes, for the program that runs them.
pub const LIMIT: &str = "LANTERN_LAB_LIMIT";
/// At least so much by default, and else half of what is free when the engine starts: the model stays, and so does the system.
const LEAST: u64 = 1 << 30;

/// How urgent a start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// A person waits.
    Usual,
    /// Everything else goes first.
    Low,
}

pub struct Process {
    child: Child,
    remote: Remote,
    begun: Instant,
    log: std::path::PathBuf,
    /// What the cells' program may take, in bytes.
    pub limit: Option<u64>,
}

/// `None`: as much as there is.
fn limit(setting: Option<&str>, free: Option<u64>) -> Option<u64> {
    let given = setting.map(str::trim).filter(|given| !given.is_empty());
    if given.is_some_and(|given| given.eq_ignore_ascii_case("none")) {
        return None;
    }
    given.and_then(bytes).or_else(|| free.map(|free| (free / 2).max(LEAST)))
}

/// `2GB`, `1.5 GB`, `500MB`.
fn bytes(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let scale = match text[unit..].trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1.0,
        "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return None,
    };
    let number: f64 = text[..unit].parse().ok()?;
    (number > 0.0).then_some((number * scale) as u64)
}

/// Whether the programs of a toolchain can be seen. They are not run: [`toolchain`] does that.
pub fn in_path() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &str| {
        let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(&path).any(|folder| folder.join(&name).is_file())
    };
    there("cargo") && there("rustc")
}

/// Looks for what a Rust cell needs.
///
/// # Errors
/// `NoToolchain`
pub fn toolchain() -> Result<()> {
    let found = |program: &str| {
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    let missing: Vec<&str> = ["cargo", "rustc"].into_iter().filter(|program| !found(program)).collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::NoToolchain { cause: format!("{}: cannot be run", missing.join(", ")) }) }
}

impl Process {
    /// # Errors
    /// The program cannot be started.
    pub fn start(post: &Post, remote: Remote, lab: &Path, pool: &Path, priority: Priority) -> Result<Self> {
        let failed = |e: std::io::Error| Error::Internal { doing: "the engine of Rust cells".into(), cause: e.to_string() };
        let log = post.folder().join("engine.log");
        let said = std::fs::File::create(&log).map_err(failed)?;
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command
            .env(ENGINE, "1")
            .env(ADDRESS, &post.address)
            .env(TOKEN, post.renew())
            .env(LAB, lab)
            .env(FOLDER, post.folder())
            .env(POOL, pool)
            .env("EVCXR_TMPDIR", post.folder().join("build"))
            .stdin(Stdio::null())
            .stdout(said.try_clone().map_err(failed)?)
            .stderr(said);
        let limit = limit(std::env::var(MEMORY).ok().as_deref(), memory::available());
        if let Some(limit) = limit {
            command.env(LIMIT, limit.to_string());
        }
        if priority == Priority::Low {
            command.env(LOW, "1");
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok(Self { child: command.spawn().map_err(failed)?, remote, begun: Instant::now(), log, limit })
    }

    pub fn order(&self, order: &Order) -> std::io::Result<()> {
        self.remote.order(order)
    }

    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    pub fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it wrote last, for an error.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
    }

    /// Ends the engine, the cells' program and every compiler it started.
    pub fn kill(&mut self) {
        #[cfg(unix)]
        // SAFETY: a signal to a process group that we made and have not waited for.
        unsafe {
            libc::kill(-(self.child.id() as libc::pid_t), libc::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.remote.reset();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_what_the_person_says_or_half_of_what_is_free() {
        assert_eq!(limit(Some("2GB"), Some(1)), Some(2_000_000_000));
        assert_eq!(limit(Some("1.5 mb"), None), Some(1_500_000));
        assert_eq!(limit(Some("none"), Some(8 << 30)), None);
        assert_eq!(limit(Some("much"), Some(8 << 30)), Some(4 << 30));
        assert_eq!((limit(None, Some(1 << 20)), limit(None, None)), (Some(LEAST), None));
    }
}
