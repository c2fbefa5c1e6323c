//! Every sentence in both languages, with the same fields.

use std::collections::BTreeSet;

use lantern::Error;
use lantern::words::errors::{NAMES, wording};
use lantern::words::{Phrase, ui};

use crate::harness::world::root;

/// The `{name}`s of a sentence.
fn fields(text: &str) -> BTreeSet<String> {
    let pieces = text.split('{').skip(1).filter_map(|piece| piece.split_once('}'));
    pieces.map(|(name, _)| name.to_owned()).filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')).collect()
}

fn same_fields(what: &str, phrase: Phrase) {
    assert_eq!(fields(phrase.en), fields(phrase.zh), "{what}: {} | {}", phrase.en, phrase.zh);
}

#[test]
fn errors_have_wording_with_their_own_fields() {
    let errors: Vec<&str> = Error::NAMES.iter().map(|(name, _)| *name).collect();
    assert_eq!(errors.iter().collect::<BTreeSet<_>>(), NAMES.iter().collect::<BTreeSet<_>>());
    for (name, own) in Error::NAMES {
        let (message, hints) = wording(name);
        for phrase in hints.iter().chain([&message]) {
            same_fields(name, *phrase);
            let unknown: Vec<_> = fields(phrase.en).into_iter().filter(|field| !own.contains(&field.as_str())).collect();
            assert!(unknown.is_empty(), "{name} has no field {unknown:?}: {}", phrase.en);
        }
    }
}

#[test]
fn a_hint_that_misses_a_field_gives_way_to_the_next() {
    let near = Error::UnknownMagic { given: "lod".into(), nearest: "load".into() }.report();
    assert_eq!(near.hint.as_deref(), Some("did you mean `%load`? `%lsmagic` lists them all"));
    let far = Error::UnknownMagic { given: "xyzzy".into(), nearest: String::new() }.report();
    assert_eq!(far.hint.as_deref(), Some("`%lsmagic` lists them all"));
}

#[test]
fn phrases_have_the_same_fields_in_both_languages() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("repl/src"), &mut files);
    sources(&root().join("kernel/src"), &mut files);
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (i, _) in text.match_indices("phrase(") {
            let mut rest = &text[i + "phrase(".len()..];
            let (Some(en), Some(zh)) = (literal(&mut rest), literal(&mut rest)) else { continue };
            assert_eq!(fields(&en), fields(&zh), "{}: {en} | {zh}", file.display());
            assert!(en.is_ascii() || !en.chars().any(chinese), "{}: {en}", file.display());
            count += 1;
        }
    }
    assert!(count > 100, "only {count} phrases were found: the scan is wrong");
}

fn chinese(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// The next string literal, if nothing but blanks and a comma stand before it.
fn literal(rest: &mut &str) -> Option<String> {
    let start = rest.trim_start_matches([' ', '\n', ',']).strip_prefix('"')?;
    let mut text = String::new();
    let mut chars = start.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => {
                *rest = &start[i + 1..];
                return Some(text);
            }
            '\\' => text.extend(chars.next().map(|(_, c)| c)),
            c => text.push(c),
        }
    }
    None
}

fn sources(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_reason_to_stop_has_words() {
    let texts: BTreeSet<_> = ["eos", "stop", "length", "context", "interrupt"].iter().map(|name| ui::stopped_by(name).en).collect();
    assert_eq!(texts.len(), 5);
}
