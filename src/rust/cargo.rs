//! Stands in for cargo where only a cell has changed: the compiler is called as cargo called it the time before.
//!
//! evcxr runs cargo for each cell, and cargo finds out each time that nothing but the cell is new: half of a short cell's time. Here the first
//! build goes through cargo, which calls the compiler through [`RECORDER`]; what that sees is the recipe for the next. Whatever it was made
//! from (manifest, flags, compiler) is compared, and everything else is left to the real cargo.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::process::LAB;

/// Under these names this program is found by evcxr, and by cargo.
const CARGO: &str = "cargo";
const RUSTUP: &str = "rustup";
const RECORDER: &str = "lantern-recorder";

/// Where the real ones are; the `PATH` that they were found in.
const REAL_CARGO: &str = "LANTERN_REAL_CARGO";
const REAL_RUSTC: &str = "LANTERN_REAL_RUSTC";
pub const REAL_PATH: &str = "LANTERN_REAL_PATH";
/// Beside us, for another toolchain: where its cargo is.
const REAL: &str = "real";
/// Where the recipe goes, and what it is good for.
const RECIPE: &str = "LANTERN_RECIPE";
const MADE_FROM: &str = "LANTERN_RECIPE_FROM";

/// evcxr's name for the file in which it looks for the path of what was built.
const BUILT: &str = "EVCXR_EXECUTION_SO_PATH";
const LIBRARY: &str = if cfg!(target_os = "macos") { "libctx.dylib" } else { "libctx.so" };
const CRATE: &str = "ctx";

/// Does nothing unless this program was started in the place of another.
pub fn stand_in() -> Option<ExitCode> {
    let real = std::env::var_os(REAL_CARGO)?;
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    let arguments: Vec<OsString> = arguments.collect();
    let done = match Path::new(&name).file_name()?.to_str()? {
        CARGO => cargo(&real, &arguments),
        RUSTUP => rustup(&arguments),
        RECORDER => record(&arguments),
        _ => return None,
    };
    Some(done.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error}");
        ExitCode::from(101)
    }))
}

/// In the engine, before it has threads: makes evcxr find us. `folder` is the engine's own. Where something is missing, evcxr goes its usual way.
pub fn install(folder: &Path) -> Option<()> {
    let path = std::env::var_os("PATH")?;
    let (cargo, rustc) = (tool(CARGO, &path)?, tool("rustc", &path)?);
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).ok()?;
    let program = std::env::current_exe().ok()?;
    for name in [CARGO, RUSTUP, RECORDER] {
        std::os::unix::fs::symlink(&program, bin.join(name)).ok()?;
    }
    let first = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path))).ok()?;
    let set = [
        (REAL_CARGO, cargo.as_os_str()),
        (REAL_RUSTC, rustc.as_os_str()),
        (REAL_PATH, &path),
        ("PATH", &first),
        ("RUSTC", rustc.as_os_str()),
    ];
    for (name, value) in set {
        // SAFETY: no thread has been started.
        unsafe { std::env::set_var(name, value) };
    }
    Some(())
}

/// For a program that is no compiler: its surroundings without us.
pub fn leave_out(command: &mut Command) {
    if let Some(path) = std::env::var_os(REAL_PATH) {
        command.env("PATH", path);
        [REAL_CARGO, REAL_RUSTC, REAL_PATH, "RUSTC"].iter().for_each(|name| {
            command.env_remove(name);
        });
    }
}

/// The program itself rather than rustup's, which takes its time to find it.
fn tool(name: &str, path: &OsString) -> Option<PathBuf> {
    let found = |name: &str| std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| file.is_file());
    let asked =
        found(RUSTUP).and_then(|rustup| Command::new(rustup).args(["which", name]).output().ok()).filter(|out| out.status.success());
    asked.and_then(|out| Some(PathBuf::from(String::from_utf8(out.stdout).ok()?.trim()))).or_else(|| found(name))
}

/// evcxr asks where cargo is: here, also for `:toolchain NAME`, whose own cargo is noted beside us.
fn rustup(arguments: &[OsString]) -> io::Result<ExitCode> {
    let here = here().ok_or(io::ErrorKind::NotFound)?;
    let answer = match arguments {
        [which, tool] if which == "which" && tool == CARGO => Some(here.join(CARGO)),
        [which, tool] if which == "which" && tool == "rustc" => std::env::var_os(REAL_RUSTC).map(PathBuf::from),
        [toolchain, which, tool] if which == "which" && tool == CARGO => of_toolchain(&here, &toolchain.to_string_lossy(), arguments),
        _ => None,
    };
    match answer {
        Some(answer) => writeln!(io::stdout(), "{}", answer.display()).map(|()| ExitCode::SUCCESS),
        None => Err(really(Command::new(RUSTUP), arguments)),
    }
}

