//! What a front end does with a cell's events: `Screen` on a terminal, `Plain` everywhere else.

use std::io;

use wire::{Event, Report};

pub trait View {
    /// A cell begins: what stands on the screen is not its output.
    fn begin(&mut self);
    /// Takes one event; `Event::Input` and `Event::Done` are not for it.
    fn show(&mut self, event: Event) -> io::Result<()>;
    /// Nothing more is waiting: draw what is due and flush.
    fn rest(&mut self) -> io::Result<()>;
    /// Free text comes next at the start of a line (a prompt, a message): nothing is redrawn above it any more.
    fn settle(&mut self) -> io::Result<()>;
    /// The cell is over.
    fn finish(&mut self) -> io::Result<()>;
    /// An error on the error stream; `code` is the cell's text.
    fn error(&mut self, report: &Report, place: Option<&str>, code: &str) -> io::Result<()>;
    /// A line of our own on the error stream.
    fn note(&mut self, text: &str) -> io::Result<()>;
    /// Keys that were pressed while the view asked the terminal something: they belong to the next prompt.
    fn typed(&mut self) -> String {
        String::new()
    }
}
