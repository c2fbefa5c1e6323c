//! What a magic says while it runs: plain data into the cell's channel of events.

use std::cell::RefCell;

use wire::{Chart, Event, Form, Stream, Table};

use super::captured::{self, Captures};
use crate::session::Session;
use crate::stop::Stop;
use crate::words::ui;
use crate::{Error, Result};

/// Asks the person for a line; `None` when they end the input or interrupt.
pub type Prompter<'a> = &'a mut dyn FnMut(Event) -> Option<String>;

/// Where events go. A front end that went away is no reason to stop working, so it cannot fail.
pub type Say<'a> = &'a dyn Fn(Event);

/// Answers what others ask of the session while a cell works on it.
pub type Between<'a> = &'a dyn Fn(&mut Session);

pub struct Out<'a> {
    say: Say<'a>,
    between: Option<Between<'a>>,
    prompter: Option<Prompter<'a>>,
    stop: Stop,
    quiet: bool,
    printed: String,
    captures: Captures,
    /// What the cell has shown, where it is kept instead.
    capturing: RefCell<Option<Vec<Event>>>,
}

impl<'a> Out<'a> {
    /// `prompter` is `None` where the front end cannot answer.
    pub fn new(say: Say<'a>, prompter: Option<Prompter<'a>>, stop: Stop) -> Self {
        Self {
            say,
            between: None,
            prompter,
            stop,
            quiet: false,
            printed: String::new(),
            captures: Captures::default(),
            capturing: RefCell::default(),
        }
    }

    /// `between` is what [`Out::between`] does.
    pub fn serving(self, between: Between<'a>) -> Self {
        Self { between: Some(between), ..self }
    }

    /// Between two steps or tokens: what others have asked meanwhile is answered.
    pub fn between(&self, session: &mut Session) {
        if let Some(between) = self.between {
            between(session);
        }
    }

    /// Something that was said elsewhere.
    pub fn pass(&mut self, event: Event) {
        if let Event::Print { stream: Stream::Out, text } = &event {
            self.printed.push_str(text);
        }
        self.send(event);
    }

    /// Where `%%capture` keeps things.
    pub fn with_captures(self, captures: Captures) -> Self {
        Self { captures, ..self }
    }

    pub fn captures(&self) -> &Captures {
        &self.captures
    }

    /// From now on everything is kept and nothing shown.
    pub fn begin_capture(&mut self) {
        *self.capturing.get_mut() = Some(Vec::new());
    }

    /// What has been kept since.
    pub fn end_capture(&mut self) -> Vec<Event> {
        self.capturing.get_mut().take().unwrap_or_default()
    }

    /// Does something that shows nothing.
    pub fn quietly<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.quiet, true);
        let done = work(self);
        self.quiet = before;
        done
    }

    /// What was shown before.
    pub(super) fn again(&mut self, event: Event) {
        match event {
            Event::Print { stream: Stream::Out, text } => self.print(&text),
            event => self.send(event),
        }
    }

    /// With `--json` nothing but the result is said.
    /// The answer is for [`Out::put_quiet`]: who was quiet before stays so.
    pub(super) fn set_quiet(&mut self, quiet: bool) -> bool {
        let before = self.quiet;
        self.quiet |= quiet;
        before
    }

    pub(super) fn put_quiet(&mut self, before: bool) {
        self.quiet = before;
    }

    /// Standard output so far, for the history.
    pub fn printed(&self) -> &str {
        &self.printed
    }

    fn send(&self, event: Event) {
        if !self.quiet {
            self.deliver(event);
        }
    }

    fn deliver(&self, event: Event) {
        match &mut *self.capturing.borrow_mut() {
            Some(shown) => captured::add(shown, event),
            None => (self.say)(event),
        }
    }

    /// Text exactly as given.
    pub fn print(&mut self, text: &str) {
        if !self.quiet && self.capturing.get_mut().is_none() {
            self.printed.push_str(text);
        }
        self.send(Event::Print { stream: Stream::Out, text: text.to_owned() });
    }

    pub fn line(&mut self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    /// A remark beside the result.
    pub fn note(&mut self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    pub fn warn(&mut self, text: &str) {
        self.send(Event::Print { stream: Stream::Err, text: text.to_owned() });
    }

    pub fn progress(&mut self, id: &str, n: u64, of: u64, label: &str) {
        self.send(Event::Progress { id: id.to_owned(), n, of, label: label.to_owned() });
    }

    /// A chart that replaces the one of the same id in this cell.
    pub fn chart(&mut self, id: &str, chart: Chart) {
        self.send(Event::Chart { id: Some(id.to_owned()), chart });
    }

    /// A chart that stays.
    pub fn show(&mut self, chart: Chart) {
        self.send(Event::Chart { id: None, chart });
    }

    pub fn table(&mut self, table: Table) {
        self.send(Event::Table(table));
    }

    /// The result of the cell as JSON, said even where nothing else is.
    pub(super) fn value(&mut self, json: &str) {
        self.result(vec![Form::new(Form::JSON, json), Form::new(Form::TEXT, json)]);
    }

    /// What the cell is worth.
    pub fn result(&mut self, forms: Vec<Form>) {
        if self.capturing.get_mut().is_none() {
            self.printed.push_str(Form::text(&forms));
            self.printed.push('\n');
        }
        self.deliver(Event::Value { forms });
    }

    /// Something in several forms.
    pub fn forms(&mut self, id: Option<String>, forms: Vec<Form>) {
        self.send(Event::Show { id, forms });
    }

    pub fn page(&mut self, text: String) {
        self.send(Event::Page { text });
    }

    pub fn clear(&mut self, wait: bool) {
        self.send(Event::Clear { wait });
    }

    /// # Errors
    /// `NoInput` where nobody can answer, `Interrupted` when they do not.
    pub fn input(&mut self, prompt: &str, password: bool) -> Result<String> {
        let Some(prompter) = self.prompter.as_mut() else { return Err(Error::NoInput {}) };
        prompter(Event::Input { prompt: prompt.to_owned(), password }).ok_or_else(|| Error::Interrupted { what: ui::AN_ANSWER.to_string() })
    }

    pub fn stopped(&self) -> bool {
        self.stop.raised()
    }

    pub fn stop(&self) -> &Stop {
        &self.stop
    }
}
