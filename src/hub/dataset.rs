//! A data set of the hub, or a folder in its layout, to the files of one split.

use std::path::{Path, PathBuf};

use super::card::{self, Config};
use super::listing::{Listing, Remote};
use super::repository::Repository;
use super::snapshot::Shelf;
use super::trouble::Trouble;
use super::visit::{Visit, from_servers};
use super::{Endpoints, Kind, Progress};
use crate::stop::Stop;
use crate::words::formats;
use crate::{Error, Result};

/// What the person asks for; where nothing, the default configuration's `train`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    pub config: Option<&'a str>,
    pub split: Option<&'a str>,
}

/// The files of one split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    pub name: String,
    pub files: Vec<PathBuf>,
    /// Empty where there is but one, without a name.
    pub config: String,
    pub split: String,
    /// Names of the other splits and configurations.
    pub others: Vec<String>,
}

/// Which files those are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Choice {
    config: String,
    split: String,
    others: Vec<String>,
    files: Vec<Remote>,
}

const CARD: &str = "README.md";
const ENDINGS: &[&str] = &["parquet", "json", "jsonl", "ndjson", "csv", "tsv", "txt"];

/// The set's files, fetched where they are not all in the cache.
///
/// # Errors
/// As for models; `NoDataFiles`, and `BadValue` for a split or a configuration that there is not.
pub fn fetch(repository: &Repository, wish: Wish, rules: &Endpoints, progress: Progress, stop: &Stop) -> Result<Set> {
    let id = repository.id();
    let shelf = Shelf::new(&rules.folder, Kind::Data, id);
    if let Some(set) = shelf.current().and_then(|snapshot| here(id, &snapshot, wish)) {
        return Ok(set);
    }
    from_servers(id, Kind::Data, &shelf, rules, progress, stop, |visit, last| run(visit, wish, last))
}

fn run(mut visit: Visit, wish: Wish, last: bool) -> Result<Set, Trouble> {
    let listing = visit.listing(last)?;
    let cards: Vec<Remote> = listing.get(CARD).cloned().into_iter().collect();
    visit.get_all(&listing, &cards, None)?;
    let snapshot = visit.snapshot(&listing);
    let text = std::fs::read_to_string(snapshot.join(CARD)).unwrap_or_default();
    let choice = choose(visit.id, &listing, &text, wish)?;
    let total = choice.files.iter().chain(&cards).map(|file| file.size).sum::<Option<u64>>();
    visit.get_all(&listing, &choice.files, total)?;
    visit.point(&listing)?;
    Ok(set(visit.id, &snapshot, choice))
}

/// A folder that holds the files of a set.
///
/// # Errors
/// `NoDataFiles`, `BadValue`.
pub fn folder(path: &Path, wish: Wish) -> Result<Set> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let text = std::fs::read_to_string(path.join(CARD)).unwrap_or_default();
    choose(&path.display().to_string(), &local(path), &text, wish).map(|choice| set(&name, path, choice))
}

/// What the cache has of it, if none of the split's files is known to be missing.
fn here(id: &str, snapshot: &Path, wish: Wish) -> Option<Set> {
    let text = std::fs::read_to_string(snapshot.join(CARD)).unwrap_or_default();
    let choice = choose(id, &local(snapshot), &text, wish).ok()?;
    // `train-00000-of-00007.parquet`: the names say how many there are.
    let of = choice.files.iter().filter_map(|file| file.name.rsplit_once("-of-")?.1.split('.').next()?.parse::<usize>().ok()).max();
    of.is_none_or(|of| of <= choice.files.len()).then(|| set(id, snapshot, choice))
}

fn set(name: &str, folder: &Path, choice: Choice) -> Set {
    let Choice { config, split, others, files } = choice;
    Set { name: name.to_owned(), files: files.iter().map(|file| folder.join(&file.name)).collect(), config, split, others }
}

/// The files below a folder, as a listing.
fn local(folder: &Path) -> Listing {
    let mut files = Vec::new();
    walk(folder, "", &mut files);
    files.sort_by(|a: &Remote, b| a.name.cmp(&b.name));
    Listing { commit: String::new(), files }
}

