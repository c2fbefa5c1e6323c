//! What a Rust cell asks of the session, and what it gets: one request, one answer, in order.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::code::{Code, coded, coded_enum};
use crate::engine::Role;
use crate::{Chart, Form, Report, Table, Value};

/// Where the session listens: `unix:PATH` or `tcp:ADDRESS:PORT`.
pub const ADDRESS: &str = "LANTERN_LAB";
/// The first frame on a connection must be this secret.
pub const TOKEN: &str = "LANTERN_LAB_TOKEN";

/// A line among the printed text: this, then a number.
pub const MARK: &str = "EVCXR_LANTERN_MARK ";

/// The longest frame that is believed.
const LIMIT: usize = 4 << 30;

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
        out.reserve(self.data.len() * 4 + 8);
        self.data.put(out);
    }

    fn get(from: &mut crate::code::Reader<'_>) -> Option<Self> {
        let array = Self { shape: Code::get(from)?, dtype: Code::get(from)?, data: Code::get(from)? };
        let elements = array.shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d))?;
        (elements == array.data.len()).then_some(array)
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
});

/// Sends one frame: its length, then its bytes.
///
/// # Errors
/// The other end is gone.
pub fn send(to: &mut impl Write, message: &impl Code) -> io::Result<()> {
    let mut frame = vec![0; 8];
    message.put(&mut frame);
    let len = (frame.len() - 8) as u64;
    frame[..8].copy_from_slice(&len.to_le_bytes());
    to.write_all(&frame)?;
    to.flush()
}

/// Waits for one frame.
///
/// # Errors
/// The other end is gone (`UnexpectedEof`), or does not speak this language (`InvalidData`).
pub fn receive<T: Code>(from: &mut impl Read) -> io::Result<T> {
    let nonsense = || io::Error::new(io::ErrorKind::InvalidData, "not a frame of this channel");
    let mut len = [0; 8];
    from.read_exact(&mut len)?;
    let len = usize::try_from(u64::from_le_bytes(len)).ok().filter(|len| *len <= LIMIT).ok_or_else(nonsense)?;
    let mut body = Vec::new();
    // Grows with what arrives, not with what was promised.
    from.take(len as u64).read_to_end(&mut body)?;
    if body.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    T::from_bytes(&body).ok_or_else(nonsense)
}

/// What is heard and what is said on a connection.
pub type Ends = (Box<dyn Read + Send>, Box<dyn Write + Send>);

/// Reaches the session whose address and secret are in the environment.
///
/// # Errors
/// This program was not started by Lantern (`NotFound`), or the session is gone.
pub fn connect(role: Role) -> io::Result<Ends> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "this program was not started by Lantern");
    let address = std::env::var(ADDRESS).map_err(|_| missing())?;
    let token = std::env::var(TOKEN).map_err(|_| missing())?;
    let (reader, mut writer): Ends = match address.split_once(':') {
        #[cfg(unix)]
        Some(("unix", path)) => {
            let stream = std::os::unix::net::UnixStream::connect(path)?;
            (Box::new(stream.try_clone()?), Box::new(stream))
        }
        Some(("tcp", address)) => {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            (Box::new(stream.try_clone()?), Box::new(stream))
        }
        _ => return Err(missing()),
    };
    send(&mut writer, &token)?;
    send(&mut writer, &role)?;
    Ok((reader, writer))
}
