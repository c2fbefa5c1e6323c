//! The last dimension cut into parts: what one matrix computes for several.

use candle_core::{CpuStorage, DType, Result, Shape, Tensor};

use super::{graph, noted, storage};

/// `x [.., sum of widths]` -> a tensor `[.., width]` for each width; gradients to x.
///
/// # Errors
/// Widths that do not add up.
pub fn split<const N: usize>(x: &Tensor, widths: [usize; N]) -> crate::Result<[Tensor; N]> {
    let (total, dims) = (widths.iter().sum::<usize>(), x.dims());
    if dims.last() != Some(&total) {
        let cause = format!("{dims:?} into {widths:?}");
        return Err(crate::Error::Internal { doing: "split".to_owned(), cause });
    }
    let x = if x.dtype() == DType::F32 { x.contiguous()? } else { x.clone() };
    let mut from = 0;
    let mut parts = Vec::with_capacity(N);
    for width in widths {
        parts.push(part(&x, from, width)?);
        from += width;
    }
    if parts.iter().all(Tensor::is_variable) {
        let shape = dims.to_vec();
        let back = move |_: &[Tensor], came: Vec<Option<Tensor>>| Ok(vec![Some(joined(&came, &widths, &shape)?)]);
        graph::note(&parts.iter().collect::<Vec<_>>(), &[&x], Vec::new(), Box::new(back));
    }
    parts.try_into().map_err(|_| crate::Error::Internal { doing: "split".to_owned(), cause: "parts were lost".to_owned() })
}

/// Columns `from..from + width` of x, as a leaf where a graph listens.
fn part(x: &Tensor, from: usize, width: usize) -> Result<Tensor> {
    let last = x.rank() - 1;
    let leaf = noted::leaf([x], |[(stored, layout)]| {
        let (mut shape, values) = (layout.dims().to_vec(), storage::floats(stored, layout, "split")?);
        let total = std::mem::replace(&mut shape[last], width);
        Ok((CpuStorage::F32(columns(values, total, from, width)), Shape::from(shape)))
    });
    leaf?.map_or_else(|| x.narrow(last, from, width), Ok)
}

/// Columns `from..from + width` of rows of `total` numbers.
fn columns(x: &[f32], total: usize, from: usize, width: usize) -> Vec<f32> {
    let rows = x.len() / total.max(1);
    storage::made_rows(rows * width, width, |first, out| {
        for (out, x) in out.chunks_exact_mut(width).zip(x[first * total..].chunks_exact(total)) {
            out.copy_from_slice(&x[from..from + width]);
        }
    })
}

/// The gradient of the whole, of those of its parts; zero where none came.
fn joined(parts: &[Option<Tensor>], widths: &[usize], shape: &[usize]) -> Result<Tensor> {
    let total: usize = widths.iter().sum();
    let mut whole = vec![0.0; shape.iter().product()];
    let mut from = 0;
    for (part, width) in parts.iter().zip(widths) {
        if let Some(part) = part {
            storage::with_floats(part, |part| {
                storage::over_rows(&mut whole, total, |first, rows| {
                    for (row, part) in rows.chunks_exact_mut(total).zip(part[first * width..].chunks_exact(*width)) {
                        row[from..from + width].copy_from_slice(part);
                    }
                });
                Ok(())
            })?;
        }
        from += width;
    }
    storage::tensor(whole, shape)
}
