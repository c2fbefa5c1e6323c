//! A Python with Jupyter's own client and conformance suite, under `target/`: made once, used by all tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Pinned, so that the same tests run everywhere.
const PACKAGES: &[&str] = &[
    "ipykernel==7.4.0",
    "jupyter_client==8.10.0",
    "jupyter-console==6.6.3",
    "jupyter_core==5.9.1",
    "jupyter_kernel_test==0.7.0",
    "nbclient==0.11.0",
    "nbconvert==7.17.2",
    "nbformat==5.11.1",
    "papermill==2.7.0",
    "pexpect==4.9.0",
    "pyzmq==27.3.0",
];

/// Runs `tests/jupyter/SCRIPT` against the `lantern` that was just built; the test fails with the script's own words.
pub fn run(script: &str) {
    let home = tempfile::tempdir().expect("a temporary folder");
    install(home.path());
    let output = python(home.path()).arg(root().join("tests/jupyter").join(script)).output().expect("python runs");
    assert!(output.status.success(), "{}", said(&output));
}

/// Python of the venv, with `home` as Jupyter's data folder and Lantern's home.
pub fn python(home: &Path) -> Command {
    let mut command = Command::new(venv().join("bin/python"));
    command
        .env("JUPYTER_DATA_DIR", home.join("jupyter"))
        .env("JUPYTER_PATH", home.join("jupyter"))
        .env("JUPYTER_RUNTIME_DIR", home.join("runtime"))
        .env("JUPYTER_CONFIG_DIR", home.join("config"))
        .env("JUPYTER_PREFER_ENV_PATH", "0")
        .env("IPYTHONDIR", home.join("ipython"))
        .env("LANTERN_HOME", home.join("lantern"))
        .env("LANTERN_FIXTURES", root().join("tests/fixtures"))
        .env("LANTERN_LANG", "en")
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYDEVD_DISABLE_FILE_VALIDATION", "1");
    command
}

/// Installs the kernel into Jupyter's data folder under `home`, with the program's own command.
pub fn install(home: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lantern"));
    let output =
        command.args(["kernel", "install", "--user"]).env("JUPYTER_DATA_DIR", home.join("jupyter")).output().expect("lantern runs");
    assert!(output.status.success(), "{}", said(&output));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repl lies in the workspace").to_owned()
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The venv, made if it is not there. One cannot be moved, so it is made in its place and the stamp is written last;
/// without the stamp it is made anew.
fn venv() -> PathBuf {
    static MADE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let place = root().join("target/jupyter-venv");
        let stamp = PACKAGES.join("\n");
        if fs::read_to_string(place.join("packages")).is_ok_and(|made| made == stamp) {
            return place;
        }
        let _ = fs::remove_dir_all(&place);
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&place));
        succeed(Command::new(place.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES));
        fs::write(place.join("packages"), stamp).expect("stamp written");
        place
    })
    .clone()
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", said(&output));
}
