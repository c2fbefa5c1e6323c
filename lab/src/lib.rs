//! The session from a Rust cell: look into the model that is loaded, change what it computes, draw, train, run magics.
//!
//! The model stays in the kernel; a call sends an operation and gets its result. So a cell may panic or crash and the model is
//! still there. Numbers come as [`Tensor`]s, in f32; large ones through memory that both processes see. The standard library is all that
//! this crate uses; [`plot!`], [`ndarray!`] and [`candle!`] meet crates that a cell takes with `:dep`.
//!
//! | to | call |
//! |---|---|
//! | look | [`logits`], [`top`], [`hidden`], [`attention`], [`activation`], [`weight`], [`encode`], [`decode`] |
//! | change | [`hook`], [`hooked`]; [`generate_with`] with a sampler of your own |
//! | train | [`train`] steps a run; `let run = %train steps=50`, or [`magic`], runs one |
//! | show | [`show`], [`show_as`] with [`heatmap`], [`curve`], [`bars`], [`histogram`], [`Html`], [`Svg`], [`Png`], a [`Table`]; [`progress`], [`input`], [`clear`] |
//!
//! ```text
//! let logits = lab::logits("Once upon a")?;                                    // [T, V]
//! for t in lab::top(&logits.row(-1), 5) { println!("{t}"); }
//! lab::show(&lab::heatmap(&lab::attention("The cat sat", 0)?.index(0)))?;
//! lab::hook("layers.3.mlp", |activation| activation.fill(0.0))?;               // to the end of the cell
//! let written = lab::generate_with("Hello", |scores| scores.argmax() as u32)?;
//! for step in lab::train("steps=50")? { if step.loss < 2.0 { break; } }        // what was learned stays
//! ```
//!
//! While another front end's cell trains or generates, looks are answered between two of its steps; the rest fails with what it is busy with.

mod bridge;
mod channel;
mod draw;
mod hooks;
mod tensor;
mod training;

use std::fmt;

#[doc(hidden)]
pub use bridge::drawn;
pub use draw::{Html, Png, Show, Svg, bars, curve, heatmap, heatmap_of, histogram, progress, show, show_as};
pub use hooks::{Hook, hook, hooked};
pub use tensor::Tensor;
pub use training::{Training, train};
pub use wire::lab::Step;
pub use wire::{Bars, Chart, Curve, Group, Heatmap, Histogram, Mark, Series, Span, Spans, Table, Value, value};

use channel::ask;
use wire::lab::{Answer, Ask};

/// What went wrong in the session: what was given, what is allowed, what to type next.
#[derive(Clone, PartialEq)]
pub struct Error(pub wire::Report);

/// `?` in a cell ends it with this.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        self.0.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  → {hint}"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Error {}

impl Error {
    fn new(name: &str, message: String) -> Self {
        Self(wire::Report { name: name.to_owned(), message, ..wire::Report::default() })
    }

    fn unexpected(answer: &Answer) -> Self {
        Self::new("Internal", format!("an answer that does not fit its question: {answer:?}"))
    }
}

fn array(request: &Ask) -> Result<Tensor> {
    match ask(request)? {
        Answer::Array { array } => Ok(Tensor::from(array)),
        other => Err(Error::unexpected(&other)),
    }
}

/// Scores of every next token, `[T, V]`: row `t` is what the model expects after token `t`. No softmax yet.
///
/// # Errors
/// No model, or more tokens than its context.
pub fn logits(text: &str) -> Result<Tensor> {
    array(&Ask::Logits { text: text.to_owned() })
}

/// [`logits`] of token ids.
///
/// # Errors
/// As there; an id that the vocabulary does not have.
pub fn logits_of(ids: &[u32]) -> Result<Tensor> {
    array(&Ask::LogitsOf { ids: ids.to_vec() })
}

/// The residual stream before `layer`, `[T, C]`; with `layer` = number of layers, what the last norm gets.
///
/// # Errors
/// No model, or a layer that it does not have.
pub fn hidden(text: &str, layer: usize) -> Result<Tensor> {
    array(&Ask::Hidden { text: text.to_owned(), layer })
}

/// Attention probabilities of `layer`, `[H, T, T]`: row = the token that looks, column = what it looks at.
///
/// # Errors
/// No model, or a layer that it does not have.
pub fn attention(text: &str, layer: usize) -> Result<Tensor> {
    array(&Ask::Attention { text: text.to_owned(), layer })
}

/// An activation by its name, after the hooks that this cell has set: `lab::activation("The cat", "layers.3.mlp")?`. Shapes are those of
/// [`hook`].
///
/// # Errors
/// No model, or no such activation: the error lists names that are near.
pub fn activation(text: &str, name: &str) -> Result<Tensor> {
    array(&Ask::Activation { text: text.to_owned(), name: name.to_owned() })
}

