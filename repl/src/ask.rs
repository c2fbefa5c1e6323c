//! One line from the person, for `%input` and its like; a password is not shown.

use std::borrow::Cow;
use std::io::{self, BufRead, IsTerminal, Write};

use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::history::MemHistory;
use rustyline::{ColorMode, Completer, Config, Editor, Helper, Hinter, Validator};

pub enum Answer {
    Line(String),
    /// Ctrl-D, or the end of a piped input.
    End,
    Interrupted,
}

pub fn ask(prompt: &str, password: bool) -> io::Result<Answer> {
    if !io::stdin().is_terminal() {
        return piped(prompt);
    }
    let colours = if password { ColorMode::Forced } else { ColorMode::Disabled };
    let config = Config::builder().color_mode(colours).auto_add_history(false).build();
    let mut editor = Editor::with_history(config, MemHistory::new()).map_err(io::Error::other)?;
    editor.set_helper(Some(Curtain { closed: password }));
    match editor.readline(prompt) {
        Ok(line) => Ok(Answer::Line(line)),
        Err(ReadlineError::Eof) => Ok(Answer::End),
        Err(ReadlineError::Interrupted) => Ok(Answer::Interrupted),
        Err(ReadlineError::Io(source)) => Err(source),
        Err(other) => Err(io::Error::other(other)),
    }
}

fn piped(prompt: &str) -> io::Result<Answer> {
    let mut out = io::stdout();
    out.write_all(prompt.as_bytes())?;
    out.flush()?;
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line)?;
    // The answer is not echoed by a terminal, so the prompt's line ends here.
    out.write_all(b"\n")?;
    if read == 0 {
        return Ok(Answer::End);
    }
    Ok(Answer::Line(line.trim_end_matches(['\n', '\r']).to_owned()))
}

/// Shows stars instead of a password.
#[derive(Completer, Helper, Hinter, Validator)]
struct Curtain {
    closed: bool,
}

impl Highlighter for Curtain {
    fn highlight<'l>(&self, line: &'l str, _pos: usize) -> Cow<'l, str> {
        match self.closed {
            true => Cow::Owned("*".repeat(unicode_width::UnicodeWidthStr::width(line))),
            false => Cow::Borrowed(line),
        }
    }

    fn highlight_char(&self, _line: &str, _pos: usize, kind: CmdKind) -> bool {
        self.closed && kind != CmdKind::MoveCursor
    }
}
