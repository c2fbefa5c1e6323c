//! The list of magics against itself: examples parse, options have names and help of their own in both languages, README shows the list.

use std::collections::HashSet;

use clap::Arg;
use lantern::magic::{self, Entry, LIST, Topic};
use lantern::words::{Lang, help_zh, lang};

use crate::harness::world::root;

fn arguments(entry: &Entry) -> Vec<Arg> {
    entry.command().get_arguments().cloned().collect()
}

#[test]
fn examples_parse() {
    for entry in LIST {
        assert!(!entry.examples.is_empty(), "%{}", entry.name);
        for example in entry.examples {
            let rest = example.strip_prefix(&format!("%{}", entry.name)).unwrap_or_else(|| panic!("{example} is not %{}", entry.name));
            assert!(rest.is_empty() || rest.starts_with(' '), "{example}");
            if let Err(error) = magic::parse::matches(entry, rest) {
                panic!("{example}: {error}");
            }
        }
    }
}

#[test]
fn names_are_told_apart() {
    let mut magics = HashSet::new();
    for entry in LIST {
        assert!(magics.insert(entry.name), "%{} twice", entry.name);
        let mut options = HashSet::new();
        for arg in arguments(entry) {
            let names = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
            for name in names {
                assert!(options.insert(name.to_owned()), "%{} {name} twice", entry.name);
                let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                assert!(plain && !name.is_empty(), "%{} {name}: snake_case", entry.name);
            }
            assert!(arg.get_short().is_none(), "%{}: no one-letter options", entry.name);
        }
    }
}

#[test]
fn everything_has_help_in_both_languages() {
    assert_eq!(lang(), Lang::En, "tests in this process speak English");
    let mut missing = Vec::new();
    for entry in LIST {
        let first = magic::help::first_line(entry);
        assert!(!first.is_empty() && !first.ends_with('.') && first.chars().count() <= 60, "%{}: {first}", entry.name);
        match help_zh::magic(entry.name) {
            Some((first, more)) => {
                assert!(is_chinese(first) && !first.ends_with('。'), "%{}: {first}", entry.name);
                let long = entry.command().get_long_about().is_some();
                assert_eq!(long, !more.is_empty(), "%{}: one language says more than the other", entry.name);
            }
            None => missing.push(format!("%{}", entry.name)),
        }
        for arg in arguments(entry) {
            let id = arg.get_id().as_str();
            assert!(arg.get_help().is_some(), "%{} {id} has no help", entry.name);
            if help_zh::option(entry.name, id).is_none() {
                missing.push(format!("%{} {id}", entry.name));
            }
        }
    }
    assert!(missing.is_empty(), "words/help_zh.rs has no {}", missing.join(", "));
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

#[test]
fn every_topic_has_magics() {
    for topic in Topic::ALL {
        assert!(LIST.iter().any(|entry| entry.topic == *topic), "{topic:?}");
    }
}

const BEGIN: &str = "<!-- magics -->\n";
const END: &str = "<!-- /magics -->";

/// The table of README, from the list.
fn table() -> String {
    let mut table = "| magic | what it does | example |\n|---|---|---|\n".to_owned();
    for topic in Topic::ALL {
        for entry in LIST.iter().filter(|entry| entry.topic == *topic) {
            // The second example shows more than the bare name.
            let example = entry.examples.get(1).unwrap_or(&entry.examples[0]).replace('|', "\\|");
            table += &format!("| `%{}` | {} | `{example}` |\n", entry.name, magic::help::first_line(entry).replace('|', "\\|"));
        }
    }
    table
}

/// `BLESS=1` writes the table.
#[test]
fn readme_shows_the_list() {
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let place = readme.find(BEGIN).and_then(|from| readme.find(END).map(|to| (from + BEGIN.len(), to)));
    let (from, to) = place.unwrap_or_else(|| panic!("README.md has no {BEGIN} {END}"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, format!("{}{}{}", &readme[..from], table(), &readme[to..])).unwrap();
    } else {
        assert_eq!(&readme[from..to], table(), "README's table is not the list: `just bless`");
    }
}
