//! One file: resumed where it was cut, checked against its hash, put in place whole.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::http::{Answer, Client, Method};
use super::listing::Hash;
use super::trouble::Trouble;
use crate::stop::Stop;
use crate::words::servers;
use crate::{Error, Result};

/// What is fetched and where it goes.
pub struct Job<'a> {
    pub url: &'a str,
    pub token: Option<&'a str>,
    pub size: Option<u64>,
    pub hash: &'a Hash,
    pub partial: &'a Path,
    pub blob: &'a Path,
}

/// What the attempts at one file have in common.
#[derive(Debug, Default)]
pub struct Gain {
    /// The most bytes that were ever here: a server that cuts and cannot resume must get further to count as a gain.
    best: u64,
}

/// One attempt; what it gains stays in the partial file for the next one.
///
/// `progress` gets the bytes of this file that are here.
pub fn attempt(job: &Job, gain: &mut Gain, client: &Client, progress: &mut dyn FnMut(u64), stop: &Stop) -> Result<(), Trouble> {
    let full = |cause| full(job, cause);
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(job.partial).map_err(full)?;
    let mut here = file.metadata().map_err(full)?.len();
    if job.size.is_some_and(|size| here > size) {
        file.set_len(0).map_err(full)?;
        here = 0;
    }
    let begun = here;
    progress(here);
    if job.size != Some(here) {
        gain.best = gain.best.max(here);
        here = receive(job, gain, client, &mut file, here, progress)?;
    }
    file.sync_all().map_err(full)?;
    let given = digest(job.hash, &mut File::open(job.partial).map_err(full)?, here, stop).map_err(full)?.ok_or(Trouble::Stopped)?;
    if given != job.hash.text() {
        std::fs::remove_file(job.partial).map_err(Error::io(job.partial))?;
        if begun > 0 {
            // What was here before may be what is wrong.
            return Err(Trouble::passing(servers::DAMAGED_PARTIAL.text()));
        }
        return Err(Error::WrongHash { path: job.url.to_owned(), given, expected: job.hash.text().to_owned() }.into());
    }
    std::fs::rename(job.partial, job.blob).map_err(Error::io(job.blob))?;
    Ok(())
}

/// Appends what the server has beyond `here`; returns the length of the whole file.
fn receive(job: &Job, gain: &mut Gain, client: &Client, file: &mut File, here: u64, progress: &mut dyn FnMut(u64)) -> Result<u64, Trouble> {
    let restart = |file: &mut File| file.set_len(0).map_err(|cause| full(job, cause));
    let mut answer = match client.open(Method::Get, job.url, job.token, here) {
        Err(Trouble::Refused { status: 416, .. }) if here > 0 => {
            restart(file)?;
            return Err(Trouble::passing(servers::HTTP_STATUS.with(&[("status", &416)])));
        }
        other => other?,
    };
    let resumed = here > 0 && answer.status == 206 && starts_at(&answer, here);
    if answer.status == 206 && !resumed {
        restart(file)?;
        return Err(Trouble::passing(servers::WRONG_RANGE.text()));
    }
    let mut end = if resumed { here } else { 0 };
    let announced = answer.number("content-length").map(|length| end + length);
    let wrong = |given: u64| {
        let expected = job.size.or(announced).unwrap_or_default();
        servers::WRONG_LENGTH.with(&[("given", &given), ("expected", &expected)])
    };
    if let (Some(size), Some(announced)) = (job.size, announced)
        && size != announced
    {
        return Err(Trouble::passing(wrong(announced)));
    }
    if !resumed && here > 0 {
        restart(file)?;
    }
    let (best, expected) = (gain.best, job.size.or(announced));
    loop {
        let cut = |cause: String| Trouble::Passing { cause, wait: None, moved: end > best };
        let block = match answer.block() {
            Ok(Some(block)) => block,
            Ok(None) if expected.is_none_or(|expected| expected == end) => return Ok(end),
            Ok(None) => return Err(cut(wrong(end))),
            Err(Trouble::Passing { cause, .. }) => return Err(cut(cause)),
            Err(other) => return Err(other),
        };
        let after = end + block.len() as u64;
        if expected.is_some_and(|expected| after > expected) {
            restart(file)?;
            return Err(Trouble::passing(wrong(after)));
        }
        file.write_all(&block).map_err(|cause| full(job, cause))?;
        end = after;
        gain.best = gain.best.max(end);
        progress(end);
    }
}

fn starts_at(answer: &Answer, here: u64) -> bool {
    let range = answer.header("content-range").and_then(|range| range.trim().strip_prefix("bytes "));
    range.and_then(|range| range.split('-').next()?.trim().parse().ok()) == Some(here)
}

/// A full disk is left with more room than it had.
fn full(job: &Job, cause: std::io::Error) -> Error {
    match Error::io(job.partial)(cause) {
        Error::DiskFull { path, .. } => {
            let _ = std::fs::remove_file(job.partial);
            let needed = job.size.map(|size| format!("{} MB", size.div_ceil(1_000_000))).unwrap_or_default();
            Error::DiskFull { path, needed }
        }
        other => other,
    }
}

/// The file's hash in the kind that is expected; `None` when stopped.
fn digest(kind: &Hash, from: &mut File, length: u64, stop: &Stop) -> std::io::Result<Option<String>> {
    match kind {
        Hash::Sha256(_) => digest_of(Sha256::new(), from, stop),
        Hash::Git(_) => digest_of(Sha1::new().chain_update(format!("blob {length}\0")), from, stop),
        Hash::Unknown(text) => Ok(Some(text.clone())),
    }
}

fn digest_of<D: Digest>(mut state: D, from: &mut File, stop: &Stop) -> std::io::Result<Option<String>> {
    let mut block = vec![0; 1 << 18];
    loop {
        if stop.raised() {
            return Ok(None);
        }
        match from.read(&mut block)? {
            0 => return Ok(Some(state.finalize().iter().map(|byte| format!("{byte:02x}")).collect())),
            n => state.update(&block[..n]),
        }
    }
}
