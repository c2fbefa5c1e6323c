//! The magics: one file each, one word in [`LIST`]. Parser, help, completion and the README table read the same list.

mod adapters;
mod attach;
pub mod captured;
pub mod cell;
mod chat;
mod clear;
mod compare;
mod data;
mod device;
mod eval;
mod full;
mod generate;
pub mod help;
mod history;
mod info;
mod input;
mod lang;
mod load;
mod lora;
mod lr;
mod lsmagic;
mod merge;
mod methods;
mod models;
mod next;
mod number;
mod out;
pub mod parse;
mod pretrain;
mod ptune;
mod quant;
mod sampling;
mod save;
mod seed;
mod settings;
pub mod shell;
mod status;
mod tokens;
pub mod train;
mod unload;
mod unmerge;

use std::fmt;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use wire::{Json, Value};

pub use captured::Captures;
pub use out::{Out, Prompter};

use crate::session::Session;
use crate::words::nearest::nearest;
use crate::words::{self, Lang, Phrase, help_zh};
use crate::{Error, Result};

/// What a magic is about; `%lsmagic` groups by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Model,
    Generate,
    Data,
    Train,
    Evaluate,
    Session,
}

impl Topic {
    pub const ALL: &'static [Topic] = &[Self::Model, Self::Generate, Self::Data, Self::Train, Self::Evaluate, Self::Session];

    pub fn title(self) -> Phrase {
        match self {
            Self::Model => words::ui::TOPIC_MODEL,
            Self::Generate => words::ui::TOPIC_GENERATE,
            Self::Data => words::ui::TOPIC_DATA,
            Self::Train => words::ui::TOPIC_TRAIN,
            Self::Evaluate => words::ui::TOPIC_EVALUATE,
            Self::Session => words::ui::TOPIC_SESSION,
        }
    }
}

/// A magic is its arguments: their doc comments are its help.
pub trait Magic: Args + FromArgMatches {
    const TOPIC: Topic;
    /// Each is a test: it must parse.
    const EXAMPLES: &'static [&'static str];

    /// # Errors
    /// Whatever stops the magic from doing what its help says.
    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value>;
}

/// One row of the list.
#[derive(Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub topic: Topic,
    pub examples: &'static [&'static str],
    augment: fn(Command) -> Command,
    run: fn(&ArgMatches, &mut Session, &mut Out) -> Result<Value>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn entry<M: Magic>(name: &'static str) -> Entry {
    Entry { name, topic: M::TOPIC, examples: M::EXAMPLES, augment: M::augment_args, run: run::<M> }
}

fn run<M: Magic>(matches: &ArgMatches, session: &mut Session, out: &mut Out) -> Result<Value> {
    let magic = M::from_arg_matches(matches).map_err(|e| Error::Usage { magic: String::new(), cause: e.to_string() })?;
    magic.run(session, out)
}

/// Every magic, in the order of `%lsmagic`.
pub const LIST: &[Entry] = &[
    entry::<load::Args>("load"),
    entry::<unload::Args>("unload"),
    entry::<models::Args>("models"),
    entry::<info::Args>("info"),
    entry::<save::Args>("save"),
    entry::<generate::Args>("generate"),
    entry::<chat::Args>("chat"),
    entry::<next::Args>("next"),
    entry::<tokens::Args>("tokens"),
    entry::<data::Args>("data"),
    entry::<lora::Args>("lora"),
    entry::<ptune::Args>("ptune"),
    entry::<full::Args>("full"),
    entry::<adapters::Args>("adapters"),
    entry::<merge::Args>("merge"),
    entry::<unmerge::Args>("unmerge"),
    entry::<train::Args>("train"),
    entry::<pretrain::Args>("pretrain"),
    entry::<compare::Args>("compare"),
    entry::<lr::Args>("lr"),
    entry::<eval::Args>("eval"),
    entry::<quant::Args>("quant"),
    entry::<device::Args>("device"),
    entry::<seed::Args>("seed"),
    entry::<status::Args>("status"),
    entry::<attach::Args>("attach"),
    entry::<captured::Args>("captured"),
    entry::<history::Args>("history"),
    entry::<clear::Args>("clear"),
    entry::<input::Args>("input"),
    entry::<lang::Args>("lang"),
    entry::<lsmagic::Args>("lsmagic"),
    entry::<help::Args>("help"),
];

/// Magics that look and change nothing: they are answered between two steps of another front end's cell.
pub const READS: &[&str] = &["models", "info", "next", "tokens", "status", "history", "lsmagic", "help"];

/// Magics that may take more memory than there is; should the process die of one, the next session says so.
const HEAVY: &[&str] = &["load", "train", "pretrain", "compare", "lr", "merge", "eval", "quant"];

/// The magic called `name` (without `%`).
///
/// # Errors
/// `UnknownMagic` with the nearest name.
pub fn find(name: &str) -> Result<&'static Entry> {
    LIST.iter().find(|entry| entry.name == name).ok_or_else(|| {
        // `%time` means `%%time`.
        let of_a_cell = cell::CELL.iter().find(|magic| magic.name == name).map(|magic| format!("%{name}", name = magic.name));
        let near = of_a_cell.unwrap_or_else(|| nearest(name, LIST.iter().map(|entry| entry.name)));
        Error::UnknownMagic { given: name.to_owned(), nearest: near }
    })
}

/// Options are spelled as Python spells them: clap would write `max-new-tokens`.
fn snake_case(arg: clap::Arg) -> clap::Arg {
    match arg.get_long().map(|long| long.replace('-', "_")) {
        Some(long) => arg.long(long),
        None => arg,
    }
}

impl Entry {
    /// The magic as clap sees it, in the person's language.
    pub fn command(&self) -> Command {
        let command = (self.augment)(Command::new(self.name).no_binary_name(true).disable_help_flag(true).disable_version_flag(true));
        let json = clap::Arg::new("json").long("json").action(clap::ArgAction::SetTrue).help("Print the result as one line of JSON");
        let command = command.arg(json).mut_args(snake_case);
        if words::lang() == Lang::En {
            return command;
        }
        let command = match help_zh::magic(self.name) {
            Some((first, "")) => command.about(first).long_about(None),
            Some((first, more)) => command.about(first).long_about(format!("{first}\n\n{more}")),
            None => command,
        };
        let name = self.name;
        command.mut_args(move |arg| match help_zh::option(name, arg.get_id().as_str()) {
            Some(help) => arg.help(help).long_help(None),
            None => arg,
        })
    }

    /// Runs the magic on the rest of its line.
    ///
    /// # Errors
    /// A line that does not parse, or what the magic itself reports.
    pub fn run(&self, line: &str, session: &mut Session, out: &mut Out) -> Result<Value> {
        let matches = parse::matches(self, line)?;
        let json = matches.get_flag("json");
        let quiet = out.set_quiet(json);
        let _note = HEAVY.contains(&self.name).then(|| session.note(&format!("%{} {}", self.name, line.trim())));
        let result = (self.run)(&matches, session, out);
        out.put_quiet(quiet);
        let value = result?;
        if json {
            out.value(&value.to_json());
        }
        Ok(value)
    }
}
