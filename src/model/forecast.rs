//! Bytes before anything is loaded, seconds before anything is trained. Estimates: the formula is printed with them.

use candle_core::{DType, Tensor, Var};

use super::load::{Request, describe};
use super::{Input, Model, NoTap};
use crate::device::memory;
use crate::nn::Pass;
use crate::ops::Graph;
use crate::{Error, Result, ops};

/// What an operation will take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    pub bytes: u64,
    pub seconds: f64,
}

/// Memory that the system keeps for itself.
const RESERVE: u64 = 200 << 20;

/// What loading takes: the weights in the dtype they will have, and a copy of the largest file's page while it is read.
///
/// # Errors
/// `TooBig` with the figures and a smaller choice, before anything is read.
pub fn forecast(request: &Request) -> Result<Forecast> {
    let (_, config) = describe(request)?;
    let stored: u64 = request.weights.iter().filter_map(|path| path.metadata().ok()).map(|m| m.len()).sum();
    let blocks = request.weights.iter().any(|path| path.extension().is_some_and(|e| e == "gguf"));
    let eight = config["quantization_config"]["load_in_8bit"] == true;
    let packed = blocks || config["quantization_config"].is_object();
    let stored_width = match config["dtype"].as_str().or(config["torch_dtype"].as_str()) {
        Some("float16" | "bfloat16") if !packed => 2,
        _ => 4,
    };
    let bytes = match (request.dtype, packed) {
        (None, true) => stored,
        // Four-bit blocks hold a weight in about 5 bits; half of that error is far from mattering here.
        (Some(dtype), true) if eight => stored * dtype.size_in_bytes() as u64,
        (Some(dtype), true) => stored * 8 / 5 * dtype.size_in_bytes() as u64,
        (dtype, false) => stored / stored_width * dtype.unwrap_or(DType::F32).size_in_bytes() as u64,
    };
    let forecast = Forecast { bytes, seconds: bytes as f64 / 1e9 };
    let smaller =
        if request.dtype.is_none_or(|d| d == DType::F32) && !packed { format!("%load {} dtype=bf16", request.name) } else { String::new() };
    fits(&format!("`{}`", request.name), bytes, smaller)?;
    Ok(forecast)
}

/// The memory that may be taken now; `None` where the system does not say.
pub fn spare() -> Option<u64> {
    memory::available().map(|available| available.saturating_sub(RESERVE))
}

/// Refuses what does not fit into the memory that is free now.
///
/// # Errors
/// `TooBig` with figures and `smaller`, a command that needs less.
pub fn fits(what: &str, bytes: u64, smaller: String) -> Result<()> {
    let (Some(available), Some(spare)) = (memory::available(), spare()) else { return Ok(()) };
    if bytes <= spare {
        return Ok(());
    }
    let human = |n: u64| format!("{:.2} GB", n as f64 / 1e9);
    Err(Error::TooBig { what: what.to_owned(), needed: human(bytes), available: human(available), smaller })
}

/// What the backward pass needs kept of a forward pass, counted on a pass of a few tokens: exact for any kind of adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Footprint {
    /// Of each layer; `None` below everything that learns.
    layers: Vec<Option<Kept>>,
    hidden: u64,
    vocabulary: usize,
    /// Of a head that learns, or the matrices beside it: the gradient, and where input and output share a table its other half.
    head: u64,
    /// Chunks of logits at the same time.
    logits: usize,
}

/// Bytes: for each pass, for each row, for each token of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Kept {
    pass: u64,
    row: u64,
    token: u64,
}

impl Kept {
    fn bytes(self, rows: u64, tokens: u64) -> u64 {
        self.pass + self.row * rows + self.token * tokens
    }

    /// From passes of 1 row of 2 tokens, 1 of 4, 2 of 2.
    fn of([a, b, c]: [u64; 3]) -> Self {
        let token = b.saturating_sub(a) / 2;
        let row = c.saturating_sub(a).saturating_sub(2 * token);
        Self { pass: a.saturating_sub(row + 2 * token), row, token }
    }
}

