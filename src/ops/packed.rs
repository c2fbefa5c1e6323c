//! The linear layer over packed weights: frozen, own kernels on the CPU.

use std::sync::Arc;

use candle_core::quantized::QMatMul;
use candle_core::{CpuStorage, CustomOp1, DType, Layout as Strides, Module, Result, Shape, Tensor, bail};

use super::matrix::{Matrix, Values};
use super::{Layout, blocks, float, linear, noted, plain, storage};
use crate::quant::Packed;

/// `y[.., out] = x[.., in] @ w^T + bias[out]` for w packed as `[out, in]`; the gradient goes to x (and to a tracked bias).
///
/// Formats without a kernel here, and other devices, use candle's quantised product, or widen w where x needs a gradient.
///
/// # Errors
/// Shapes that do not fit.
pub fn packed_linear(x: &Tensor, w: &Arc<Packed>, bias: Option<&Tensor>) -> crate::Result<Tensor> {
    let (out, inner) = w.dims();
    let last = x.dims().last().copied().unwrap_or(0);
    if x.rank() == 0 || last != inner || bias.is_some_and(|bias| bias.dims() != [out]) {
        return Err(shape_error(x, w, bias));
    }
    if x.device().is_cpu() && readable(w) {
        let learned = bias.filter(|bias| bias.track_op());
        let fixed = bias.filter(|bias| !bias.track_op()).map(|bias| float(bias)?.contiguous()).transpose()?;
        let y = noted::op1(&float(x)?.contiguous()?, false, PackedLinear { w: w.clone(), bias: fixed })?;
        let y = learned.map_or(Ok(y.clone()), |bias| y.broadcast_add(&float(bias)?))?;
        return Ok(y.to_dtype(x.dtype())?);
    }
    let multiplier = if x.track_op() { None } else { multiplier(w)? };
    let Some(multiplier) = multiplier else {
        let w = w.dequantize(x.device())?;
        return Ok(plain::linear(x, &w, bias, Layout::OutIn)?);
    };
    let y = multiplier.forward(&float(x)?.contiguous()?)?.to_dtype(x.dtype())?;
    Ok(bias.map_or(Ok(y.clone()), |bias| y.broadcast_add(&bias.to_dtype(x.dtype())?))?)
}

/// Candle's own product, for formats and devices of its own.
fn multiplier(w: &Packed) -> Result<Option<QMatMul>> {
    match w {
        Packed::Blocks(blocks) => Ok(Some(QMatMul::from_arc(blocks.clone())?)),
        Packed::Nf4(_) | Packed::Int8(_) => Ok(None),
    }
}

fn shape_error(x: &Tensor, w: &Packed, bias: Option<&Tensor>) -> crate::Error {
    let cause = format!("x {:?}, w {:?}, bias {:?}", x.dims(), w.dims(), bias.map(Tensor::dims));
    crate::Error::Internal { doing: "packed linear".to_owned(), cause }
}

struct PackedLinear {
    w: Arc<Packed>,
    /// f32, not learned.
    bias: Option<Tensor>,
}

/// Runs `f` on the packed weight read as stored, `[out, in]`.
pub fn with_matrix<R>(w: &Packed, f: impl FnOnce(Matrix) -> Result<R>) -> Result<R> {
    let (rows, columns) = w.dims();
    let matrix = |values| Matrix { values, rows, columns, transposed: false };
    let blocks = match w {
        Packed::Nf4(nf4) => return f(matrix(Values::Nf4(nf4))),
        Packed::Int8(int8) => return f(matrix(Values::Int8(int8))),
        Packed::Blocks(blocks) => blocks,
    };
    let (bytes, format) = (blocks.data()?, blocks.dtype());
    let Some((size, width)) = blocks::block(format) else { bail!("no kernel for {format:?}") };
    if columns % size != 0 || bytes.len() < rows * columns / size * width {
        bail!("{} bytes are not {rows} x {columns} values of {format:?}", bytes.len());
    }
    f(matrix(Values::Packed(&bytes, format)))
}

/// Whether there are kernels here for it.
pub fn readable(w: &Packed) -> bool {
    match w {
        Packed::Blocks(blocks) => blocks.device().is_cpu() && blocks::block(blocks.dtype()).is_some(),
        Packed::Nf4(_) | Packed::Int8(_) => true,
    }
}

impl CustomOp1 for PackedLinear {
    fn name(&self) -> &'static str {
        "packed linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Strides) -> Result<(CpuStorage, Shape)> {
        let values = storage::floats(x, layout, "packed linear")?;
        with_matrix(&self.w, |w| {
            let apply = |bias: Option<&[f32]>| Ok(linear::apply(values, layout.dims(), w.t(), bias));
            let (y, shape) = self.bias.as_ref().map_or_else(|| apply(None), |bias| storage::with_floats(bias, |bias| apply(Some(bias))))?;
            Ok((CpuStorage::F32(y), Shape::from(shape)))
        })
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        debug_assert_eq!(x.dtype(), DType::F32);
        with_matrix(&self.w, |w| storage::with_floats(grad, |grad| linear::input_gradient(grad, w, x.dims()))).map(Some)
    }
}
