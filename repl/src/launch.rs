//! `lantern kernel …`: hands over to the kernel.

use std::path::PathBuf;

use clap::{Args, Subcommand};
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
    /// Name of the kernel's folder
    #[arg(long, value_name = "NAME", default_value = "lantern")]
    name: String,
    /// Name that notebooks show
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

/// Runs the subcommand; the text is for standard output.
///
/// # Errors
/// What the kernel reports.
pub fn launch(kernel: Kernel) -> Result<String, Report> {
    match kernel {
        Kernel::Install(place) => {
            kernel::install::install(&place.into()).map(|done| ui::INSTALLED.with(&[("path", &done.path.display()), ("next", &done.next)]))
        }
        Kernel::Uninstall(place) => {
            kernel::install::uninstall(&place.into()).map(|path| ui::UNINSTALLED.with(&[("path", &path.display())]))
        }
        Kernel::Start { file } => kernel::start(&file).map(|()| String::new()),
    }
}

impl From<Place> for kernel::install::Options {
    fn from(place: Place) -> Self {
        let Place { user, sys_prefix, prefix, name, display_name, env } = place;
        Self { user, sys_prefix, prefix, name: Some(name), display_name, env }
    }
}
