//! The linear layer: a frozen weight costs no gradient, a tracked one gets it. Dense f32 or half weights, either layout.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, DType, Layout as Strides, Result, Shape, Storage, Tensor, bail};

use super::dot::{FEW_ROWS, few_rows};
use super::matrix::{Matrix, Values};
use super::product::{Product, View};
use super::{float, graph, noted, plain, storage};

/// How a weight lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[out, in]`: torch's nn.Linear.
    OutIn,
    /// `[in, out]`: GPT-2's Conv1D.
    InOut,
}

/// `y[.., out] = x[.., in] @ w + bias[out]`. The result has x's dtype; f16 and bf16 weights are widened block by block.
///
/// Gradients go to x, and to w and bias where they are tracked.
///
/// # Errors
/// Shapes that do not fit.
pub fn linear(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, layout: Layout) -> crate::Result<Tensor> {
    check(x, w, bias, layout)?;
    let w = if w.track_op() { float(w)? } else { w.clone() };
    let usable = matches!(w.dtype(), DType::F32 | DType::F16 | DType::BF16);
    if !x.device().is_cpu() || !usable {
        return Ok(plain::linear(x, &w, bias, layout)?);
    }
    let (input, w) = (float(x)?.contiguous()?, w.contiguous()?);
    let op = Linear { layout };
    let y = match bias {
        Some(bias) => noted::op3([&input, &w, &float(bias)?.contiguous()?], [graph::learns(&w), true, false], op)?,
        None => noted::op2([&input, &w], [graph::learns(&w), true], op)?,
    };
    Ok(y.to_dtype(x.dtype())?)
}

fn check(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, layout: Layout) -> Result<()> {
    let (out, inner) = sizes(w.dims(), layout)?;
    let last = x.dims().last().copied().unwrap_or(0);
    if x.rank() == 0 || last != inner || bias.is_some_and(|bias| bias.dims() != [out]) {
        bail!("linear: x {:?}, w {:?} ({layout:?}), bias {:?}", x.dims(), w.dims(), bias.map(Tensor::dims));
    }
    Ok(())
}

/// `(out, in)`.
fn sizes(w: &[usize], layout: Layout) -> Result<(usize, usize)> {
    match (w, layout) {
        (&[out, inner], Layout::OutIn) | (&[inner, out], Layout::InOut) => Ok((out, inner)),
        _ => bail!("linear: a weight has two dimensions, not {w:?}"),
    }
}

struct Linear {
    layout: Layout,
}

/// The weight as stored.
pub fn matrix<'a>(storage: &'a CpuStorage, layout: &Strides) -> Result<Matrix<'a>> {
    let (rows, columns) = layout.shape().dims2()?;
    let Some((from, to)) = layout.contiguous_offsets() else { bail!("linear needs a contiguous weight") };
    let values = match storage {
        CpuStorage::F32(values) => Values::F32(&values[from..to]),
        CpuStorage::F16(values) => Values::F16(&values[from..to]),
        CpuStorage::BF16(values) => Values::Bf16(&values[from..to]),
        _ => bail!("linear: weights are f32, f16 or bf16"),
    };
    Ok(Matrix { values, rows, columns, transposed: false })
}

/// Runs `f` on a dense weight on the CPU, read as stored.
pub fn with_matrix<R>(w: &Tensor, f: impl FnOnce(Matrix) -> Result<R>) -> Result<R> {
    let (stored, layout) = w.storage_and_layout();
    let Storage::Cpu(stored) = &*stored else { bail!("the weight is not on the CPU") };
    f(matrix(stored, layout)?)
}

impl Linear {
    /// The weight as `[in, out]`.
    fn forward_matrix<'a>(&self, w: Matrix<'a>) -> Matrix<'a> {
        if self.layout == Layout::OutIn { w.t() } else { w }
    }

    fn forward(&self, x: (&CpuStorage, &Strides), w: (&CpuStorage, &Strides), bias: Option<&[f32]>) -> Result<(CpuStorage, Shape)> {
        let w = self.forward_matrix(matrix(w.0, w.1)?);
        let values = storage::floats(x.0, x.1, "linear")?;
        let (y, shape) = apply(values, x.1.dims(), w, bias);
        Ok((CpuStorage::F32(y), Shape::from(shape)))
    }

    fn backward(&self, x: &Tensor, w: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let dx = if x.track_op() { Some(self.input_gradient(x, w, &grad)?) } else { None };
        let dw = if w.track_op() { Some(self.weight_gradient(x, w, &grad)?) } else { None };
        Ok((dx, dw))
    }

    fn input_gradient(&self, x: &Tensor, w: &Tensor, grad: &Tensor) -> Result<Tensor> {
        with_matrix(w, |w| {
            let w = self.forward_matrix(w).t();
            storage::with_floats(grad, |grad| input_gradient(grad, w, x.dims()))
        })
    }

    /// `[out, in]: g^T x`; `[in, out]: x^T g`.
    fn weight_gradient(&self, x: &Tensor, w: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (out, inner) = sizes(w.dims(), self.layout)?;
        storage::with_floats(x, |x| {
            storage::with_floats(grad, |grad| {
                let rows = x.len() / inner.max(1);
                let (x, g) = ((x, inner), (grad, out));
                let (left, right) = if self.layout == Layout::OutIn { (g, x) } else { (x, g) };
                let dw = Product::new(View::columns(left.0, left.1), Matrix::dense(right.0, rows, right.1)).made(left.1);
                storage::tensor(dw, w.dims())
            })
        })
    }
}

/// `x @ w + bias` with w read as `[in, out]`: the values and their shape.
pub fn apply(x: &[f32], dims: &[usize], w: Matrix, bias: Option<&[f32]>) -> (Vec<f32>, Vec<usize>) {
    let (inner, out) = w.shape();
    let rows = x.len() / inner.max(1);
    let y = if rows <= FEW_ROWS {
        let mut y = vec![0.0; rows * out];
        few_rows(&mut y, x, w, bias, rows);
        y
    } else {
        Product { bias, ..Product::new(View::rows(x, inner), w) }.made(rows)
    };
    let mut shape = dims.to_vec();
    if let Some(last) = shape.last_mut() {
        *last = out;
    }
    (y, shape)
}

/// `grad @ w` with w read as `[out, in]`.
pub fn input_gradient(grad: &[f32], w: Matrix, dims: &[usize]) -> Result<Tensor> {
    let out = w.shape().0;
    let rows = grad.len() / out.max(1);
    storage::tensor(Product::new(View::rows(grad, out), w).made(rows), dims)
}

/// The sum over rows, each column's in row order.
pub fn column_sums(grad: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0; columns];
    let block = 256;
    storage::over_blocks(&mut sums, block, |first, sums| {
        for row in grad.chunks_exact(columns) {
            for (sum, g) in sums.iter_mut().zip(&row[first..]) {
                *sum += g;
            }
        }
    });
    sums
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Strides, w: &CpuStorage, lw: &Strides) -> Result<(CpuStorage, Shape)> {
        self.forward((x, lx), (w, lw), None)
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.backward(x, w, grad)
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Strides,
        w: &CpuStorage,
        lw: &Strides,
        b: &CpuStorage,
        lb: &Strides,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((x, lx), (w, lw), Some(storage::floats(b, lb, "linear")?))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = self.backward(x, w, grad)?;
        let db = if b.track_op() {
            Some(storage::with_floats(grad, |grad| storage::tensor(column_sums(grad, b.elem_count()), b.dims()))?)
        } else {
            None
        };
        Ok((dx, dw, db))
    }
}
