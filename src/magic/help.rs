use std::fmt::Write;

use clap::Arg;
use wire::Value;

use super::{Entry, Magic, Out, Topic, cell, find, parse, settings};
use crate::Result;
use crate::session::Session;
use crate::words::ui;

/// Explain a magic, or how to begin
#[derive(clap::Args)]
pub struct Args {
    /// The magic, with or without `%`
    #[arg(value_name = "MAGIC")]
    magic: Option<String>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%help", "%help train"];

    fn run(self, _session: &mut Session, out: &mut Out) -> Result<Value> {
        let text = match self.magic {
            Some(name) => named(name.strip_prefix('%').unwrap_or(&name))?,
            None => ui::FIRST_HELP.text().to_owned(),
        };
        out.print(&text);
        Ok(Value::Nothing)
    }
}

/// Help for `name`: of a line, or with one more `%` of a cell.
///
/// # Errors
/// There is no such magic.
pub fn named(name: &str) -> Result<String> {
    match name.strip_prefix('%') {
        Some(name) => cell::find(name).map(cell::text),
        None => find(name).map(text),
    }
}

/// The first sentence of a magic's help.
pub fn first_line(entry: &Entry) -> String {
    let command = entry.command();
    command.get_about().map(|about| about.to_string().lines().next().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// The whole help of a magic: what it does, its options, examples.
pub fn text(entry: &Entry) -> String {
    let command = entry.command();
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let mut text = format!("%{} — {about}\n", entry.name);
    let (positionals, options): (Vec<&Arg>, Vec<&Arg>) = command.get_arguments().partition(|arg| arg.is_positional());
    let rows: Vec<(Option<&str>, (String, String))> =
        positionals.into_iter().chain(options).map(|arg| (arg.get_help_heading(), describe(arg))).collect();
    let width = rows.iter().map(|(_, (name, _))| name.chars().count()).max().unwrap_or(0);
    // Those without a heading first, then each heading where it first appears.
    let mut headings = vec![None];
    rows.iter().for_each(|(heading, _)| {
        if !headings.contains(heading) {
            headings.push(*heading)
        }
    });
    for heading in headings {
        let _ = writeln!(text, "\n{}", heading.map_or(ui::OPTIONS.text(), settings::heading));
        for (_, (name, help)) in rows.iter().filter(|(of, _)| *of == heading) {
            let _ = writeln!(text, "  {name:width$}  {help}");
        }
    }
    let _ = writeln!(text, "\n{}", ui::EXAMPLES);
    for example in entry.examples {
        let _ = writeln!(text, "  {example}");
    }
    text
}

/// `lr=F` and its help, with choices, default and other names.
fn describe(arg: &Arg) -> (String, String) {
    let value = parse::value_name(arg);
    let name = match arg.get_long() {
        None => value,
        Some(long) if !arg.get_action().takes_values() => format!("--{long}"),
        Some(long) if parse::is_switch(arg) => format!("{long}=true|false"),
        Some(long) => format!("{long}={value}"),
    };
    let mut help = arg.get_help().map(|help| help.to_string().replace('\n', " ")).unwrap_or_default();
    let choices: Vec<_> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if !choices.is_empty() && !parse::is_switch(arg) {
        let _ = write!(help, " [{}]", choices.join(", "));
    }
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        let _ = write!(help, " ({}: {})", ui::DEFAULT, defaults.join(","));
    }
    if let Some(aliases) = arg.get_visible_aliases().filter(|aliases| !aliases.is_empty()) {
        let _ = write!(help, " ({}: {})", ui::ALSO, aliases.join(", "));
    }
    (name, help)
}
