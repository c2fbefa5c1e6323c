//! Rows of a table by their ids, as f32.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};

use super::{float, noted, packed, storage};
use crate::quant::Packed;

/// `[.., C]` in f32: row `ids[..]` of `w [V, C]`; the gradient goes to w only where it is tracked. ids are u32.
///
/// # Errors
/// An id outside the table.
pub fn embedding(w: &Tensor, ids: &Tensor) -> crate::Result<Tensor> {
    let mut shape = ids.dims().to_vec();
    shape.push(w.dim(1)?);
    let ids = ids.flatten_all()?.to_dtype(DType::U32)?;
    let taken = if w.track_op() && w.device().is_cpu() && w.dtype() == DType::F32 {
        rows(w, &ids.to_vec1()?)?
    } else {
        float(&w.index_select(&ids, 0)?)?
    };
    Ok(noted::reshape(&taken, shape)?)
}

/// Rows `ids` of `x [N, C]`, f32: `[ids, C]`; the gradient of a row is the sum over where it was taken to.
///
/// # Errors
/// A row that is not there.
pub fn rows(x: &Tensor, ids: &[u32]) -> crate::Result<Tensor> {
    let (n, _) = x.dims2()?;
    if let Some(id) = ids.iter().find(|id| **id as usize >= n) {
        return Err(crate::Error::NoToken { id: *id, vocabulary: n });
    }
    if !x.device().is_cpu() || x.dtype() != DType::F32 {
        return Ok(x.index_select(&Tensor::new(ids, x.device())?, 0)?);
    }
    Ok(noted::op1(&x.contiguous()?, false, Rows { ids: ids.into() })?)
}

struct Rows {
    ids: Box<[u32]>,
}

impl CustomOp1 for Rows {
    fn name(&self) -> &'static str {
        "rows"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, (_, width)) = (storage::floats(x, layout, "rows")?, layout.shape().dims2()?);
        let out = storage::made_rows(self.ids.len() * width, width, |first, out| {
            for (out, id) in out.chunks_exact_mut(width).zip(&self.ids[first..]) {
                out.copy_from_slice(&x[*id as usize * width..][..width]);
            }
        });
        Ok((CpuStorage::F32(out), Shape::from((self.ids.len(), width))))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let width = x.dim(1)?;
        storage::with_floats(grad, |g| {
            let mut dx = vec![0.0; x.elem_count()];
            for (g, id) in g.chunks_exact(width).zip(&self.ids) {
                dx[*id as usize * width..][..width].iter_mut().zip(g).for_each(|(dx, g)| *dx += g);
            }
            storage::tensor(dx, x.dims()).map(Some)
        })
    }
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
