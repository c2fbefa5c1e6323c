//! The line editor: keys, history, colours.

use std::sync::Arc;

use rustyline::history::MemHistory;
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, EditMode, Editor, Event, EventContext, EventHandler, KeyCode,
    KeyEvent, Modifiers, RepeatCount, Result,
};

use crate::assistant::Assistant;
use crate::host::Host;
use crate::paint::{Paint, Role};
use crate::terminal::{Depth, Terminal};

/// Past cells that the arrow keys and Ctrl-R reach.
pub const PAST: usize = 2000;

pub struct Prompt {
    editor: Editor<Assistant, MemHistory>,
    paint: Paint,
    /// The line that Ctrl-X Ctrl-E was pressed on.
    draft: Draft,
}

type Draft = Arc<std::sync::Mutex<Option<String>>>;

impl Prompt {
    pub fn new(host: &Arc<dyn Host>) -> Result<Self> {
        let depth = Terminal::stdout().depth;
        let vi = std::env::var("LANTERN_EDITING").is_ok_and(|mode| mode.eq_ignore_ascii_case("vi"));
        let config = Config::builder()
            .max_history_size(PAST)?
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .edit_mode(if vi { EditMode::Vi } else { EditMode::Emacs })
            .color_mode(if depth == Depth::None { ColorMode::Disabled } else { ColorMode::Forced })
            .build();
        let past = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, past)?;
        let (paint, draft) = (Paint { depth }, Draft::default());
        editor.set_helper(Some(Assistant::new(host.clone(), paint)));
        // Alt-Enter opens a line whatever the cell says; Enter indents it as the desk asks.
        editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), EventHandler::Simple(Cmd::Newline));
        editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::NONE), EventHandler::Conditional(Box::new(Indent(host.clone()))));
        let keys = Event::KeySeq(vec![KeyEvent::ctrl('X'), KeyEvent::ctrl('E')]);
        editor.bind_sequence(keys, EventHandler::Conditional(Box::new(OpenDraft(draft.clone()))));
        Ok(Self { editor, paint, draft })
    }

    pub fn read(&mut self, head: &str, initial: &str) -> Result<String> {
        match initial {
            "" => self.editor.readline(head),
            initial => self.editor.readline_with_initial(head, (initial, "")),
        }
    }

    pub fn remember(&mut self, cell: &str) -> Result<()> {
        self.editor.add_history_entry(cell).map(drop)
    }

    /// What Ctrl-X Ctrl-E was pressed on, if that ended the last read.
    pub fn take_draft(&self) -> Option<String> {
        self.draft.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// A cell as it looks when it was typed at the prompt.
    pub fn shown(&self, head: &str, cell: &str) -> String {
        let cell = self.editor.helper().map_or_else(|| cell.to_owned(), |assistant| assistant.coloured(cell));
        format!("{}{cell}", self.paint.role(Role::Prompt, head))
    }
}

struct Indent(Arc<dyn Host>);

impl ConditionalEventHandler for Indent {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let text = context.line();
        if context.pos() < text.len() || text.rsplit_once('\n').is_some_and(|(_, last)| last.trim().is_empty()) {
            return None;
        }
        match self.0.is_complete(text) {
            wire::Completeness::Incomplete { indent } if !indent.is_empty() => Some(Cmd::Insert(1, format!("\n{indent}"))),
            _ => None,
        }
    }
}

struct OpenDraft(Draft);

impl ConditionalEventHandler for OpenDraft {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(context.line().to_owned());
        Some(Cmd::Interrupt)
    }
}
