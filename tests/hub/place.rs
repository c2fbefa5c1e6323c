//! A cache, servers and a model for the tests of the hub's names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lantern::hub::{self, Endpoint, Endpoints, Files, Layout};
use lantern::stop::Stop;
use lantern::{Error, Result};

use super::server::{Reply, Repository, Request, Server, sha256};

pub const ID: &str = "an-owner/a_model-1.5";
pub const WEIGHTS: &str = "model.safetensors";

/// 3 MB: a dozen blocks.
pub fn repository() -> Repository {
    let weights: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    Repository::new(&[
        ("README.md", b"---\nlicense: mit\n---\n"),
        ("config.json", b"{}"),
        ("tokenizer.json", b"{\"version\":\"1.0\"}"),
        ("pytorch_model.bin", b"code"),
        ("training_args.bin", b"more code"),
        (WEIGHTS, &weights),
    ])
}

#[derive(Debug)]
pub struct Place {
    pub folder: tempfile::TempDir,
    pub rules: Endpoints,
}

impl Place {
    /// Neither waits nor, unless a test says so, tries twice in vain.
    pub fn new(servers: &[&Server]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let list = servers.iter().map(|server| Endpoint::new(&server.url, Layout::Hub)).collect();
        let rules = Endpoints { attempts: 3, pause: Duration::ZERO, ..Endpoints::new(list, folder.path().join("hub")) };
        Self { folder, rules }
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.rules.folder.join("models--an-owner--a_model-1.5").join(path)
    }

    pub fn resolve(&self) -> Result<Files> {
        self.resolve_name(ID)
    }

    pub fn resolve_name(&self, name: &str) -> Result<Files> {
        hub::resolve_from(name, self.folder.path(), &|| self.rules.clone(), &mut |_, _| {}, &Stop::new())
    }

    /// Interrupted once this many bytes came.
    pub fn interrupted_at(&self, bytes: u64) -> Result<Files> {
        let stop = Stop::new();
        let mut progress = |done: u64, _| {
            if done >= bytes {
                stop.raise();
            }
        };
        hub::resolve_from(ID, self.folder.path(), &|| self.rules.clone(), &mut progress, &stop)
    }

    pub fn partial(&self, repository: &Repository) -> PathBuf {
        self.at(&format!("blobs/{}.incomplete", sha256(repository.get(WEIGHTS))))
    }
}

pub fn serve(repository: &Repository) -> Server {
    let repository = repository.clone();
    Server::start(move |request| repository.serve(request))
}

/// A hub whose answers for the weights pass through `change`.
pub fn bend(repository: &Repository, change: impl Fn(&Request, Reply) -> Reply + Send + 'static) -> Server {
    let repository = repository.clone();
    Server::start(move |request| {
        let reply = repository.serve(request);
        if request.path.ends_with(WEIGHTS) { change(request, reply) } else { reply }
    })
}

pub fn asked(server: &Server, end: &str) -> Vec<Option<usize>> {
    server.asked().iter().filter(|request| request.path.ends_with(end)).map(Request::range).collect()
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

pub fn cause<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::HubFailed { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}
