//! What the session says to the process that compiles and runs Rust cells, and what it hears.

use crate::Form;
use crate::code::{coded, coded_enum};

/// Who connects: the second frame, after the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A cell that asks.
    Lab,
    /// The process that compiles.
    Engine,
    /// What the cells print.
    Output,
}

/// Session to engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Run {
        code: String,
    },
    /// Ends the program that runs the cell; what it held is lost, the engine goes on.
    Kill,
    /// What could stand at byte `at` of `code`?
    Complete {
        id: u64,
        code: String,
        at: usize,
    },
    /// What is the word that ends at byte `at` of `code`?
    Hover {
        id: u64,
        code: String,
        at: usize,
    },
}

/// Engine or output to session.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The engine compiles now.
    Ready,
    /// It cannot.
    Unable {
        cause: String,
    },
    Print {
        error: bool,
        text: String,
    },
    /// Everything printed before the mark of this number has been said.
    Mark {
        n: u64,
    },
    /// The cell panicked.
    Panicked,
    /// A `?` ended the cell.
    Returned,
    /// Everything the cell printed has been said; an empty answer lets it go on.
    Printed,
    Ended {
        forms: Vec<Form>,
    },
    Failed {
        failure: Failure,
    },
    /// Names that live between cells, as of now.
    Known {
        names: Vec<Known>,
    },
    /// The answer to [`Order::Complete`]: what may replace the bytes `from..to`.
    Completed {
        id: u64,
        found: Vec<Known>,
        from: usize,
        to: usize,
    },
    /// The answer to [`Order::Hover`]; empty if there is nothing to say.
    Hovered {
        id: u64,
        text: String,
    },
}

/// A word of Rust that a person may mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    pub name: String,
    /// Jupyter's word for what it is: `function`, `class`, `instance`, `module`, `keyword`.
    pub kind: String,
    /// Its type or signature, may be empty.
    pub note: String,
}

/// Why a cell did not end well.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    Compile {
        problems: Vec<Problem>,
    },
    /// The program died; `status` as the system puts it.
    Died {
        status: String,
    },
    /// What evcxr said.
    Other {
        text: String,
    },
}

/// One thing the compiler says; lines and columns from 1, in characters; 0 where it names no place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    pub message: String,
    pub code: String,
    pub label: String,
    pub help: Vec<String>,
    pub from: (usize, usize),
    pub to: (usize, usize),
}

coded!(Problem { message, code, label, help, from, to });
coded_enum!(Role { 0 => Lab, 1 => Engine, 2 => Output });
coded!(Known { name, kind, note });
coded_enum!(Order { 0 => Run { code }, 1 => Kill, 2 => Complete { id, code, at }, 3 => Hover { id, code, at } });
coded_enum!(Failure { 0 => Compile { problems }, 1 => Died { status }, 2 => Other { text } });
coded_enum!(Said {
    0 => Ready,
    1 => Unable { cause },
    2 => Print { error, text },
    3 => Mark { n },
    4 => Panicked,
    5 => Returned,
    6 => Printed,
    7 => Ended { forms },
    8 => Failed { failure },
    9 => Known { names },
    10 => Completed { id, found, from, to },
    11 => Hovered { id, text },
});
