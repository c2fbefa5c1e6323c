//! The engine as a process: started with the channel's address, in a process group of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use wire::engine::Order;
use wire::lab::{ADDRESS, TOKEN, send};

use super::post::{Post, Stream};
use super::{ENGINE, sources};
use crate::{Error, Result};

/// Where the engine finds the sources of `lab`.
pub const LAB: &str = "LANTERN_LAB_SOURCES";

/// The session's own folder, for builds.
pub const FOLDER: &str = "LANTERN_LAB_FOLDER";

pub struct Process {
    child: Child,
    orders: Option<Box<dyn Stream>>,
    log: std::path::PathBuf,
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
    pub fn start(post: &Post, lab: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| Error::Internal { doing: "the engine of Rust cells".into(), cause: e.to_string() };
        let log = post.folder().join("engine.log");
        let said = std::fs::File::create(&log).map_err(failed)?;
        sources::optimise(post.folder()).map_err(failed)?;
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command
            .env(ENGINE, "1")
            .env(ADDRESS, &post.address)
            .env(TOKEN, &post.token)
            .env(LAB, lab)
            .env(FOLDER, post.folder())
            .env("EVCXR_TMPDIR", post.folder().join("build"))
            .stdin(Stdio::null())
            .stdout(said.try_clone().map_err(failed)?)
            .stderr(said);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok(Self { child: command.spawn().map_err(failed)?, orders: None, log })
    }

    pub fn connected(&mut self, orders: Box<dyn Stream>) {
        self.orders = Some(orders);
    }

    pub fn order(&mut self, order: &Order) -> std::io::Result<()> {
        match &mut self.orders {
            Some(orders) => send(orders, order),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        }
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
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
