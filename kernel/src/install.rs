//! Puts the kernel where Jupyter looks for it. Prints nothing: the caller says where it went.
//!
//! Places: <https://jupyter.readthedocs.io/en/stable/use/jupyter-directories.html>; the format of a kernel's folder:
//! <https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs>.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;

use lantern::Error;
use serde_json::{Map, Value, json};
use wire::Report;

use crate::message::PROTOCOL;

const LOGOS: [(&str, &[u8]); 3] = [
    ("logo-32x32.png", include_bytes!("../logos/logo-32x32.png")),
    ("logo-64x64.png", include_bytes!("../logos/logo-64x64.png")),
    ("logo-svg.svg", include_bytes!("../logos/logo-svg.svg")),
];

/// Where to install, and under which name. The first of `prefix`, `sys_prefix`, `user` that is set wins; with none of
/// them the kernel goes to the user's folder.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub user: bool,
    /// Into the active Python environment.
    pub sys_prefix: bool,
    /// Into `PREFIX/share/jupyter`.
    pub prefix: Option<PathBuf>,
    /// Letters, digits, `-`, `.`, `_`; `lantern` if not given.
    pub name: Option<String>,
    /// What front ends show; `Lantern` if not given.
    pub display_name: Option<String>,
    /// Environment of the kernel.
    pub env: Vec<(String, String)>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    /// The kernel's folder.
    pub path: PathBuf,
    /// A command to type next.
    pub next: String,
}

/// Writes `kernel.json` and the logos, replacing an older installation of the same name.
///
/// # Errors
/// `BadValue` for a name Jupyter would refuse, `NoPrefix` without a Python environment, `NotWritable`, `Io`.
pub fn install(options: &Options) -> Result<Installed, Report> {
    place(options).and_then(|path| write(&path, options)).map_err(|error| error.report())
}

/// Removes the kernel's folder.
///
/// # Errors
/// `BadValue`, `NoPrefix`, `NoKernel` when it is not there, `NotWritable`, `Io`.
pub fn uninstall(options: &Options) -> Result<PathBuf, Report> {
    place(options).and_then(remove).map_err(|error| error.report())
}

fn remove(path: PathBuf) -> Result<PathBuf, Error> {
    if !path.join("kernel.json").is_file() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let looked_in = path.parent().unwrap_or(&path).display().to_string();
        return Err(Error::NoKernel { name, looked_in });
    }
    std::fs::remove_dir_all(&path).map_err(failed(&path))?;
    Ok(path)
}

fn write(path: &Path, options: &Options) -> Result<Installed, Error> {
    let program = std::env::current_exe().map_err(Error::io("lantern"))?;
    std::fs::create_dir_all(path).map_err(failed(path))?;
    let spec = serde_json::to_vec_pretty(&spec(&program, options)).map_err(|e| failed(path)(io::Error::from(e)))?;
    for (name, bytes) in LOGOS.into_iter().chain([("kernel.json", spec.as_slice())]) {
        let file = path.join(name);
        std::fs::write(&file, bytes).map_err(failed(&file))?;
    }
    let name = name(options).to_ascii_lowercase();
    Ok(Installed { path: path.to_owned(), next: format!("jupyter lab  (or: jupyter console --kernel {name})") })
}

fn spec(program: &Path, options: &Options) -> Value {
    let env: Map<String, Value> = options.env.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    json!({
        "argv": [program.to_string_lossy(), "kernel", "start", "-f", "{connection_file}"],
        "display_name": options.display_name.as_deref().unwrap_or("Lantern"),
        "language": "lantern",
        "interrupt_mode": "message",
        "kernel_protocol_version": PROTOCOL,
        "metadata": { "debugger": false },
        "env": env,
    })
}

fn name(options: &Options) -> &str {
    options.name.as_deref().unwrap_or("lantern")
}

/// The kernel's folder.
fn place(options: &Options) -> Result<PathBuf, Error> {
    let name = name(options);
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) || name.bytes().all(|b| b == b'.') {
        let allowed = "A-Z a-z 0-9 - . _".to_owned();
        return Err(Error::BadValue { option: "name".to_owned(), given: name.to_owned(), allowed });
    }
    let data = match &options.prefix {
        Some(prefix) => prefix.join("share").join("jupyter"),
        None if options.sys_prefix => sys_prefix()?.join("share").join("jupyter"),
        None => user_data(|key| std::env::var_os(key).filter(|value| !value.is_empty()))?,
    };
    // Jupyter compares names in lower case.
    Ok(data.join("kernels").join(name.to_ascii_lowercase()))
}

