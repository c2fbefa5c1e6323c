//! What a Rust cell asks of the session, and what it gets: one request, one answer, in order.

use std::io::{self, Read};

use crate::code::{Code, bytes_of_mut, coded, coded_enum, get_numbers, put_numbers};
pub use crate::frame::{ADDRESS, Ends, TOKEN, connect, receive, receive_within, send};
use crate::{Chart, Form, Report, Table, Value};

/// A line among the printed text: this, then a number.
pub const MARK: &str = "EVCXR_LANTERN_MARK ";

/// Numbers with a shape, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    /// How the session holds them (`f32`, `q4_1`, …); `data` is always f32.
    pub dtype: String,
    pub data: Vec<f32>,
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// A magic line without its `%`.
    Magic {
        line: String,
    },
    /// `[T, V]`, the scores of every next token.
    Logits {
        text: String,
    },
    /// The same for ids.
    LogitsOf {
        ids: Vec<u32>,
    },
    /// The residual stream before `layer`: `[T, C]`; the last one is that of `layers`.
    Hidden {
        text: String,
        layer: usize,
    },
    /// Attention probabilities of `layer`: `[H, T, T]`.
    Attention {
        text: String,
        layer: usize,
    },
    /// A parameter under its name in the hub's layout.
    Weight {
        name: String,
    },
    Weights,
    Encode {
        text: String,
    },
    Decode {
        ids: Vec<u32>,
    },
    /// Begins to write on from `prompt`; the answer is the scores `[V]` of the next token.
    Begin {
        prompt: String,
    },
    /// The chosen token; the answer is the scores of the one after it.
    Choose {
        id: u32,
    },
    /// Begins `%train` with these options.
    Train {
        options: String,
    },
    /// One step of it.
    Step,
    /// Puts the run down; what was learned stays.
    Finish,
    Chart {
        id: Option<String>,
        chart: Chart,
    },
    Table {
        table: Table,
    },
    Show {
        id: Option<String>,
        forms: Vec<Form>,
    },
    Progress {
        id: String,
        n: u64,
        of: u64,
        label: String,
    },
    Print {
        error: bool,
        text: String,
    },
    Clear {
        wait: bool,
    },
    Input {
        prompt: String,
        password: bool,
    },
    /// The names of all activations.
    Activations,
    /// An activation by its name.
    Activation {
        text: String,
        name: String,
    },
    /// From now on this cell is asked at this activation; the answer is the hook's number.
    Hook {
        name: String,
    },
    Unhook {
        hook: u64,
    },
    /// What a hook made of the activation: `None` if it only looked.
    Changed {
        array: Option<Array>,
    },
    /// Whether [`Answer::Lent`] could be read; if not, the same comes again on the channel itself.
    Got {
        all: bool,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Done,
    Value {
        value: Value,
    },
    Array {
        array: Array,
    },
    Ids {
        ids: Vec<u32>,
    },
    Text {
        text: String,
    },
    Names {
        names: Vec<String>,
    },
    Step {
        step: Option<Step>,
    },
    Failed {
        report: Report,
    },
    Hook {
        hook: u64,
    },
    /// Not the answer yet: a hook is asked, and [`Ask::Changed`] must be next on this connection.
    Activation {
        hook: u64,
        array: Array,
    },
    /// An [`Answer::Array`] whose numbers are in the memory behind `path`, until [`Ask::Got`].
    Lent {
        shape: Vec<usize>,
        dtype: String,
        path: String,
    },
}

/// One step of a training run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// From 1.
    pub n: usize,
    pub of: usize,
    /// Mean loss of the step's learned tokens, in nats.
    pub loss: f64,
    pub lr: f64,
    /// Before clipping.
    pub grad_norm: f64,
    pub tokens: usize,
    /// Where the validation examples were looked at after this step.
    pub val_loss: Option<f64>,
}

coded!(Step { n, of, loss, lr, grad_norm, tokens, val_loss });

impl Code for Array {
    fn put(&self, out: &mut Vec<u8>) {
        self.shape.put(out);
        self.dtype.put(out);
        put_numbers(&self.data, out);
    }

    fn get(from: &mut crate::code::Reader<'_>) -> Option<Self> {
        let array = Self { shape: Code::get(from)?, dtype: Code::get(from)?, data: get_numbers(from)? };
        (array.elements()? == array.data.len()).then_some(array)
    }
}

impl Array {
    /// What the shape asks for; `None` if nothing can be that large.
    fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d))
    }

    /// Numbers that came another way: from the file at `path`, which holds them as [`crate::code::bytes_of`] gives them, and nothing else.
    ///
    /// # Errors
    /// The file cannot be opened here, or holds another number of elements.
    pub fn read(shape: Vec<usize>, dtype: String, path: &str) -> io::Result<Self> {
        let mut array = Self { shape, dtype, data: Vec::new() };
        let mut file = std::fs::File::open(path)?;
        let nonsense = || io::Error::new(io::ErrorKind::InvalidData, "not the numbers of this shape");
        let elements = array.elements().filter(|n| file.metadata().is_ok_and(|is| is.len() == *n as u64 * 4)).ok_or_else(nonsense)?;
        array.data = vec![0.0; elements];
        file.read_exact(bytes_of_mut(&mut array.data))?;
        Ok(array)
    }
}

coded_enum!(Ask {
    0 => Magic { line },
    1 => Logits { text },
    2 => LogitsOf { ids },
    3 => Hidden { text, layer },
    4 => Attention { text, layer },
    5 => Weight { name },
    6 => Weights,
    7 => Encode { text },
    8 => Decode { ids },
    9 => Begin { prompt },
    10 => Choose { id },
    11 => Train { options },
    12 => Step,
    13 => Finish,
    14 => Chart { id, chart },
    15 => Table { table },
    16 => Show { id, forms },
    17 => Progress { id, n, of, label },
    18 => Print { error, text },
    19 => Clear { wait },
    20 => Input { prompt, password },
    21 => Activations,
    22 => Activation { text, name },
    23 => Hook { name },
    24 => Unhook { hook },
    25 => Changed { array },
    26 => Got { all },
});

coded_enum!(Answer {
    0 => Done,
    1 => Value { value },
    2 => Array { array },
    3 => Ids { ids },
    4 => Text { text },
    5 => Names { names },
    6 => Step { step },
    7 => Failed { report },
    8 => Hook { hook },
    9 => Activation { hook, array },
    10 => Lent { shape, dtype, path },
});