/// The names of all activations, in the order in which the model computes them: `layers.0.residual` (what enters the layer),
/// `layers.0.self_attn.q`, `.k`, `.v` (after rope), `.probabilities`, `layers.0.self_attn` and `layers.0.mlp` (what each adds), … as the
/// model's own family calls its modules.
///
/// # Errors
/// No model.
pub fn activations() -> Result<Vec<String>> {
    match ask(&Ask::Activations)? {
        Answer::Names { names } => Ok(names),
        other => Err(Error::unexpected(&other)),
    }
}

/// A parameter under its name in the hub's layout, as f32. [`weights`] lists the names.
///
/// # Errors
/// No model, or no such name.
pub fn weight(name: &str) -> Result<Tensor> {
    array(&Ask::Weight { name: name.to_owned() })
}

/// The names of all parameters.
///
/// # Errors
/// No model.
pub fn weights() -> Result<Vec<String>> {
    match ask(&Ask::Weights)? {
        Answer::Names { names } => Ok(names),
        other => Err(Error::unexpected(&other)),
    }
}

/// A text's token ids.
///
/// # Errors
/// No model.
pub fn encode(text: &str) -> Result<Vec<u32>> {
    match ask(&Ask::Encode { text: text.to_owned() })? {
        Answer::Ids { ids } => Ok(ids),
        other => Err(Error::unexpected(&other)),
    }
}

/// The text of token ids.
///
/// # Errors
/// No model.
pub fn decode(ids: &[u32]) -> Result<String> {
    match ask(&Ask::Decode { ids: ids.to_vec() })? {
        Answer::Text { text } => Ok(text),
        other => Err(Error::unexpected(&other)),
    }
}

/// One of the likeliest tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    pub id: u32,
    pub text: String,
    /// Its probability: softmax over all scores.
    pub p: f32,
}

impl fmt::Display for Top {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6.4}  {:?} ({})", self.p, self.text, self.id)
    }
}

/// The `n` likeliest tokens by scores `[V]`, the likeliest first.
pub fn top(logits: &Tensor, n: usize) -> Vec<Top> {
    let probabilities = logits.softmax();
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities.data()[*b].total_cmp(&probabilities.data()[*a]));
    let named = |i: &usize| Top { id: *i as u32, text: decode(&[*i as u32]).unwrap_or_default(), p: probabilities.data()[*i] };
    order.iter().take(n).map(named).collect()
}

/// Writes on from `prompt` with a sampler of your own: it gets the scores `[V]` and returns the next id, or `None` to stop. Ends by
/// itself at the model's end token or when the context is full. The answer is the new text.
///
/// # Errors
/// No model, or a prompt longer than the context.
pub fn generate_with<N: Into<Option<u32>>>(prompt: &str, mut choose: impl FnMut(&Tensor) -> N) -> Result<String> {
    let mut ids = Vec::new();
    let mut answer = ask(&Ask::Begin { prompt: prompt.to_owned() })?;
    loop {
        let scores = match answer {
            Answer::Array { array } => Tensor::from(array),
            Answer::Done => break,
            other => return Err(Error::unexpected(&other)),
        };
        let Some(id) = choose(&scores).into() else { break };
        ids.push(id);
        answer = ask(&Ask::Choose { id })?;
    }
    decode(&ids)
}

/// Runs a magic and returns its result: `let t: lab::value::Tokens = lab::magic("tokens Hello")?`. In a cell `let t = %tokens Hello` is
/// the same.
///
/// # Errors
/// Those of the magic; a result of another type than the one asked for.
pub fn magic<T: TryFrom<Value>>(line: &str) -> Result<T> {
    let value = match ask(&Ask::Magic { line: line.trim().trim_start_matches('%').to_owned() })? {
        Answer::Value { value } => value,
        other => return Err(Error::unexpected(&other)),
    };
    T::try_from(value).map_err(|_| Error::new("BadValue", format!("`%{line}` does not return a {}", std::any::type_name::<T>())))
}

/// As the standard one, and what it printed is seen at once, also without a newline.
#[macro_export]
macro_rules! print {
    ($($args:tt)*) => {{
        ::std::print!($($args)*);
        let _ = ::std::io::Write::flush(&mut ::std::io::stdout());
    }};
}

/// What no variable is.
#[doc(hidden)]
pub struct Nobody;

/// Called when the engine has compiled this crate.
#[doc(hidden)]
pub fn ready() {}

/// Asks the person for a line.
///
/// # Errors
/// Nobody can answer, or they ended the input.
pub fn input(prompt: &str) -> Result<String> {
    match ask(&Ask::Input { prompt: prompt.to_owned(), password: false })? {
        Answer::Text { text } => Ok(text),
        other => Err(Error::unexpected(&other)),
    }
}

/// Takes the cell's output away; with `wait`, when the next output comes.
///
/// # Errors
/// The session is gone.
pub fn clear(wait: bool) -> Result<()> {
    ask(&Ask::Clear { wait }).map(drop)
}