/// In a folder of its own: we under cargo's name, and the path of that toolchain's cargo.
fn of_toolchain(here: &Path, toolchain: &str, arguments: &[OsString]) -> Option<PathBuf> {
    let folder = here.join(toolchain.strip_prefix('+')?);
    let asked = Command::new(RUSTUP).args(arguments).env("PATH", std::env::var_os(REAL_PATH)?).output().ok()?;
    if !asked.status.success() {
        return None;
    }
    std::fs::create_dir_all(&folder).ok()?;
    std::fs::write(folder.join(REAL), String::from_utf8(asked.stdout).ok()?.trim()).ok()?;
    for name in [CARGO, RECORDER] {
        if !folder.join(name).exists() {
            std::os::unix::fs::symlink(std::env::current_exe().ok()?, folder.join(name)).ok()?;
        }
    }
    Some(folder.join(CARGO))
}

/// The folder that we were called from.
fn here() -> Option<PathBuf> {
    Some(which(Path::new(&std::env::args_os().next()?))?.parent()?.to_owned())
}

/// A program's path from the name it was called by.
fn which(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return Some(program.to_owned());
    }
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Goes on as another program; returns only if that cannot be started.
fn really(mut command: Command, arguments: &[OsString]) -> io::Error {
    if let Some(path) = std::env::var_os(REAL_PATH) {
        command.env("PATH", path);
    }
    command.args(arguments).exec()
}

fn cargo(real: &OsString, arguments: &[OsString]) -> io::Result<ExitCode> {
    let here = here().ok_or(io::ErrorKind::NotFound)?;
    let noted = std::fs::read_to_string(here.join(REAL)).ok().map(OsString::from);
    let real = noted.as_ref().unwrap_or(real);
    let verb = arguments.iter().filter_map(|word| word.to_str()).find(|word| !word.starts_with('-')).unwrap_or_default();
    if !matches!(verb, "build" | "check") {
        return Err(really(Command::new(real), arguments));
    }
    let recipe = PathBuf::from(format!(".lantern-{verb}"));
    let made_from = made_from(arguments);
    let known = made_from.as_ref().and_then(|made_from| read(&recipe, made_from));
    let direct = known.is_some();
    let mut command = known.unwrap_or_else(|| Command::new(real));
    if !direct {
        command.args(arguments);
        if let Some(made_from) = &made_from {
            command
                .env("RUSTC_WORKSPACE_WRAPPER", here.join(RECORDER))
                .env(RECIPE, std::path::absolute(&recipe)?)
                .env(MADE_FROM, made_from);
        }
    }
    let status = command.status()?;
    if status.success() && verb == "build" {
        hand_over(built(arguments), direct)?;
    }
    Ok(code(status))
}

fn code(status: std::process::ExitStatus) -> ExitCode {
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(101))
}

/// All that a recipe depends on; `None` where a crate on this disk may have changed without a sign: `:dep x = { path = … }`.
fn made_from(arguments: &[OsString]) -> Option<String> {
    let manifest = std::fs::read_to_string("Cargo.toml").ok()?;
    let lab = std::env::var(LAB).ok()?;
    if !unchanging(&manifest, &lab) {
        return None;
    }
    let config = std::fs::read_to_string(".cargo/config.toml").unwrap_or_default();
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let rustc = std::env::var("RUSTC").unwrap_or_default();
    // An update leaves the compiler's name and makes what it compiled before useless.
    let made = std::fs::metadata(&rustc).and_then(|about| about.modified()).ok();
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    Some(format!("{manifest}\n{config}\n{flags}\n{rustc} {made:?}\n{}\n{}", words.join(" "), env!("CARGO_PKG_VERSION")).replace('\0', " "))
}

/// Whether all that the cell depends on comes from where nothing is changed: registries, repositories, our own sources.
fn unchanging(manifest: &str, lab: &str) -> bool {
    let (_, dependencies) = manifest.split_once("[dependencies]").unwrap_or_default();
    let ours = |line: &str| line.starts_with("lab = {") && line.contains(lab);
    dependencies.lines().all(|line| ours(line) || !line.contains("path"))
}

