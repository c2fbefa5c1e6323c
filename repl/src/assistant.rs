//! What the prompt does while a person types: colours, completion, hints, more lines. All of it asks the session, which never waits.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter, HistoryHinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Context, Helper};
use unicode_width::UnicodeWidthStr;
use wire::{Candidate, Completeness};

use crate::highlight::{self, Known, Vocabulary};
use crate::host::Host;
use crate::meter::clip;
use crate::paint::{Paint, Role};
use crate::terminal;

/// Between a candidate and its note in the list; not a space, so that the note's start is found again.
const GAP: &str = "\u{2002} ";

#[derive(Helper)]
pub struct Assistant {
    host: Arc<dyn Host>,
    paint: Paint,
    history: HistoryHinter,
    magics: OnceCell<Vec<String>>,
    options: RefCell<HashMap<String, HashSet<String>>>,
}

impl Assistant {
    pub fn new(host: Arc<dyn Host>, paint: Paint) -> Self {
        Self { host, paint, history: HistoryHinter::new(), magics: OnceCell::new(), options: RefCell::default() }
    }

    fn magics(&self) -> &[String] {
        self.magics.get_or_init(|| {
            let candidates = self.host.complete("%", 1).candidates;
            let own = std::iter::once("edit".to_owned());
            candidates.into_iter().map(|candidate| candidate.text.strip_prefix('%').unwrap_or_default().to_owned()).chain(own).collect()
        })
    }
}

impl Vocabulary for Assistant {
    fn magic(&self, name: &str) -> Known {
        let magics = self.magics();
        match () {
            () if magics.is_empty() || magics.iter().any(|known| known == name) => Known::Yes,
            () if magics.iter().any(|known| known.starts_with(name)) => Known::Start,
            () => Known::No,
        }
    }

    fn option(&self, magic: &str, name: &str) -> bool {
        let mut options = self.options.borrow_mut();
        let known = options.entry(magic.to_owned()).or_insert_with(|| {
            let line = format!("%{magic} ");
            let candidates = self.host.complete(&line, line.len()).candidates;
            candidates.into_iter().filter(|candidate| candidate.kind == "option").map(|candidate| bare(&candidate.text)).collect()
        });
        known.contains(&bare(name))
    }
}

/// `--max-new-tokens`, `max_new_tokens=` and `max_new_tokens` are one option.
fn bare(option: &str) -> String {
    option.trim().trim_start_matches("--").trim_end_matches('=').replace('-', "_")
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let found = self.host.complete(line, pos);
        Ok((found.start.min(pos), listed(&found.candidates)))
    }
}

/// Candidates with their notes in a second column, cut to the terminal.
fn listed(candidates: &[Candidate]) -> Vec<Pair> {
    let column = candidates.iter().map(|candidate| candidate.text.trim_end().width()).max().unwrap_or(0);
    let room = terminal::size().0.saturating_sub(column + 5);
    let noted = |candidate: &Candidate| match candidate.note.is_empty() || room < 10 {
        true => candidate.text.clone(),
        false => {
            let text = candidate.text.trim_end();
            format!("{text}{}{GAP}{}", " ".repeat(column - text.width()), clip(&candidate.note, room))
        }
    };
    candidates.iter().map(|candidate| Pair { display: noted(candidate), replacement: candidate.text.clone() }).collect()
}

/// The rest of a past cell or of the one word that fits (taken with the right arrow), or that word's help (only shown).
pub struct Ghost {
    display: String,
    insert: Option<String>,
}

impl Hint for Ghost {
    fn display(&self) -> &str {
        &self.display
    }

    fn completion(&self) -> Option<&str> {
        self.insert.as_deref()
    }
}

impl Hinter for Assistant {
    type Hint = Ghost;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<Ghost> {
        if line.trim().is_empty() || pos < line.len() {
            return None;
        }
        if let Some(rest) = self.history.hint(line, pos, context) {
            return Some(Ghost { display: rest.clone(), insert: Some(rest) });
        }
        // A hint comes with each key, and Rust is looked at for longer than that: it is asked with Tab.
        let last = line.rsplit('\n').next().unwrap_or(line);
        if !last.trim_start().starts_with(['%', '?']) {
            return None;
        }
        let found = self.host.complete(line, pos);
        let word = line.get(found.start..pos).filter(|word| !word.is_empty())?;
        if let [only] = found.candidates.as_slice()
            && let Some(rest) = only.text.strip_prefix(word).filter(|rest| !rest.trim().is_empty())
        {
            return Some(Ghost { display: rest.to_owned(), insert: Some(rest.to_owned()) });
        }
        let exact = found.candidates.iter().find(|candidate| candidate.text.trim_end() == word && !candidate.note.is_empty())?;
        let note = clip(&exact.note, terminal::size().0.saturating_sub(last.width() + 20));
        (note.width() > 8).then(|| Ghost { display: format!("   {note}"), insert: None })
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _pos: usize) -> Cow<'l, str> {
        Cow::Owned(self.coloured(line))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, default: bool) -> Cow<'b, str> {
        if default { Cow::Owned(self.paint.role(Role::Prompt, prompt)) } else { Cow::Borrowed(prompt) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.lines(Role::Note, hint))
    }

    fn highlight_candidate<'c>(&self, candidate: &'c str, _: CompletionType) -> Cow<'c, str> {
        match candidate.split_once(GAP) {
            Some((text, note)) => Cow::Owned(format!("{text}{GAP}{}", self.paint.role(Role::Note, note))),
            None => Cow::Borrowed(candidate),
        }
    }

    fn highlight_char(&self, line: &str, _pos: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor && line.contains(['%', '!', '/', '?'])
    }
}

impl Assistant {
    /// A cell in colours.
    pub fn coloured(&self, cell: &str) -> String {
        let parts = highlight::parts(cell, self).into_iter();
        parts.map(|(role, part)| role.map_or_else(|| part.to_owned(), |role| self.lines(role, part))).collect()
    }

    /// Colours that do not run across a line's end.
    fn lines(&self, role: Role, text: &str) -> String {
        let coloured = |line: &str| match line.strip_suffix('\n') {
            Some(line) => self.paint.role(role, line) + "\n",
            None => self.paint.role(role, line),
        };
        text.split_inclusive('\n').map(coloured).collect()
    }

    /// The indent of the next line if the cell wants one; a blank last line runs the cell whatever it wants.
    pub fn more(&self, text: &str) -> Option<String> {
        if text.rsplit_once('\n').is_some_and(|(_, last)| last.trim().is_empty()) {
            return None;
        }
        match self.host.is_complete(text) {
            Completeness::Incomplete { indent } => Some(indent),
            Completeness::Complete | Completeness::Invalid => None,
        }
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(match self.more(context.input()) {
            Some(_) => ValidationResult::Incomplete,
            None => ValidationResult::Valid(None),
        })
    }
}
