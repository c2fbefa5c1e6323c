//! Closures that look at activations, or change them, while the model computes.
//!
//! ```text
//! lab::hook("layers.3.mlp", |activation| activation.fill(0.0))?;      // from here to the end of the cell
//! let mut means = Vec::new();
//! lab::hooked("layers.3.mlp", |activation| means.push(activation.mean()), || lab::logits("The cat"))?;
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use wire::lab::{Answer, Array, Ask};

use crate::channel::ask;
use crate::{Error, Result, Tensor};

type Closure = Box<dyn FnMut(&mut Tensor) + Send>;

/// `None` once the closure must not be called any more.
type Slot = Arc<Mutex<Option<Closure>>>;

/// By the session's number. A cell's copy of this crate is its own, so they end with the cell; the session forgets them then, too.
static HOOKS: Mutex<Vec<(u64, Slot)>> = Mutex::new(Vec::new());

/// A hook that is set: [`Hook::remove`] takes it away before the cell ends.
#[derive(Debug)]
pub struct Hook(u64);

impl Hook {
    /// The closure is not called any more.
    ///
    /// # Errors
    /// The session is gone.
    pub fn remove(self) -> Result<()> {
        remove(self.0)
    }
}

/// From now to the end of the cell the closure gets this activation each time the model computes it for a call of this cell: [`logits`],
/// [`logits_of`], [`hidden`], [`attention`], [`activation`] and [`generate_with`], but neither magics nor training. It may look at it or
/// change its numbers in place; several hooks of one activation are called in the order in which they were set. [`activations`] lists the
/// names. While it is called it may look into the model (where no hook is called) and show things.
///
/// Shapes: `residual`, `self_attn` and `mlp` are `[T, C]`; `q` is `[H, T, D]`, `k` and `v` are `[H_kv, S, D]`, `probabilities` `[H, T, S]`. In
/// [`generate_with`] T is 1 after the prompt, and S grows.
///
/// The closure keeps what it captures to itself (`move`); [`hooked`] is for one that uses variables of the cell.
///
/// # Errors
/// No model, or no such activation.
///
/// [`logits`]: crate::logits
/// [`logits_of`]: crate::logits_of
/// [`hidden`]: crate::hidden
/// [`attention`]: crate::attention
/// [`activation`]: crate::activation
/// [`activations`]: crate::activations
/// [`generate_with`]: crate::generate_with
pub fn hook(name: &str, closure: impl FnMut(&mut Tensor) + Send + 'static) -> Result<Hook> {
    add(name, Arc::new(Mutex::new(Some(Box::new(closure))))).map(Hook)
}

/// [`hook`] while `body` runs; the closure may use and change variables of the cell. The answer is that of `body`.
///
/// # Errors
/// Those of [`hook`] and of `body`.
pub fn hooked<T>(name: &str, closure: impl FnMut(&mut Tensor) + Send, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let closure: Box<dyn FnMut(&mut Tensor) + Send + '_> = Box::new(closure);
    // SAFETY: only the lifetime changes, and the closure does not outlive this call: `Scope` drops it before the end, however that
    // comes, and waits for another thread that is calling it.
    let closure: Closure = unsafe { std::mem::transmute(closure) };
    let slot: Slot = Arc::new(Mutex::new(Some(closure)));
    let mut scope = Scope { slot: slot.clone(), id: None };
    scope.id = Some(add(name, slot)?);
    body()
}

struct Scope {
    slot: Slot,
    id: Option<u64>,
}

impl Drop for Scope {
    fn drop(&mut self) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(id) = self.id {
            // A session that is gone asks no more.
            let _ = remove(id);
        }
    }
}

fn add(name: &str, slot: Slot) -> Result<u64> {
    match ask(&Ask::Hook { name: name.to_owned() })? {
        Answer::Hook { hook } => {
            HOOKS.lock().unwrap_or_else(PoisonError::into_inner).push((hook, slot));
            Ok(hook)
        }
        other => Err(Error::unexpected(&other)),
    }
}

fn remove(id: u64) -> Result<()> {
    HOOKS.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| *known != id);
    ask(&Ask::Unhook { hook: id }).map(drop)
}

/// Calls a hook: the changed numbers, or `None` if not a bit of them is another.
pub fn call(id: u64, array: Array) -> Option<Array> {
    let slot = HOOKS.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|(known, _)| *known == id)?.1.clone();
    let before = array.clone();
    let mut activation = Tensor::from(array);
    slot.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?(&mut activation);
    let after = Array::from(activation);
    let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits();
    let unchanged = before.shape == after.shape && before.data.iter().zip(&after.data).all(same);
    (!unchanged).then_some(after)
}
