//! The graph of a training pass: while a [`Graph`] listens, the ops of this module note what they did, and gradients go back along the notes.
//!
//! Candle's `backward` begins every gradient as zeros and adds to it, on one thread: two more passes over each activation and weight.
//! Here the first gradient is taken as it is, sums are made by all threads, and what a note held goes when it was used.
//! The result of a noted op is a leaf of candle's own graph, so whatever candle computes between two ops goes back through candle.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use candle_core::op::BackpropOp;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Storage, Tensor, TensorId};

use super::{add, split, storage};

/// Of the gradients of the outputs, those that came, those of the inputs.
type Back = Box<dyn FnOnce(Vec<Option<Tensor>>) -> Result<Vec<Option<Tensor>>>>;

struct Note {
    outputs: Vec<TensorId>,
    inputs: Vec<Tensor>,
    back: Back,
}

/// What the ops noted, in order.
#[derive(Default)]
pub struct Graph {
    notes: Vec<Note>,
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
        if x.is_variable() || self.views.contains(&x.id()) {
            return grads.add(x.id(), gradient);
        }
        if !x.track_op() {
            return Ok(());
        }
        grads.asked += 1;
        let store = x.apply_op1(Given(gradient))?.backward()?;
        let ids: Vec<TensorId> = store.get_ids().copied().collect();
        for id in ids {
            if let Some(gradient) = store.get_id(id) {
                grads.add(id, gradient.detach())?;
            }
        }
        Ok(())
    }

    /// Takes the gradients in `grads` back through what was noted, last first. Those of variables, and of what was not noted here, stay.
    ///
    /// # Errors
    /// Those of the ops.
    pub fn backward(mut self, grads: &mut Grads) -> Result<()> {
        while let Some(Note { outputs, inputs, back }) = self.notes.pop() {
            let came: Vec<Option<Tensor>> = outputs.iter().map(|output| grads.of.remove(output)).collect();
            if came.iter().all(Option::is_none) {
                continue;
            }
            for (input, gradient) in inputs.iter().zip(back(came)?) {
                if let Some(gradient) = gradient {
                    self.give(grads, input, gradient)?;
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

/// What `f` makes of the inputs, as a leaf; `None` where nobody listens, nothing is tracked, or an input is not on the CPU.
fn leaf<const N: usize>(
    inputs: [&Tensor; N],
    f: impl FnOnce([(&CpuStorage, &Layout); N]) -> Result<(CpuStorage, Shape)>,
) -> Result<Option<Tensor>> {
    let listens = LISTENS.with(|listens| listens.borrow().is_some());
    if !listens || !inputs.iter().any(|input| input.track_op()) || !inputs.iter().all(|input| input.device().is_cpu()) {
        return Ok(None);
    }
    let stored = inputs.map(Tensor::storage_and_layout);
    let mut seen = Vec::with_capacity(N);
    for (storage, layout) in &stored {
        let Storage::Cpu(storage) = &**storage else { return Ok(None) };
        seen.push((storage, *layout));
    }
    let Ok(seen) = <[(&CpuStorage, &Layout); N]>::try_from(seen) else { return Ok(None) };
    let (storage, shape) = f(seen)?;
    Ok(Some(Tensor::from_storage(Storage::Cpu(storage), shape, BackpropOp::none(), true)))
}

fn note(outputs: &[&Tensor], inputs: &[&Tensor], back: Back) {
    let note = Note { outputs: outputs.iter().map(|y| y.id()).collect(), inputs: inputs.iter().map(|x| (*x).clone()).collect(), back };
    LISTENS.with(|listens| {
        if let Some(graph) = listens.borrow_mut().as_mut() {
            graph.notes.push(note);
        }
    });
}

// No op of this module reads its result when it goes backward: an input stands in for it, so that it may go.

/// `op` of `x`, noted or on candle's graph.
pub fn op1(x: &Tensor, op: impl CustomOp1 + Send + Sync + 'static) -> Result<Tensor> {
    let Some(y) = leaf([x], |[x]| op.cpu_fwd(x.0, x.1))? else { return x.apply_op1(op) };
    let kept = x.clone();
    note(&[&y], &[x], Box::new(move |came| one(came, |g| Ok(vec![op.bwd(&kept, &kept, g)?]))));
    Ok(y)
}

/// `op` of two tensors, likewise.
pub fn op2(a: &Tensor, b: &Tensor, op: impl CustomOp2 + Send + Sync + 'static) -> Result<Tensor> {
    let Some(y) = leaf([a, b], |[a, b]| op.cpu_fwd(a.0, a.1, b.0, b.1))? else { return a.apply_op2(b, op) };
    let kept = (a.clone(), b.clone());
    let back = move |g: &Tensor| op.bwd(&kept.0, &kept.1, &kept.0, g).map(|(a, b)| vec![a, b]);
    note(&[&y], &[a, b], Box::new(move |came| one(came, back)));
    Ok(y)
}

/// `op` of three tensors, likewise.
pub fn op3(a: &Tensor, b: &Tensor, c: &Tensor, op: impl CustomOp3 + Send + Sync + 'static) -> Result<Tensor> {
    let Some(y) = leaf([a, b, c], |[a, b, c]| op.cpu_fwd(a.0, a.1, b.0, b.1, c.0, c.1))? else { return a.apply_op3(b, c, op) };
    let kept = (a.clone(), b.clone(), c.clone());
    let back = move |g: &Tensor| op.bwd(&kept.0, &kept.1, &kept.2, &kept.0, g).map(|(a, b, c)| vec![a, b, c]);
    note(&[&y], &[a, b, c], Box::new(move |came| one(came, back)));
    Ok(y)
}

fn one(came: Vec<Option<Tensor>>, back: impl FnOnce(&Tensor) -> Result<Vec<Option<Tensor>>>) -> Result<Vec<Option<Tensor>>> {
    came.into_iter().next().flatten().map_or(Ok(Vec::new()), |g| back(&g))
}

/// `y`, which shows the numbers of `x` in another order; `back` puts a gradient into the order of `x`.
fn view(x: &Tensor, y: Tensor, back: impl FnOnce(&Tensor) -> Result<Tensor> + 'static) -> Tensor {
    if x.track_op() && x.id() != y.id() {
        note(&[&y], &[x], Box::new(move |came| one(came, |g| Ok(vec![Some(back(g)?)]))));
        LISTENS.with(|listens| listens.borrow_mut().as_mut().map(|graph| graph.views.insert(y.id())));
    }
    y
}

/// The last dimension of a contiguous f32 `x` cut into parts of these widths, noted or on candle's graph.
pub fn cut(x: &Tensor, widths: &[usize]) -> Result<Vec<Tensor>> {
    let (last, total) = (x.rank() - 1, widths.iter().sum());
    let mut parts = Vec::with_capacity(widths.len());
    let mut from = 0;
    for width in widths {
        let part = |(x, layout): (&CpuStorage, &Layout)| {
            let mut shape = layout.dims().to_vec();
            shape[last] = *width;
            Ok((CpuStorage::F32(split::columns(storage::floats(x, layout, "split")?, total, from, *width)), Shape::from(shape)))
        };
        parts.push(match leaf([x], |[x]| part(x))? {
            Some(part) => part,
            None => x.narrow(last, from, *width)?,
        });
        from += width;
    }
    if parts.iter().all(Tensor::is_variable) {
        let (shape, widths) = (x.dims().to_vec(), widths.to_vec());
        note(&parts.iter().collect::<Vec<_>>(), &[x], Box::new(move |came| Ok(vec![Some(split::joined(&came, &widths, &shape)?)])));
    }
    Ok(parts)
}

/// Candle's, noted.
pub fn reshape(x: &Tensor, shape: impl Into<Shape>) -> Result<Tensor> {
    let before = x.shape().clone();
    Ok(view(x, x.reshape(shape.into())?, move |g| g.reshape(&before)))
}

/// Candle's, noted.
pub fn transpose(x: &Tensor, a: usize, b: usize) -> Result<Tensor> {
    Ok(view(x, x.transpose(a, b)?, move |g| g.transpose(a, b)))
}
