//! `lantern kernel …`: hands over to the kernel.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kernel::install::{self, Options};
use lantern::words::ui;
use wire::Report;

#[derive(Subcommand)]
pub enum Kernel {
    /// Make Lantern known to Jupyter
    Install(Place),
    /// Take Lantern's kernel out of Jupyter again
    Uninstall(Place),
    /// Serve one notebook (Jupyter runs this)
    Start {
        /// The connection file that Jupyter wrote
        #[arg(short = 'f', long, value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Args)]
pub struct Place {
    /// For this user (the default)
    #[arg(long)]
    user: bool,
    /// Into the active Python environment
    #[arg(long, conflicts_with = "user")]
    sys_prefix: bool,
    /// Below this folder: PREFIX/share/jupyter/kernels
    #[arg(long, value_name = "DIR", conflicts_with_all = ["user", "sys_prefix"])]
    prefix: Option<PathBuf>,
    /// Name of the kernel's folder, lantern if not given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Name that notebooks show, Lantern if not given
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Set an environment variable for the kernel; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// Runs the subcommand; the text is for standard output. `home` goes into an installed kernel's environment.
///
/// # Errors
/// What the kernel reports; `home` with `start`, which takes it from the environment.
pub fn launch(kernel: Kernel, home: Option<&Path>) -> Result<String, Report> {
    match kernel {
        Kernel::Install(place) => {
            let done = install::install(&place.options(home))?;
            Ok(ui::INSTALLED.with(&[("path", &done.path.display()), ("next", &done.next)]))
        }
        Kernel::Uninstall(place) => {
            let path = install::uninstall(&place.options(None))?;
            Ok(ui::UNINSTALLED.with(&[("path", &path.display())]))
        }
        Kernel::Start { .. } if home.is_some() => {
            Err(Report { name: "Usage".to_owned(), message: ui::KERNEL_HOME.to_string(), ..Report::default() })
        }
        Kernel::Start { file } => kernel::start(&file).map(|()| String::new()),
    }
}

impl Place {
    fn options(self, home: Option<&Path>) -> Options {
        let Self { user, sys_prefix, prefix, name, display_name, mut env } = self;
        if let Some(home) = home {
            let home = std::path::absolute(home).unwrap_or_else(|_| home.to_owned());
            env.push(("LANTERN_HOME".to_owned(), home.to_string_lossy().into_owned()));
        }
        Options { user, sys_prefix, prefix, name, display_name, env }
    }
}
