//! An error as data: what was given, what is allowed, the command to type next.

use crate::code::coded;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// A stable English name (`NoModel`, `UnknownMagic`): Jupyter's `ename`.
    pub name: String,
    /// One line in the person's language.
    pub message: String,
    /// A command to type next, or advice.
    pub hint: Option<String>,
    /// What a library said, when it adds something.
    pub cause: Option<String>,
    /// Byte range in the cell that the error is about.
    pub span: Option<(usize, usize)>,
}

coded!(Report { name, message, hint, cause, span });