impl Footprint {
    /// `learning` where all weights learn; else what `pass` carries does.
    ///
    /// # Errors
    /// Only what candle reports.
    pub fn of(model: &Model, pass: &Pass, learning: bool) -> Result<Self> {
        let probes = [(1, 2), (1, 4), (2, 2)].map(|shape| probe(model, pass, learning, shape));
        let [a, b, c] = probes;
        let (a, b, c) = (a?, b?, c?);
        let layers = a.iter().zip(b).zip(c).map(|((a, b), c)| Some(Kept::of([(*a)?, b?, c?]))).collect();
        let table = (model.spec.vocabulary * model.spec.hidden * 4) as u64;
        let path = model.family.names.head;
        let low = pass.at(path);
        let whole = pass.deltas.is_some_and(|deltas| deltas.whole.contains_key(path));
        let head = match low {
            _ if learning || whole => 2 * table,
            // B (with the gain beside it, a copy), and the gradient that is kept and the one that is handed on.
            Some(low) => (low.b.elem_count() * 4) as u64 * if low.dora.is_some() { 3 } else { 2 },
            None => 0,
        };
        let logits = if low.is_some_and(|low| low.dora.is_some()) { 2 } else { 1 };
        Ok(Self { layers, hidden: (model.spec.hidden * 4) as u64, vocabulary: model.spec.vocabulary, head, logits })
    }

    /// The most bytes at once for `rows` of `width` tokens, where the layers are kept in segments of `every`, or all.
    pub fn bytes(&self, rows: usize, width: usize, every: Option<usize>) -> u64 {
        let (rows, tokens) = (rows as u64, (rows * width) as u64);
        let layer = |kept: &Option<Kept>| kept.map_or(0, |kept| kept.bytes(rows, tokens));
        let segments = segments(self.layers.len(), every.unwrap_or(usize::MAX));
        let of = |range: &std::ops::Range<usize>| self.layers[range.clone()].iter().map(layer).sum::<u64>();
        let largest = segments.iter().map(of).max().unwrap_or(0);
        let kept = segments.iter().filter(|range| of(range) > 0).count().saturating_sub(1) as u64 * self.hidden * tokens;
        // Gradients on their way through one layer, and hidden states on their way to the loss.
        let passing = self.layers.iter().map(layer).max().unwrap_or(0) / 2 + 4 * self.hidden * tokens;
        let logits = ops::chunk_rows(self.vocabulary).min(rows as usize * width) * self.vocabulary * 4 * self.logits;
        largest + kept + passing + self.head + logits as u64
    }

    pub fn layers(&self) -> usize {
        self.layers.len()
    }
}

/// What each layer keeps of `rows` of `width` tokens.
fn probe(model: &Model, pass: &Pass, learning: bool, (rows, width): (usize, usize)) -> Result<Vec<Option<u64>>> {
    let ids = Tensor::zeros((rows, width), DType::U32, &model.device)?;
    let (x, way) = model.enter(Input::Ids(&ids), None, pass)?;
    let mut learns = learning || x.track_op();
    let mut x = x.detach();
    let mut kept = Vec::with_capacity(model.layers.len());
    for i in 0..model.layers.len() {
        let start = if learns { Var::from_tensor(&x)?.into_inner() } else { x };
        let mut graph = if learning { Graph::of_learning_weights() } else { Graph::default() };
        let y = graph.listen(|| model.layer(i, start.clone(), &way, None, pass, &mut NoTap))?;
        learns |= y.track_op();
        // Elsewhere than on the CPU all is on candle's own.
        kept.push(learns.then(|| if y.is_variable() { graph.bytes(&start) } else { taped(&y) }));
        x = y.detach();
    }
    Ok(kept)
}

/// Bytes of the tensors that lead to `y`, variables apart; views of one storage count once.
fn taped(y: &Tensor) -> u64 {
    let mut storages = std::collections::HashMap::new();
    for node in y.sorted_nodes().into_iter().filter(|node| !node.is_variable()) {
        let bytes = (node.elem_count() * node.dtype().size_in_bytes()) as u64;
        let (storage, _) = node.storage_and_layout();
        let most = storages.entry(std::ptr::from_ref(&*storage).addr()).or_insert(0);
        *most = bytes.max(*most);
    }
    storages.values().sum()
}

/// The layers in segments of `every`; the first may be shorter, so that the last, which is not run again, is a whole one.
pub fn segments(layers: usize, every: usize) -> Vec<std::ops::Range<usize>> {
    let every = every.clamp(1, layers.max(1));
    let ends = (0..).map(|i: usize| layers.saturating_sub(i.saturating_mul(every))).take_while(|end| *end > 0);
    let mut segments: Vec<_> = ends.map(|end| end.saturating_sub(every)..end).collect();
    segments.reverse();
    segments
}
