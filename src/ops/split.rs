//! The last dimension cut into parts: what one matrix computes for several.

use candle_core::{DType, Result, Tensor};

use super::{noted, storage};

/// `x [.., sum of widths]` -> a tensor `[.., width]` for each width; gradients to x.
///
/// # Errors
/// Widths that do not add up.
pub fn split<const N: usize>(x: &Tensor, widths: [usize; N]) -> crate::Result<[Tensor; N]> {
    let last = x.rank().saturating_sub(1);
    let begins = |i: usize| widths[..i].iter().sum::<usize>();
    let mut parts = Vec::with_capacity(N);
    if x.device().is_cpu() && x.dtype() == DType::F32 && x.dims().last() == Some(&begins(N)) {
        parts = noted::cut(&x.contiguous()?, &widths)?;
    } else {
        for (i, width) in widths.iter().enumerate() {
            parts.push(x.narrow(last, begins(i), *width)?);
        }
    }
    let cause = || crate::Error::Internal { doing: "split".to_owned(), cause: format!("{:?} into {widths:?}", x.dims()) };
    parts.try_into().map_err(|_| cause())
}

/// Columns `from..from + width` of rows of `total` numbers.
pub fn columns(x: &[f32], total: usize, from: usize, width: usize) -> Vec<f32> {
    let rows = x.len() / total.max(1);
    storage::made_rows(rows * width, width, |first, out| {
        for (out, x) in out.chunks_exact_mut(width).zip(x[first * total..].chunks_exact(total)) {
            out.copy_from_slice(&x[from..from + width]);
        }
    })
}

/// The gradient of the whole, of those of its parts; zero where none came.
pub fn joined(parts: &[Option<Tensor>], widths: &[usize], shape: &[usize]) -> Result<Tensor> {
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
