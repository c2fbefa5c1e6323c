use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::{Event, Form, Stream, Table, Value, value};

use super::{Magic, Out, Topic};
use crate::plot::table_text;
use crate::session::Session;
use crate::words::cells;
use crate::words::nearest::nearest;
use crate::{Error, Result};

/// Show again what `%%capture` kept
///
/// Its text, charts and tables in the order in which they came, a chart that was redrawn in its last state. Without NAME it lists what
/// is kept. In Rust, `let kept = %captured NAME` shows nothing and has the text as `kept.text`.
#[derive(clap::Args)]
pub struct Args {
    /// What `%%capture` was given
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%captured", "%captured before"];

    fn run(self, _session: &mut Session, out: &mut Out) -> Result<Value> {
        let captures = out.captures().clone();
        let Some(name) = self.name else {
            let rows = captures.lock().iter().map(|(name, kept)| row(&summary(name, kept))).collect();
            out.table(Table { headings: [cells::NAME, cells::LINES, cells::SHOWN].map(|word| word.text().to_owned()).to_vec(), rows });
            return Ok(Value::Nothing);
        };
        let missing = |names: &BTreeMap<String, Vec<Event>>| Error::NoCapture {
            given: name.clone(),
            nearest: nearest(&name, names.keys().map(String::as_str)),
        };
        let kept = {
            let names = captures.lock();
            names.get(&name).cloned().ok_or_else(|| missing(&names))?
        };
        let found = summary(&name, &kept);
        kept.into_iter().for_each(|event| out.again(event));
        Ok(found.into())
    }
}

fn row(found: &value::Captured) -> Vec<String> {
    vec![found.name.clone(), found.text.lines().count().to_string(), found.shown.to_string()]
}

/// What is kept, by name; clones mean the same.
#[derive(Clone, Debug, Default)]
pub struct Captures(Arc<Mutex<BTreeMap<String, Vec<Event>>>>);

impl Captures {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Event>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what a cell showed; the last of a name counts.
    pub fn keep(&self, name: &str, shown: Vec<Event>) -> value::Captured {
        let found = summary(name, &shown);
        self.lock().insert(name.to_owned(), shown);
        found
    }
}

/// Adds an event to what a cell showed: text goes on, a chart's next state takes the place of the one before, bars that are over are gone.
pub fn add(shown: &mut Vec<Event>, event: Event) {
    match (&event, shown.last_mut()) {
        (Event::Clear { .. }, _) => return shown.clear(),
        (Event::Print { stream, text }, Some(Event::Print { stream: last, text: before })) if stream == last => {
            return before.push_str(text);
        }
        (Event::Progress { n, of, .. }, _) if n >= of => return shown.retain(|old| !event.replaces(old)),
        _ => {}
    }
    match shown.iter_mut().find(|old| event.replaces(old)) {
        Some(old) => *old = event,
        None => shown.push(event),
    }
}

fn summary(name: &str, kept: &[Event]) -> value::Captured {
    let mut found = value::Captured { name: name.to_owned(), ..value::Captured::default() };
    for event in kept {
        match event {
            Event::Print { stream: Stream::Out, text } => found.text += text,
            Event::Print { stream: Stream::Err, text } => found.errors += text,
            Event::Value { forms } => found.text += &format!("{}\n", Form::text(forms)),
            Event::Show { forms, .. } => {
                found.text += &format!("{}\n", Form::text(forms));
                found.shown += 1;
            }
            Event::Table(table) => {
                found.text += &table_text(table, usize::MAX);
                found.shown += 1;
            }
            Event::Chart { .. } => found.shown += 1,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use wire::{Chart, Curve};

    use super::*;

    fn print(text: &str) -> Event {
        Event::Print { stream: Stream::Out, text: text.into() }
    }

    fn chart(title: &str) -> Event {
        Event::Chart { id: Some("loss".into()), chart: Chart::Curve(Curve { title: title.into(), ..Curve::default() }) }
    }

    fn bar(n: u64) -> Event {
        Event::Progress { id: "p".into(), n, of: 2, label: String::new() }
    }

    #[test]
    fn what_is_kept_is_what_would_stand_there() {
        let mut shown = Vec::new();
        for event in [print("a"), print("b\n"), chart("1"), bar(1), print("c\n"), chart("2"), bar(2)] {
            add(&mut shown, event);
        }
        assert_eq!(shown, [print("ab\n"), chart("2"), print("c\n")]);
        let found = Captures::default().keep("x", shown);
        assert_eq!((found.text.as_str(), found.shown), ("ab\nc\n", 1));
        let mut cleared = vec![print("a")];
        add(&mut cleared, Event::Clear { wait: false });
        assert_eq!(cleared, []);
    }
}
