//! What a run must remember to go on to the bit, and the file that holds it: safetensors with notes in its metadata.
//!
//! Where it lies and when it is written is not decided here.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;

use candle_core::{CpuStorage, Device, Storage, Tensor};
use safetensors::{Dtype, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::check::Unproven;
use super::stopping::Best;
use super::{Run, Step, Validation, exact};
use crate::data::Cursor;
use crate::optim::{Kept, Scaler};
use crate::random::Random;
use crate::{Error, Result};

/// Where a run stands, beside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps taken, and of how many.
    pub step: usize,
    pub of: usize,
    cursor: Cursor,
    random: Random,
    /// Of the optimizer; a step that failed in between makes them differ.
    updates: usize,
    unproven: Unproven,
    #[serde(with = "exact")]
    seconds: f64,
    scaler: Option<Scaler>,
    patience: Option<usize>,
    /// The step whose trained values lie beside, as `best.NAME`.
    best: Option<usize>,
    returned: bool,
    /// It came to its end: what it learned is all here.
    pub done: bool,
}

/// A run between two steps, read back.
#[derive(Debug)]
pub struct State {
    pub progress: Progress,
    /// Each variable under its name, what the optimizer keeps, and [`STEPS`].
    tensors: HashMap<String, Tensor>,
}

/// One tensor of the file. Nothing is copied for it: with a full run that would be twice the model.
enum Entry<'a> {
    Tensor(String, Tensor),
    Kept(Kept<'a>),
}

/// The steps taken, `[step, 7]` in f64: of, loss, rate, norm of the gradient, tokens, loss of the validation or NaN, 1 for an overflow.
const STEPS: &str = "run.steps";
/// What stands before the name of a variable that is kept as it was at the best validation.
const BEST: &str = "best.";
/// The key of the notes in the file's metadata.
const NOTES: &str = "lantern";
/// No header is longer: what says so is not one of these files.
const LONGEST_HEADER: u64 = 100 << 20;

impl Run {
    fn progress(&self) -> Progress {
        Progress {
            step: self.steps.len(),
            of: self.total,
            cursor: self.order.cursor(),
            random: self.random.clone(),
            updates: self.optimizer.steps(),
            unproven: self.unproven.clone(),
            seconds: self.seconds,
            scaler: self.scaler,
            patience: self.patience,
            best: self.best.as_ref().map(|best| best.validation.step),
            returned: self.returned,
            done: self.done(),
        }
    }

    fn entries(&self) -> Result<Vec<Entry<'_>>> {
        let mut entries: Vec<_> = self.vars.iter().map(|(name, var)| Entry::Tensor(name.clone(), var.as_detached_tensor())).collect();
        entries.extend(self.optimizer.state().into_iter().map(Entry::Kept));
        let best = self.best.iter().flat_map(|best| &best.values).zip(&self.vars);
        entries.extend(best.map(|(value, (name, _))| Entry::Tensor(format!("{BEST}{name}"), value.clone())));
        entries.push(Entry::Tensor(STEPS.to_owned(), table(&self.steps)?));
        Ok(entries)
    }

    /// Writes what [`Run::restore`] needs as the bytes of a file; `identity` comes back from [`header`].
    ///
    /// # Errors
    /// Those of `out` under `path`, which is named only.
    pub fn write(&self, identity: &impl Serialize, path: &Path, out: &mut dyn Write) -> Result<()> {
        let notes = json!({ "version": VERSION, "progress": self.progress(), "identity": identity }).to_string();
        let mut header = serde_json::Map::from_iter([("__metadata__".to_owned(), json!({ NOTES: notes }))]);
        let (entries, mut at) = (self.entries()?, 0);
        for entry in &entries {
            let (name, dtype, shape, bytes) = match entry {
                Entry::Tensor(name, tensor) => (name, View::dtype(tensor), tensor.dims(), tensor.data_len()),
                Entry::Kept(Kept { name, shape, values }) => (name, Dtype::F32, shape.as_slice(), 4 * values.len()),
            };
            header.insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, at + bytes] }));
            at += bytes;
        }
        let mut header = Value::Object(header).to_string();
        // The format asks for data at a multiple of 8 bytes.
        header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
        let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(Error::io(path));
        put(&(header.len() as u64).to_le_bytes())?;
        put(header.as_bytes())?;
        entries.iter().try_for_each(|entry| match entry {
            Entry::Kept(kept) => put_floats(kept.values, &mut put),
            Entry::Tensor(_, tensor) => put_tensor(tensor, &mut put),
        })
    }

    /// Makes this run, begun with the same recipe on the same model and data, the one that `state` was taken of.
    ///
    /// # Errors
    /// `MissingTensor`, `WrongShape`: the state belongs to another model; the variables may have changed then.
    pub fn restore(&mut self, state: State) -> Result<()> {
        let State { progress, tensors } = state;
        let missing = |tensor: &str| Error::MissingTensor { path: "checkpoint".to_owned(), tensor: tensor.to_owned() };
        self.optimizer.restore(progress.updates, |name| tensors.get(name).cloned())?;
        for (name, var) in &self.vars {
            // Shapes agree with the moments', which the optimizer has looked at.
            let stored = tensors.get(name).ok_or_else(|| missing(name))?;
            var.set(&stored.to_device(var.device())?)?;
        }
        self.steps = untabled(tensors.get(STEPS).ok_or_else(|| missing(STEPS))?)?;
        let Progress { step: _, of, cursor, random, updates: _, unproven, seconds, scaler, patience, best, returned, done: _ } = progress;
        self.best = match best.and_then(|step| self.steps.get(step.checked_sub(1)?)?.validation) {
            Some(validation) => {
                let kept = self.vars.iter().map(|(name, _)| format!("{BEST}{name}"));
                let values = kept.map(|name| tensors.get(&name).cloned().ok_or_else(|| missing(&name))).collect::<Result<_>>()?;
                Some(Best { validation, values })
            }
            None => None,
        };
        self.order.go_to(cursor);
        (self.total, self.random, self.unproven, self.seconds) = (of, random, unproven, seconds);
        (self.scaler, self.patience, self.returned) = (scaler, patience, returned);
        Ok(())
    }
}