/// What cargo calls in the compiler's place: notes how the cell is compiled, and compiles it.
fn record(arguments: &[OsString]) -> io::Result<ExitCode> {
    let (rustc, arguments) = arguments.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let cell = arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == CRATE);
    if let (true, Some(recipe), Ok(made_from)) = (cell, std::env::var_os(RECIPE), std::env::var(MADE_FROM)) {
        // Not the pipe over which cargo shares out its jobs: it ends with cargo.
        let told = |name: &str| (name.starts_with("CARGO_") && name != "CARGO_MAKEFLAGS") || name == "OUT_DIR" || name == "LD_LIBRARY_PATH";
        let surroundings = std::env::vars().filter(|(name, _)| told(name));
        let words: Vec<String> = std::iter::once(rustc).chain(arguments).map(|word| word.to_string_lossy().into_owned()).collect();
        let pieces: Vec<String> = std::iter::once(made_from)
            .chain(std::iter::once(words.len().to_string()))
            .chain(words)
            .chain(surroundings.map(|(name, value)| format!("{name}={value}")))
            .collect();
        // Without a recipe the next cell goes through cargo as well.
        let _ = std::fs::write(recipe, pieces.join("\0"));
    }
    Err(really(Command::new(rustc), arguments))
}

/// The compiler's call, if it was made from the same and what it links is there.
fn read(recipe: &Path, made_from: &str) -> Option<Command> {
    let text = std::fs::read_to_string(recipe).ok()?;
    let mut pieces = text.split('\0');
    if pieces.next()? != made_from {
        return None;
    }
    let count: usize = pieces.next()?.parse().ok()?;
    let words: Vec<&str> = pieces.by_ref().take(count).collect();
    let (rustc, arguments) = words.split_first()?;
    let linked = arguments.windows(2).filter(|pair| pair[0] == "--extern").filter_map(|pair| Some(pair[1].split_once('=')?.1));
    if words.len() < count || !linked.into_iter().all(|file| Path::new(file).is_file()) {
        return None;
    }
    let mut command = Command::new(rustc);
    command.args(arguments).envs(pieces.filter_map(|piece| piece.split_once('=')));
    Some(command)
}

/// Where the library is, by cargo's arguments. evcxr's own way finds a link to it one folder above, where it does not find the standard library.
fn built(arguments: &[OsString]) -> Option<PathBuf> {
    let target = arguments.windows(2).find(|pair| pair[0] == "--target").map(|pair| &pair[1])?;
    std::path::absolute(Path::new("target").join(target).join("debug/deps").join(LIBRARY)).ok()
}

/// evcxr takes what was built away. cargo must find its own again; the compiler makes it anew each time.
fn hand_over(built: Option<PathBuf>, whole: bool) -> io::Result<()> {
    let (Some(built), Some(place)) = (built, std::env::var_os(BUILT)) else { return Ok(()) };
    let given = built.with_file_name(format!("given-{LIBRARY}"));
    if whole {
        std::fs::rename(&built, &given)?
    } else {
        std::fs::copy(&built, &given).map(drop)?
    }
    std::fs::write(place, given.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_holds_while_nothing_but_the_cell_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (recipe, library) = (folder.path().join("recipe"), folder.path().join("liblab.rlib"));
        let extern_ = format!("lab={}", library.display());
        let pieces = ["made from", "5", "rustc", "--extern", &extern_, "--out-dir", "deps", "CARGO_PKG_NAME=ctx"];
        std::fs::write(&recipe, pieces.join("\0")).unwrap();
        assert!(read(&recipe, "made from").is_none(), "what it links is not there");
        std::fs::write(&library, "").unwrap();
        assert!(read(&recipe, "made from another").is_none());
        let command = read(&recipe, "made from").unwrap();
        assert_eq!(command.get_args().count(), 4);
        let built = built(&["build", "--target", "x86"].map(OsString::from)).unwrap();
        assert!(built.ends_with(Path::new("target/x86/debug/deps").join(LIBRARY)) && built.is_absolute());
        assert_eq!(command.get_envs().count(), 1);
    }

    #[test]
    fn a_crate_on_this_disk_may_change_without_a_sign() {
        let manifest = |line: &str| format!("[profile.dev]\nrpath = true\n[dependencies]\nlab = {{ path = \"/c/lab-1/lab\" }}\n{line}\n");
        assert!(unchanging(&manifest("rand = \"0.9\""), "/c/lab-1"));
        assert!(!unchanging(&manifest("mine = { path = \"/home/me\" }"), "/c/lab-1"));
        assert!(!unchanging(&manifest(""), "/c/lab-2"));
    }
}