/// Jupyter's data folder of this user.
fn user_data(var: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
    if let Some(path) = var("JUPYTER_DATA_DIR") {
        return Ok(path.into());
    }
    let under = |key: &str, rest: &[&str]| var(key).map(|root| rest.iter().fold(PathBuf::from(root), |path, part| path.join(part)));
    let found = if cfg!(windows) {
        under("APPDATA", &["jupyter"])
    } else if cfg!(target_os = "macos") {
        under("HOME", &["Library", "Jupyter"])
    } else {
        under("XDG_DATA_HOME", &["jupyter"]).or_else(|| under("HOME", &[".local", "share", "jupyter"]))
    };
    found.ok_or_else(|| Error::NotFound { path: if cfg!(windows) { "%APPDATA%" } else { "$HOME" }.to_owned() })
}

/// The active environment: a venv, a conda environment, else the one that `python3` belongs to.
fn sys_prefix() -> Result<PathBuf, Error> {
    let set = |key| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(prefix) = set("VIRTUAL_ENV").or_else(|| set("CONDA_PREFIX")) {
        return Ok(prefix);
    }
    let python = if cfg!(windows) { "python" } else { "python3" };
    let none = |cause: String| Error::NoPrefix { cause };
    let out = Command::new(python).args(["-c", "import sys; print(sys.prefix)"]).output().map_err(|e| none(format!("{python}: {e}")))?;
    let prefix = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    if out.status.success() && !prefix.is_empty() { Ok(prefix.into()) } else { Err(none(format!("{python}: {}", out.status))) }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error {
    move |error| match error.kind() {
        ErrorKind::PermissionDenied => Error::NotWritable { path: path.display().to_string() },
        _ => Error::io(path)(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_put_there_and_taken_away() {
        let root = std::env::temp_dir().join(format!("lantern-install-{}", std::process::id()));
        let options = Options {
            prefix: Some(root.clone()),
            name: Some("Lantern-2.x_y".into()),
            display_name: Some("Lantern 🏮".into()),
            env: vec![("LANTERN_HOME".into(), "/x".into())],
            ..Options::default()
        };
        let installed = install(&options).expect("installed");
        assert_eq!(installed.path, root.join("share/jupyter/kernels/lantern-2.x_y"));
        let spec: Value = serde_json::from_slice(&std::fs::read(installed.path.join("kernel.json")).expect("kernel.json")).expect("JSON");
        assert_eq!(spec["argv"].as_array().expect("argv")[1..], [json!("kernel"), json!("start"), json!("-f"), json!("{connection_file}")]);
        assert_eq!((&spec["interrupt_mode"], &spec["env"]["LANTERN_HOME"]), (&json!("message"), &json!("/x")));
        assert!(LOGOS.iter().all(|(name, _)| installed.path.join(name).is_file()));
        assert_eq!(uninstall(&options).expect("uninstalled"), installed.path);
        assert_eq!(uninstall(&options).expect_err("gone").name, "NoKernel");
        std::fs::remove_dir_all(root).expect("clean up");
    }

    #[test]
    fn names_jupyter_refuses_are_refused() {
        for name in ["", "a b", "é", "..", "a/b"] {
            let options = Options { name: Some(name.into()), prefix: Some("/nowhere".into()), ..Options::default() };
            assert_eq!(install(&options).expect_err(name).name, "BadValue");
        }
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_users_folder_follows_jupyters_variables() {
        let with = |set: &[(&str, &str)]| {
            let set: Vec<(String, OsString)> = set.iter().map(|(k, v)| ((*k).to_owned(), OsString::from(v))).collect();
            user_data(move |key| set.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone()))
        };
        assert_eq!(with(&[("HOME", "/h")]).expect("home"), PathBuf::from("/h/.local/share/jupyter"));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_DATA_HOME", "/x")]).expect("xdg"), PathBuf::from("/x/jupyter"));
        assert_eq!(with(&[("XDG_DATA_HOME", "/x"), ("JUPYTER_DATA_DIR", "/j")]).expect("data"), PathBuf::from("/j"));
        assert!(with(&[]).is_err());
    }
}