fn walk(folder: &Path, before: &str, files: &mut Vec<Remote>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        match std::fs::metadata(entry.path()) {
            Ok(meta) if meta.is_dir() => walk(&entry.path(), &format!("{name}/"), files),
            Ok(meta) => files.push(Remote { name, size: Some(meta.len()), hash: None }),
            Err(_) => {}
        }
    }
}

fn choose(id: &str, listing: &Listing, card: &str, wish: Wish) -> Result<Choice> {
    let mut readable: Vec<&Remote> = listing.files.iter().filter(|file| is_data(&file.name)).collect();
    readable.sort_by(|a, b| a.name.cmp(&b.name));
    if readable.is_empty() {
        let names: Vec<&str> = listing.files.iter().take(12).map(|file| file.name.as_str()).collect();
        return Err(Error::NoDataFiles { repository: id.to_owned(), files: names.join(", ") });
    }
    let mut configs = card::configs(card);
    if configs.is_empty() {
        configs.push(by_names(&readable));
    }
    let names: Vec<&str> = configs.iter().map(|config| config.name.as_str()).collect();
    let usual = configs.iter().find(|config| config.default || config.name == "default").or(configs.first());
    let config = wish.config.map_or(usual, |wished| configs.iter().find(|config| config.name == wished));
    let config = config.ok_or_else(|| no_such("config", wish.config, &names))?;
    let splits: Vec<&str> = config.splits.iter().map(|(name, _)| name.as_str()).collect();
    let usual = config.splits.iter().find(|(name, _)| name == "train").or(config.splits.first());
    let split = wish.split.map_or(usual, |wished| config.splits.iter().find(|(name, _)| name == wished));
    let (split, patterns) = split.ok_or_else(|| no_such("split", wish.split, &splits))?;
    let fits = |file: &&&Remote| patterns.iter().any(|pattern| card::fits(pattern, &file.name));
    let files: Vec<Remote> = readable.iter().filter(fits).map(|file| (*file).clone()).collect();
    if files.is_empty() {
        return Err(Error::NoDataFiles { repository: id.to_owned(), files: patterns.join(", ") });
    }
    let other_splits = splits.iter().filter(|name| *name != split).map(|name| format!("split={name}"));
    let other_configs = names.iter().filter(|name| **name != config.name).map(|name| format!("config={name}"));
    Ok(Choice { config: config.name.clone(), split: split.clone(), others: other_splits.chain(other_configs).collect(), files })
}

fn no_such(option: &str, given: Option<&str>, known: &[&str]) -> Error {
    let known: Vec<&str> = known.iter().copied().filter(|name| !name.is_empty()).collect();
    let allowed = if known.is_empty() { formats::NONE.text().to_owned() } else { known.join(", ") };
    Error::BadValue { option: option.to_owned(), given: given.unwrap_or_default().to_owned(), allowed }
}

/// Without a card's word: each file belongs to the split that its name has, or all are `train`.
fn by_names(files: &[&Remote]) -> Config {
    let mut config = Config::default();
    let any = files.iter().any(|file| card::split_of(&file.name).is_some());
    for file in files {
        let Some(split) = card::split_of(&file.name).or((!any).then_some("train")) else { continue };
        match config.splits.iter_mut().find(|(name, _)| name == split) {
            Some((_, names)) => names.push(file.name.clone()),
            None => config.splits.push((split.to_owned(), vec![file.name.clone()])),
        }
    }
    config
}

/// Files of rows; not the notes that some sets keep beside them.
fn is_data(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let inner = file.strip_suffix(".gz").or_else(|| file.strip_suffix(".zst")).unwrap_or(&file);
    let ending = inner.rsplit_once('.').map_or("", |(_, ending)| ending);
    !file.starts_with('.') && ENDINGS.contains(&ending) && !["dataset_infos.json", "state.json", "license.txt"].contains(&inner)
}