/// Values as the format has them, a piece at a time.
fn put_floats(values: &[f32], put: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut bytes = Vec::new();
    for values in values.chunks(1 << 16) {
        bytes.clear();
        bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        put(&bytes)?;
    }
    Ok(())
}

fn put_tensor(tensor: &Tensor, put: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let (stored, layout) = tensor.storage_and_layout();
    match (&*stored, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((from, to))) => put_floats(&values[from..to], put),
        _ => put(&tensor.data()),
    }
}

fn table(steps: &[Step]) -> Result<Tensor> {
    let row = |step: &Step| {
        let validation = step.validation.map_or(f64::NAN, |v| v.loss);
        [step.of as f64, step.loss, step.lr, step.grad_norm, step.tokens as f64, validation, f64::from(u8::from(step.overflowed))]
    };
    Ok(Tensor::from_vec(steps.iter().flat_map(row).collect::<Vec<f64>>(), (steps.len(), 7), &Device::Cpu)?)
}

fn untabled(table: &Tensor) -> Result<Vec<Step>> {
    let step = |(i, row): (usize, &Vec<f64>)| {
        let n = i + 1;
        let [of, loss, lr, grad_norm, tokens, validation, overflowed] = <[f64; 7]>::try_from(row.as_slice()).map_err(|_| {
            let (given, expected) = (format!("{:?}", table.dims()), "[step, 7]".to_owned());
            Error::WrongShape { tensor: STEPS.to_owned(), given, expected }
        })?;
        let validation = (!validation.is_nan()).then_some(Validation { step: n, loss: validation });
        Ok(Step { n, of: of as usize, loss, lr, grad_norm, tokens: tokens as usize, validation, overflowed: overflowed > 0.0 })
    };
    table.to_vec2::<f64>()?.iter().enumerate().map(step).collect()
}

#[derive(Serialize, Deserialize)]
struct Notes<T> {
    /// Of this format.
    version: u32,
    progress: Progress,
    /// What the writer wants to find again.
    identity: T,
}

const VERSION: u32 = 2;

impl State {
    /// Reads a file that [`Run::write`] made.
    ///
    /// # Errors
    /// `BadCheckpoint` for a file that is cut short or of another format.
    pub fn read(path: &Path) -> Result<Self> {
        let (_, progress) = header::<Value>(path)?;
        let tensors = candle_core::safetensors::load(path, &Device::Cpu).map_err(|e| bad(path, &e))?;
        Ok(Self { progress, tensors })
    }
}

fn bad(path: &Path, cause: &dyn std::fmt::Display) -> Error {
    let cause = cause.to_string().lines().next().unwrap_or_default().to_owned();
    Error::BadCheckpoint { path: path.display().to_string(), cause }
}

/// What a checkpoint says of itself: its beginning is read, not its tensors.
///
/// # Errors
/// `NotFound`, `Io`; `BadCheckpoint` for a file of another format.
pub fn header<T: DeserializeOwned>(path: &Path) -> Result<(T, Progress)> {
    let mut file = std::fs::File::open(path).map_err(Error::io(path))?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|e| bad(path, &e))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER {
        return Err(bad(path, &format!("a header of {length} bytes")));
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).map_err(|e| bad(path, &e))?;
    let header: Value = serde_json::from_slice(&text).map_err(|e| bad(path, &e))?;
    let notes = header["__metadata__"][NOTES].as_str().unwrap_or_default();
    let notes: Notes<T> = serde_json::from_str(notes).map_err(|e| bad(path, &e))?;
    if notes.version != VERSION {
        return Err(bad(path, &format!("version {}, known: {VERSION}", notes.version)));
    }
    Ok((notes.identity, notes.progress))
}
