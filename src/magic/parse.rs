//! The rest of a magic's line -> clap matches: `word=value`, `--word value`, quotes, lists by commas.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command};

use super::Entry;
use crate::words::nearest::nearest;
use crate::words::ui;
use crate::{Error, Result};

/// A word of the line: `quoted` words are never options.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    pub text: String,
    pub quoted: bool,
}

/// Cuts a line at blanks. Double quotes understand `\n`, `\t`, `\"`, `\\`; single quotes keep all as it is.
///
/// # Errors
/// `Err(quote)` when a quote is not closed.
pub fn words(line: &str) -> std::result::Result<Vec<Word>, char> {
    let mut found = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(&first) = chars.peek() {
        if first.is_whitespace() {
            chars.next();
            continue;
        }
        let mut word = Word { text: String::new(), quoted: matches!(first, '"' | '\'') };
        while let Some(&c) = chars.peek() {
            match c {
                c if c.is_whitespace() => break,
                // An apostrophe inside a word (`don't`) is a letter; a quote after `=` opens a value.
                '"' | '\'' if word.text.is_empty() || word.text.ends_with('=') => {
                    chars.next();
                    quoted(&mut chars, c, &mut word.text)?;
                }
                c => {
                    word.text.push(c);
                    chars.next();
                }
            }
        }
        found.push(word);
    }
    Ok(found)
}

fn quoted(chars: &mut impl Iterator<Item = char>, quote: char, text: &mut String) -> std::result::Result<(), char> {
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c @ ('"' | '\\')) => text.push(c),
                Some(c) => text.extend(['\\', c]),
                None => return Err(quote),
            },
            c => text.push(c),
        }
    }
    Err(quote)
}

/// # Errors
/// `UnknownOption`, `BadValue`, `MissingArgument`, `Usage`: each names this magic.
pub fn matches(entry: &Entry, line: &str) -> Result<ArgMatches> {
    let command = entry.command();
    let words = words(line).map_err(|quote| usage(entry.name, ui::OPEN_QUOTE.with(&[("quote", &quote)])))?;
    let arguments = arrange(entry.name, &command, words)?;
    command.clone().try_get_matches_from(arguments).map_err(|error| explain(entry.name, &command, &error))
}

fn usage(magic: &str, cause: String) -> Error {
    Error::Usage { magic: magic.to_owned(), cause }
}

/// Options first, then `--`, then the free words: so that a prompt may start with a hyphen.
fn arrange(magic: &str, command: &Command, words: Vec<Word>) -> Result<Vec<String>> {
    let mut options = Vec::new();
    let mut free = Vec::new();
    let takes_text = command.get_positionals().any(is_text);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word.quoted {
            free.push(word.text);
        } else if let Some(long) = word.text.strip_prefix("--").filter(|long| !long.is_empty()) {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
            let arg = option(command, name).ok_or_else(|| unknown(magic, command, name))?;
            let value = match value {
                None if !is_switch(arg) => words.next().map(|word| word.text),
                value => value,
            };
            options.extend(spell(magic, arg, value)?);
        } else {
            match word.text.split_once('=') {
                Some((name, value)) if option(command, name).is_some() => {
                    if let Some(arg) = option(command, name) {
                        options.extend(spell(magic, arg, Some(value.to_owned()))?);
                    }
                }
                Some((name, _)) if !takes_text && is_name(name) => return Err(unknown(magic, command, name)),
                _ => free.push(word.text),
            }
        }
    }
    options.push("--".to_owned());
    options.extend(free);
    Ok(options)
}

/// Whether the argument takes running text, in which `a=b` is just text.
pub(super) fn is_text(arg: &Arg) -> bool {
    let name = value_name(arg);
    name == "PROMPT" || name == "TEXT" || name == "MESSAGE"
}

pub fn value_name(arg: &Arg) -> String {
    arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default()
}

pub(super) fn is_switch(arg: &Arg) -> bool {
    !arg.get_action().takes_values() || arg.is_require_equals_set()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The option called `name`, by its own name or an alias (`lora_alpha`), with `-` for `_`.
pub fn option<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    let name = name.replace('-', "_");
    command.get_arguments().filter(|arg| !arg.is_positional()).find(|arg| {
        arg.get_long().is_some_and(|long| long == name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name.as_str()))
    })
}

