//! The graph of a training pass: while a [`Graph`] listens, the ops of this module note what they did, and gradients go back along the notes.
//!
//! Candle's `backward` begins every gradient as zeros and adds to it, on one thread: two more passes over each activation and weight.
//! Here the first gradient is taken as it is, sums are made by all threads; a note keeps what its op reads going backward, until it has.
//! The result of a noted op is a leaf of candle's own graph, so whatever candle computes between two ops goes back through candle.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Storage, Tensor, TensorId};

use super::add;

/// Of what was kept and the gradients of the outputs, those that came, the gradients of the inputs.
pub type Back = Box<dyn FnOnce(&[Tensor], Vec<Option<Tensor>>) -> Result<Vec<Option<Tensor>>>>;

struct Note {
    outputs: Vec<TensorId>,
    inputs: Vec<Input>,
    /// What going backward reads.
    kept: Vec<Tensor>,
    back: Back,
}

/// Where a gradient goes.
enum Input {
    /// A variable, or what this graph noted.
    Noted(TensorId),
    /// What candle computed.
    Candles(Tensor),
    /// Nothing that learns.
    Fixed,
}

/// What the ops noted, in order.
#[derive(Default)]
pub struct Graph {
    notes: Vec<Note>,
    /// Keeps what it would if every weight learned.
    all_learn: bool,
    /// Outputs that show the numbers of another tensor in another order: no leaves, but noted.
    views: HashSet<TensorId>,
}

thread_local! {
    static LISTENS: RefCell<Option<Graph>> = const { RefCell::new(None) };
}

/// Gradients by what they are of.
#[derive(Default)]
pub struct Grads {
    of: HashMap<TensorId, Tensor>,
    /// Times that candle had to be asked.
    pub asked: usize,
}

/// Whose turn it is to listen; what stood before comes back at the end.
struct Turn<'a> {
    before: Option<Graph>,
    into: Option<&'a mut Graph>,
}

impl<'a> Turn<'a> {
    fn of(graph: Option<Graph>, into: Option<&'a mut Graph>) -> Self {
        Self { before: LISTENS.with(|listens| listens.replace(graph)), into }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let heard = LISTENS.with(|listens| listens.replace(self.before.take()));
        if let (Some(into), Some(heard)) = (self.into.take(), heard) {
            *into = heard;
        }
    }
}

/// Runs `f` on candle's own graph.
pub fn aside<R>(f: impl FnOnce() -> R) -> R {
    let _turn = Turn::of(None, None);
    f()
}

impl Graph {
    /// One that keeps what it would if every weight learned, for counting it.
    pub fn of_learning_weights() -> Self {
        Self { all_learn: true, ..Self::default() }
    }

    /// Runs `f` and notes what its ops do, after what was noted before.
    pub fn listen<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let _turn = Turn::of(Some(std::mem::take(self)), Some(self));
        f()
    }

    /// Adds the gradient of `x`, which was made while this graph listened, or is a variable.
    ///
    /// # Errors
    /// What candle reports.
    pub fn give(&self, grads: &mut Grads, x: &Tensor, gradient: Tensor) -> Result<()> {
        let x = match self.input(x) {
            Input::Noted(id) => return grads.add(id, gradient),
            Input::Candles(x) => x,
            Input::Fixed => return Ok(()),
        };
        grads.pull(&x, gradient)
    }

    fn input(&self, x: &Tensor) -> Input {
        match x {
            x if x.is_variable() || self.views.contains(&x.id()) => Input::Noted(x.id()),
            x if x.track_op() => Input::Candles(x.clone()),
            _ => Input::Fixed,
        }
    }

    /// Bytes of activations that the notes keep, `x` among them if it is: what is neither a weight nor a variable from outside.
    pub fn bytes(&self, x: &Tensor) -> u64 {
        let outputs: HashSet<TensorId> = self.notes.iter().flat_map(|note| note.outputs.iter().copied()).chain([x.id()]).collect();
        let candles = self.notes.iter().flat_map(|note| &note.inputs).filter_map(|input| match input {
            Input::Candles(x) => Some(x),
            _ => None,
        });
        let within = candles.flat_map(Tensor::sorted_nodes).filter(|node| !node.is_variable());
        let kept = self
            .notes
            .iter()
            .flat_map(|note| &note.kept)
            .filter(|kept| outputs.contains(&kept.id()) || (kept.track_op() && !kept.is_variable()));
        let mut storages = HashMap::new();
        for tensor in within.chain(kept) {
            let (stored, _) = tensor.storage_and_layout();
            if let Storage::Cpu(CpuStorage::F32(values)) = &*stored {
                storages.insert(values.as_ptr(), 4 * values.len() as u64);
            }
        }
        storages.values().sum()
    }

    /// Takes the gradients in `grads` back through what was noted, last first. Those of variables, and of what was not noted here, stay.
    ///
    /// # Errors
    /// Those of the ops.
    pub fn backward(mut self, grads: &mut Grads) -> Result<()> {
        while let Some(Note { outputs, inputs, kept, back }) = self.notes.pop() {
            let came: Vec<Option<Tensor>> = outputs.iter().map(|output| grads.of.remove(output)).collect();
            if came.iter().all(Option::is_none) {
                continue;
            }
            for (input, gradient) in inputs.into_iter().zip(back(&kept, came)?) {
                match (input, gradient) {
                    (Input::Noted(id), Some(gradient)) => grads.add(id, gradient)?,
                    (Input::Candles(x), Some(gradient)) => grads.pull(&x, gradient)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

impl Grads {
    pub fn remove(&mut self, x: &Tensor) -> Option<Tensor> {
        self.of.remove(&x.id())
    }

    /// Lets candle take a gradient back to leaves.
    fn pull(&mut self, x: &Tensor, gradient: Tensor) -> Result<()> {
        self.asked += 1;
        let store = x.apply_op1(Given(gradient))?.backward()?;
        let ids: Vec<TensorId> = store.get_ids().copied().collect();
        for id in ids {
            if let Some(gradient) = store.get_id(id) {
                self.add(id, gradient.detach())?;
            }
        }
        Ok(())
    }

    fn add(&mut self, id: TensorId, gradient: Tensor) -> Result<()> {
        let sum = match self.of.remove(&id) {
            Some(other) => add::sum(&other, &gradient)?,
            None => gradient,
        };
        self.of.insert(id, sum);
        Ok(())
    }
}

/// Begins a backward pass of candle's with a gradient: what comes out is of no use.
struct Given(Tensor);

impl CustomOp1 for Given {
    fn name(&self) -> &'static str {
        "given gradient"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.0.clone()))
    }
}

/// Whether a graph listens.
pub fn listens() -> bool {
    LISTENS.with(|listens| listens.borrow().is_some())
}

/// Whether `w` gets a gradient, or is taken to get one.
pub fn learns(w: &Tensor) -> bool {
    w.track_op() || LISTENS.with(|listens| listens.borrow().as_ref().is_some_and(|graph| graph.all_learn))
}

/// Tells the graph that listens how gradients of `outputs` become those of `inputs`; an output that is no leaf is a view of the input.
pub fn note(outputs: &[&Tensor], inputs: &[&Tensor], kept: Vec<Tensor>, back: Back) {
    LISTENS.with(|listens| {
        if let Some(graph) = listens.borrow_mut().as_mut() {
            let inputs = inputs.iter().map(|x| graph.input(x)).collect();
            graph.views.extend(outputs.iter().filter(|y| !y.is_variable()).map(|y| y.id()));
            graph.notes.push(Note { outputs: outputs.iter().map(|y| y.id()).collect(), inputs, kept, back });
        }
    });
}
