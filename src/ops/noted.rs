//! Ops and views that are noted by the [`super::Graph`] that listens, and are candle's own where none does.

use candle_core::op::BackpropOp;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Storage, Tensor};

use super::graph::{self, note};

/// What `f` makes of the inputs, as a leaf; `None` where nobody listens, nothing is tracked, or an input is not on the CPU.
pub fn leaf<const N: usize>(
    inputs: [&Tensor; N],
    f: impl FnOnce([(&CpuStorage, &Layout); N]) -> Result<(CpuStorage, Shape)>,
) -> Result<Option<Tensor>> {
    if !graph::listens() || !inputs.iter().any(|input| input.track_op()) || !inputs.iter().all(|input| input.device().is_cpu()) {
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

/// `x`, or where it will not be read something of its shape that holds a single number.
fn kept(x: &Tensor, read: bool) -> Result<Tensor> {
    if read {
        return Ok(x.clone());
    }
    let number = Storage::Cpu(CpuStorage::F32(vec![0.0]));
    Tensor::from_storage(number, (), BackpropOp::none(), x.track_op()).broadcast_as(x.shape())
}

/// `op` of `x`, noted or on candle's graph; `reads` says whether its `bwd` reads the values of `x`. None reads its result.
pub fn op1(x: &Tensor, reads: bool, op: impl CustomOp1 + Send + Sync + 'static) -> Result<Tensor> {
    let Some(y) = leaf([x], |[x]| op.cpu_fwd(x.0, x.1))? else { return x.apply_op1(op) };
    let back = move |x: &Tensor, g: &Tensor| Ok(vec![op.bwd(x, x, g)?]);
    note(&[&y], &[x], vec![kept(x, reads)?], Box::new(move |kept, came| one(came, |g| back(&kept[0], g))));
    Ok(y)
}

/// `op` of two tensors, likewise.
pub fn op2([a, b]: [&Tensor; 2], reads: [bool; 2], op: impl CustomOp2 + Send + Sync + 'static) -> Result<Tensor> {
    let Some(y) = leaf([a, b], |[a, b]| op.cpu_fwd(a.0, a.1, b.0, b.1))? else { return a.apply_op2(b, op) };
    let back = move |x: &[Tensor], g: &Tensor| op.bwd(&x[0], &x[1], &x[0], g).map(|(a, b)| vec![a, b]);
    note(&[&y], &[a, b], vec![kept(a, reads[0])?, kept(b, reads[1])?], Box::new(move |kept, came| one(came, |g| back(kept, g))));
    Ok(y)
}

/// `op` of three tensors, likewise.
pub fn op3([a, b, c]: [&Tensor; 3], reads: [bool; 3], op: impl CustomOp3 + Send + Sync + 'static) -> Result<Tensor> {
    let Some(y) = leaf([a, b, c], |[a, b, c]| op.cpu_fwd(a.0, a.1, b.0, b.1, c.0, c.1))? else { return a.apply_op3(b, c, op) };
    let kept = vec![kept(a, reads[0])?, kept(b, reads[1])?, kept(c, reads[2])?];
    let back = move |x: &[Tensor], g: &Tensor| op.bwd(&x[0], &x[1], &x[2], &x[0], g).map(|(a, b, c)| vec![a, b, c]);
    note(&[&y], &[a, b, c], kept, Box::new(move |kept, came| one(came, |g| back(kept, g))));
    Ok(y)
}

fn one(came: Vec<Option<Tensor>>, back: impl FnOnce(&Tensor) -> Result<Vec<Option<Tensor>>>) -> Result<Vec<Option<Tensor>>> {
    came.into_iter().next().flatten().map_or(Ok(Vec::new()), |g| back(&g))
}

/// `y`, which shows the numbers of `x` in another order; `back` puts a gradient into the order of `x`.
fn view(x: &Tensor, y: Tensor, back: impl FnOnce(&Tensor) -> Result<Tensor> + 'static) -> Tensor {
    if x.track_op() && x.id() != y.id() {
        note(&[&y], &[x], Vec::new(), Box::new(move |_, came| one(came, |g| Ok(vec![Some(back(g)?)]))));
    }
    y
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