/// As clap spells it; a bare switch that is set to false is left out.
fn spell(magic: &str, arg: &Arg, value: Option<String>) -> Result<Option<String>> {
    let long = arg.get_long().unwrap_or_default();
    let bare = !arg.get_action().takes_values() && !arg.is_require_equals_set();
    match value.as_deref() {
        None if is_switch(arg) => Ok(Some(format!("--{long}"))),
        None | Some("") => Err(Error::MissingArgument { magic: magic.to_owned(), argument: ui::NEEDS_VALUE.with(&[("option", &long)]) }),
        Some("true") if is_switch(arg) => Ok(Some(format!("--{long}"))),
        Some("false") if bare => Ok(None),
        Some(given) if bare => Err(Error::BadValue { option: long.to_owned(), given: given.to_owned(), allowed: one_of("true, false") }),
        Some(value) => Ok(Some(format!("--{long}={value}"))),
    }
}

fn one_of(choices: &str) -> String {
    ui::ONE_OF.with(&[("choices", &choices)])
}

fn unknown(magic: &str, command: &Command, given: &str) -> Error {
    let longs = command.get_arguments().filter_map(Arg::get_long);
    let nearest = nearest(&given.replace('-', "_"), longs);
    Error::UnknownOption { magic: magic.to_owned(), given: given.to_owned(), nearest }
}

/// Clap's error in our words: none of clap's own sentences reaches a person.
fn explain(magic: &str, command: &Command, error: &clap::Error) -> Error {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(all)) => all.join(", "),
        _ => String::new(),
    };
    let said = context(ContextKind::InvalidArg);
    let (name, given) = (plain(&said), context(ContextKind::InvalidValue));
    match error.kind() {
        ErrorKind::InvalidValue if !context(ContextKind::ValidValue).is_empty() => {
            Error::BadValue { option: name, given, allowed: one_of(&context(ContextKind::ValidValue)) }
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let reason = std::error::Error::source(error).map_or_else(|| ui::NOT_UNDERSTOOD.to_string(), ToString::to_string);
            Error::BadValue { option: name, given, allowed: reason }
        }
        ErrorKind::MissingRequiredArgument => Error::MissingArgument { magic: magic.to_owned(), argument: name },
        ErrorKind::ArgumentConflict => usage(magic, ui::TWICE.with(&[("option", &name)])),
        ErrorKind::UnknownArgument => usage(magic, too_many(command, &said)),
        _ => usage(magic, ui::NOT_UNDERSTOOD.to_string()),
    }
}

/// `--lr <X>`, `[N]`, `<PROMPT>...` as a person knows them: `lr`, `N`, `PROMPT`.
fn plain(said: &str) -> String {
    let name = said.trim_start_matches(['-', '[', '<']);
    name.split(['=', ' ', '[', ']', '>', '.']).next().unwrap_or_default().to_owned()
}

/// A word that nothing takes is often an option without its value.
fn too_many(command: &Command, word: &str) -> String {
    match option(command, word) {
        Some(arg) => {
            let value = if is_switch(arg) { "true".to_owned() } else { value_name(arg) };
            ui::IS_AN_OPTION.with(&[("option", &word), ("value", &value)])
        }
        None => ui::TOO_MANY.with(&[("word", &word)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(line: &str, expected: &[(&str, bool)]) {
        let found: Vec<_> = words(line).unwrap().into_iter().map(|word| (word.text, word.quoted)).collect();
        let expected: Vec<_> = expected.iter().map(|(text, quoted)| ((*text).to_owned(), *quoted)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn words_keep_quotes_and_apostrophes() {
        case("a  b=1", &[("a", false), ("b=1", false)]);
        case(r#""lr=1 \n" don't"#, &[("lr=1 \n", true), ("don't", false)]);
        case(r#"stop="a b" 'x\n'"#, &[("stop=a b", false), ("x\\n", true)]);
        assert_eq!(words("\"open"), Err('"'));
    }
}
