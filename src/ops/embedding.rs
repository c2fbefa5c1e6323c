//! Rows of a table by their ids, as f32.

use candle_core::{DType, Tensor};

use super::{float, packed, storage};
use crate::quant::Packed;

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
pub fn packed_embedding(w: &Packed, ids: &Tensor) -> crate::Result<Tensor> {
    let (rows, width) = w.dims();
    let mut shape = ids.dims().to_vec();
    shape.push(width);
    let ids = ids.flatten_all()?.to_dtype(DType::U32)?;
    if let Packed::Blocks(blocks) = w {
        return Ok(float(&blocks.embedding(&ids)?)?.reshape(shape)?);
    }
    let (wanted, device) = (ids.to_vec1::<u32>()?, ids.device());
    if let Some(id) = wanted.iter().find(|id| **id as usize >= rows) {
        return Err(crate::Error::NoToken { id: *id, vocabulary: rows });
    }
    let (mut out, mut row) = (Vec::with_capacity(wanted.len() * width), Vec::new());
    packed::with_matrix(w, |w| {
        for id in &wanted {
            w.widen(*id as usize, 1, 0, width, &mut row);
            out.extend_from_slice(&row);
        }
        Ok(())
    })?;
    Ok(storage::tensor(out, &shape)?.to_device(device)?)
}
