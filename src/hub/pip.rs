//! Fetches one package with the person's own pip: their index, their proxy, their certificates.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::stop::Stop;
use crate::words::ui;
use crate::{Error, Result};

/// How pip may be called, tried in this order.
const PIPS: &[&[&str]] = &[&["python3", "-m", "pip"], &["python", "-m", "pip"], &["pip3"], &["pip"]];

/// How often the size is looked at and the cancel flag asked.
const LOOK: Duration = Duration::from_millis(100);

/// Whether the package is wanted built, or as its makers packed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Wheel,
    Archive,
}

/// Downloads `package` (`name==version`) into the empty folder `into`, without what it depends on.
///
/// Errors: `FetchFailed` with pip's last words or because there is no pip; `Interrupted`, after pip is gone.
pub fn download(package: &str, form: Form, into: &Path, look: &mut dyn FnMut(), stop: &Stop) -> Result<()> {
    download_with(PIPS, package, form, into, look, stop)
}

fn download_with(pips: &[&[&str]], package: &str, form: Form, into: &Path, look: &mut dyn FnMut(), stop: &Stop) -> Result<()> {
    let failed = |cause: String| Error::FetchFailed { what: package.to_owned(), cause };
    let Some(pip) = pips.iter().find(|pip| works(pip)) else {
        let tried: Vec<String> = pips.iter().map(|pip| pip.join(" ")).collect();
        return Err(failed(ui::NO_PIP.with(&[("tried", &tried.join(", "))])));
    };
    let log = into.join("pip.log");
    let said = File::create(&log).map_err(Error::io(&log))?;
    let mut command = command(pip, package, form, into);
    command.stdout(said.try_clone().map_err(Error::io(&log))?).stderr(said);
    let mut child = command.spawn().map_err(|cause| failed(cause.to_string()))?;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(_)) => return Err(failed(last_words(&log))),
            Ok(None) => {}
            Err(cause) => return Err(failed(cause.to_string())),
        }
        if stop.raised() {
            end(&mut child);
            return Err(Error::Interrupted { what: package.to_owned() });
        }
        look();
        std::thread::sleep(LOOK);
    }
}

fn works(pip: &[&str]) -> bool {
    let quiet = || Stdio::null();
    let mut command = Command::new(pip[0]);
    command.args(&pip[1..]).arg("--version").stdin(quiet()).stdout(quiet()).stderr(quiet());
    command.status().is_ok_and(|status| status.success())
}

fn command(pip: &[&str], package: &str, form: Form, into: &Path) -> Command {
    let mut command = Command::new(pip[0]);
    command.args(&pip[1..]).args(["download", "--no-deps", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]);
    // The files are read here, not run: neither this Python's version nor its platform matters.
    command.arg("--ignore-requires-python");
    if form == Form::Archive {
        // This package alone: what pip needs to read its name may still come as wheels.
        command.args(["--no-binary", package.split('=').next().unwrap_or(package)]);
    }
    command.arg("--dest").arg(into).arg(package);
    // pip's own scratch files go where they are counted and cleaned up.
    command.env("TMPDIR", into).env("TEMP", into).env("TMP", into).env("PYTHONIOENCODING", "utf-8").stdin(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// Ends pip and what it started.
fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Ok(group) = i32::try_from(child.id()) {
        // SAFETY: a plain system call; the group is the child's own, and the child has not been waited for yet.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The last line that pip calls an error, else the last line.
fn last_words(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines = || text.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().find(|line| line.starts_with("ERROR:")).or_else(|| lines().next());
    error.unwrap_or("pip").trim_start_matches("ERROR:").trim().to_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(script: &str, stop: &Stop) -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        // `sh -c SCRIPT pip …` stands for pip: `--version` succeeds, `download` runs the script.
        let text = format!("if [ \"$1\" = --version ]; then exit 0; fi; {script}");
        let pip: &[&str] = &["sh", "-c", &text, "pip"];
        download_with(&[&["/nowhere/python3", "-m", "pip"], pip], "a-package==1", Form::Wheel, folder.path(), &mut || {}, stop)
    }

    #[test]
    fn failures_say_what_pip_said() {
        let failed = |cause: &str| Err(Error::FetchFailed { what: "a-package==1".to_owned(), cause: cause.to_owned() });
        assert_eq!(run("exit 0", &Stop::new()), Ok(()));
        assert_eq!(
            run("echo x; echo 'ERROR: No matching distribution' >&2; echo; echo '[notice] new' ; exit 1", &Stop::new()),
            failed("No matching distribution")
        );
        assert_eq!(run("echo gone; exit 2", &Stop::new()), failed("gone"));
    }

    #[test]
    fn an_interrupt_ends_pip_and_its_children() {
        let stop = Stop::new();
        stop.raise();
        let begun = std::time::Instant::now();
        assert_eq!(run("sleep 60 & sleep 60", &stop), Err(Error::Interrupted { what: "a-package==1".to_owned() }));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn without_pip_the_error_says_what_was_tried() {
        let folder = tempfile::tempdir().unwrap();
        let pips: &[&[&str]] = &[&["/nowhere/python3", "-m", "pip"]];
        let error = download_with(pips, "a==1", Form::Wheel, folder.path(), &mut || {}, &Stop::new());
        assert!(matches!(error, Err(Error::FetchFailed { cause, .. }) if cause.contains("/nowhere/python3 -m pip")));
    }
}
