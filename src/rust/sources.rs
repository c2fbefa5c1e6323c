//! The sources of `lab` and `wire`, carried in the program and unpacked once for each version.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{Error, Result};

macro_rules! files {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("../../", $path)))),*] };
}

const FILES: &[(&str, &str)] = files![
    "lab/src/lib.rs",
    "lab/src/bridge.rs",
    "lab/src/channel.rs",
    "lab/src/draw.rs",
    "lab/src/hooks.rs",
    "lab/src/tensor.rs",
    "lab/src/training.rs",
    "wire/src/lib.rs",
    "wire/src/call.rs",
    "wire/src/chart.rs",
    "wire/src/code.rs",
    "wire/src/engine.rs",
    "wire/src/event.rs",
    "wire/src/frame.rs",
    "wire/src/json.rs",
    "wire/src/lab.rs",
    "wire/src/report.rs",
    "wire/src/table.rs",
    "wire/src/value.rs",
];

/// Outside of our workspace the two need manifests of their own.
const MANIFESTS: &[(&str, &str)] = &[
    (
        "lab/Cargo.toml",
        "[package]\nname = \"lab\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\nwire = { path = \"../wire\", package = \"lantern-wire\" }\n",
    ),
    ("wire/Cargo.toml", "[package]\nname = \"lantern-wire\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\nname = \"wire\"\n"),
];

/// Cells are compiled in a hurry; the loops over a tensor's numbers are in `lab`, which is compiled once. Cargo reads this from every folder
/// below `pool`.
///
/// # Errors
/// The file cannot be written.
pub fn optimise(pool: &Path) -> std::io::Result<()> {
    let place = pool.join(".cargo");
    std::fs::create_dir_all(&place)?;
    std::fs::write(
        place.join("config.toml"),
        "[profile.dev.package.lab]\nopt-level = 2\n\n[profile.dev.package.lantern-wire]\nopt-level = 2\n",
    )
}

/// The folder that has `lab` and `wire` in it.
///
/// # Errors
/// `Io`, `DiskFull`.
pub fn unpack(cache: &Path) -> Result<PathBuf> {
    let all = || FILES.iter().chain(MANIFESTS);
    let mut hash = Sha256::new();
    all().for_each(|(path, text)| hash.update(format!("{path}\n{}\n{text}", text.len())));
    let version: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let folder = cache.join(format!("lab-{version}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(cache).map_err(Error::io(cache))?;
    let unpacked = tempfile::Builder::new().prefix(".lab-").tempdir_in(cache).map_err(Error::io(cache))?;
    for (path, text) in all() {
        let place = unpacked.path().join(path);
        let parent = place.parent().unwrap_or(unpacked.path());
        std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
        std::fs::write(&place, text).map_err(Error::io(&place))?;
    }
    let made = unpacked.keep();
    match std::fs::rename(&made, &folder) {
        Ok(()) => Ok(folder),
        // Another session was faster: the same sources are there.
        Err(_) if folder.is_dir() => {
            let _ = std::fs::remove_dir_all(&made);
            Ok(folder)
        }
        Err(cause) => Err(Error::io(&folder)(cause)),
    }
}
