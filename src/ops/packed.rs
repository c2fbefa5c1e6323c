//! The linear layer over ggml q-blocks: frozen weights, own kernels on the CPU.

use std::sync::Arc;

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{CpuStorage, CustomOp1, DType, Layout as Strides, Module, Result, Shape, Tensor, bail};

use super::matrix::{Matrix, Values};
use super::{Layout, blocks, float, linear, plain, storage};

/// `y[.., out] = x[.., in] @ w^T + bias[out]` for w packed as `[out, in]`; the gradient goes to x (and to a tracked bias).
///
/// Formats without a kernel here, and other devices, use candle's quantised product, or widen w where x needs a gradient.
///
/// # Errors
/// Shapes that do not fit.
pub fn packed_linear(x: &Tensor, w: &Arc<QTensor>, bias: Option<&Tensor>) -> crate::Result<Tensor> {
    let (out, inner) = w.shape().dims2()?;
    let last = x.dims().last().copied().unwrap_or(0);
    if x.rank() == 0 || last != inner || bias.is_some_and(|bias| bias.dims() != [out]) {
        return Err(shape_error(x, w, bias));
    }
    if x.device().is_cpu() && w.device().is_cpu() && blocks::block(w.dtype()).is_some() {
        let y = float(x)?.contiguous()?.apply_op1(PackedLinear { w: w.clone() })?;
        let y = bias.map_or(Ok(y.clone()), |bias| y.broadcast_add(&float(bias)?))?;
        return Ok(y.to_dtype(x.dtype())?);
    }
    if x.track_op() {
        let w = w.dequantize(x.device())?;
        return Ok(plain::linear(x, &w, bias, Layout::OutIn)?);
    }
    let y = QMatMul::from_arc(w.clone())?.forward(&float(x)?.contiguous()?)?.to_dtype(x.dtype())?;
    Ok(bias.map_or(Ok(y.clone()), |bias| y.broadcast_add(&bias.to_dtype(x.dtype())?))?)
}

fn shape_error(x: &Tensor, w: &QTensor, bias: Option<&Tensor>) -> crate::Error {
    let cause = format!("x {:?}, w {:?}, bias {:?}", x.dims(), w.shape().dims(), bias.map(Tensor::dims));
    crate::Error::Internal { doing: "packed linear".to_owned(), cause }
}

struct PackedLinear {
    w: Arc<QTensor>,
}

/// Runs `f` on the packed weight read as stored, `[out, in]`.
pub fn with_matrix<R>(w: &QTensor, f: impl FnOnce(Matrix) -> Result<R>) -> Result<R> {
    let (rows, columns) = w.shape().dims2()?;
    let bytes = w.data()?;
    let Some((size, width)) = blocks::block(w.dtype()) else { bail!("no kernel for {:?}", w.dtype()) };
    if columns % size != 0 || bytes.len() < rows * columns / size * width {
        bail!("{} bytes are not {rows} x {columns} values of {:?}", bytes.len(), w.dtype());
    }
    f(Matrix { values: Values::Packed(&bytes, w.dtype()), rows, columns, transposed: false })
}

impl CustomOp1 for PackedLinear {
    fn name(&self) -> &'static str {
        "packed linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Strides) -> Result<(CpuStorage, Shape)> {
        let values = storage::floats(x, layout, "packed linear")?;
        with_matrix(&self.w, |w| {
            let (y, shape) = linear::apply(values, layout.dims(), w.t(), None);
            Ok((CpuStorage::F32(y), Shape::from(shape)))
        })
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        debug_assert_eq!(x.dtype(), DType::F32);
        with_matrix(&self.w, |w| storage::with_floats(grad, |grad| linear::input_gradient(grad, w, x.dims()))).map(Some)
    }
}
