//! Rows of a table by their ids, as f32.

use candle_core::quantized::QTensor;
use candle_core::{DType, Tensor};

use super::float;

/// `[.., C]` in f32: row `ids[..]` of `w [V, C]`; the gradient goes to w only where it is tracked. ids are u32.
///
/// # Errors
/// An id outside the table.
pub fn embedding(w: &Tensor, ids: &Tensor) -> crate::Result<Tensor> {
    let mut shape = ids.dims().to_vec();
    shape.push(w.dim(1)?);
    let rows = w.index_select(&ids.flatten_all()?.to_dtype(DType::U32)?, 0)?;
    Ok(float(&rows)?.reshape(shape)?)
}

/// The same from a packed table; no gradient.
///
/// # Errors
/// An id outside the table.
pub fn packed_embedding(w: &QTensor, ids: &Tensor) -> crate::Result<Tensor> {
    let mut shape = ids.dims().to_vec();
    shape.push(w.shape().dims2()?.1);
    Ok(float(&w.embedding(&ids.flatten_all()?.to_dtype(DType::U32)?)?)?.reshape(shape)?)
}
