//! Each output of a layer times a gain of its own, and the squares of a weight's rows: what DoRA needs. https://arxiv.org/abs/2402.09353

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, CustomOp3, D, DType, Layout as Strides, Result, Shape, Tensor};

use super::matrix::Matrix;
use super::{Layout, float, linear, noted, packed, plain, reduce, storage};
use crate::quant::Packed;

/// `y[.., out] = x[.., out] * gain[out] + bias[out]`; gradients to x and gain, and to a tracked bias.
///
/// # Errors
/// Shapes that do not fit.
pub fn scale_columns(x: &Tensor, gain: &Tensor, bias: Option<&Tensor>) -> crate::Result<Tensor> {
    if !x.device().is_cpu() {
        return Ok(plain::scale_columns(x, gain, bias)?);
    }
    let (wide, gain) = (float(x)?.contiguous()?, float(gain)?.contiguous()?);
    let y = match bias {
        Some(bias) => noted::op3([&wide, &gain, &float(bias)?.contiguous()?], [gain.track_op(), true, false], ScaleColumns)?,
        None => noted::op2([&wide, &gain], [gain.track_op(), true], ScaleColumns)?,
    };
    Ok(y.to_dtype(x.dtype())?)
}

struct ScaleColumns;

fn scaled(x: &CpuStorage, lx: &Strides, gain: &CpuStorage, lg: &Strides, bias: Option<&[f32]>) -> Result<(CpuStorage, Shape)> {
    let gain = storage::floats(gain, lg, "scale columns")?;
    if lx.dims().last() != Some(&gain.len()) || bias.is_some_and(|bias| bias.len() != gain.len()) {
        candle_core::bail!("scale columns: x {:?}, gain {:?}", lx.dims(), lg.dims());
    }
    let x = storage::floats(x, lx, "scale columns")?;
    let y = storage::made_rows(x.len(), gain.len(), |first, rows| {
        for (row, x) in rows.chunks_exact_mut(gain.len()).zip(x[first * gain.len()..].chunks_exact(gain.len())) {
            let scaled = row.iter_mut().zip(x).zip(gain);
            match bias {
                Some(bias) => scaled.zip(bias).for_each(|(((y, x), g), b)| *y = x * g + b),
                None => scaled.for_each(|((y, x), g)| *y = x * g),
            }
        }
    });
    Ok((CpuStorage::F32(y), lx.shape().clone()))
}

/// `dx = g * gain`, `dgain = sum over rows of g * x`, each column's in row order.
fn gradients(x: &Tensor, gain: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let grad = grad.contiguous()?;
    let dx = if x.track_op() { Some(grad.apply_op2_no_bwd(&gain.contiguous()?, &ScaleColumns)?) } else { None };
    if !gain.track_op() {
        return Ok((dx, None));
    }
    let width = gain.elem_count();
    let dgain = storage::with_floats(x, |x| {
        storage::with_floats(&grad, |grad| {
            let mut sums = vec![0.0; width];
            storage::over_blocks(&mut sums, 256, |first, sums| {
                for (x, g) in x.chunks_exact(width).zip(grad.chunks_exact(width)) {
                    sums.iter_mut().zip(x[first..].iter().zip(&g[first..])).for_each(|(sum, (x, g))| *sum += x * g);
                }
            });
            storage::tensor(sums, gain.dims())
        })
    })?;
    Ok((dx, Some(dgain)))
}

impl CustomOp2 for ScaleColumns {
    fn name(&self) -> &'static str {
        "scale columns"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Strides, gain: &CpuStorage, lg: &Strides) -> Result<(CpuStorage, Shape)> {
        scaled(x, lx, gain, lg, None)
    }

    fn bwd(&self, x: &Tensor, gain: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        gradients(x, gain, grad)
    }
}

impl CustomOp3 for ScaleColumns {
    fn name(&self) -> &'static str {
        "scale columns"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Strides,
        gain: &CpuStorage,
        lg: &Strides,
        bias: &CpuStorage,
        lb: &Strides,
    ) -> Result<(CpuStorage, Shape)> {
        scaled(x, lx, gain, lg, Some(storage::floats(bias, lb, "scale columns")?))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gain: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dx, dgain) = gradients(x, gain, grad)?;
        let db = || storage::with_floats(grad, |grad| storage::tensor(linear::column_sums(grad, bias.elem_count()), bias.dims()));
        Ok((dx, dgain, bias.track_op().then(db).transpose()?))
    }
}

/// The sum of squares of what goes into each output of a frozen dense weight: `[out]`, f32.
///
/// # Errors
/// A weight without two dimensions.
pub fn row_squares(w: &Tensor, layout: Layout) -> crate::Result<Tensor> {
    if !w.device().is_cpu() || !matches!(w.dtype(), DType::F32 | DType::F16 | DType::BF16) {
        let squares = w.to_dtype(DType::F32)?.sqr()?;
        return Ok(if layout == Layout::OutIn { squares.sum(D::Minus1)? } else { squares.sum(0)? });
    }
    Ok(linear::with_matrix(&w.contiguous()?, |w| {
        let squares = if layout == Layout::OutIn { by_row(w) } else { by_column(w) };
        let count = squares.len();
        storage::tensor(squares, &[count])
    })?)
}

/// The same of packed rows `[out, in]`.
///
/// # Errors
/// Only what candle reports.
pub fn packed_row_squares(w: &Arc<Packed>) -> crate::Result<Tensor> {
    if !packed::readable(w) {
        return row_squares(&w.dequantize(&w.device())?, Layout::OutIn);
    }
    Ok(packed::with_matrix(w, |w| storage::tensor(by_row(w), &[w.rows]))?)
}

/// The sum of squares of each column of packed rows `[out, in]`: `[in]`, f32.
///
/// # Errors
/// Only what candle reports.
pub fn packed_column_squares(w: &Arc<Packed>) -> crate::Result<Tensor> {
    if !packed::readable(w) {
        return row_squares(&w.dequantize(&w.device())?, Layout::InOut);
    }
    Ok(packed::with_matrix(w, |w| storage::tensor(by_column(w), &[w.columns]))?)
}

/// Packed rows mixed by a frozen `a [r, out]`: `a @ w`, `[r, in]`, f32.
///
/// # Errors
/// Shapes that do not fit.
pub fn packed_rows_mixed(a: &Tensor, w: &Arc<Packed>) -> crate::Result<Tensor> {
    if !packed::readable(w) || !a.device().is_cpu() {
        return Ok(float(&a.detach())?.matmul(&w.dequantize(a.device())?)?);
    }
    let (r, columns) = (a.dim(0)?, w.dims().1);
    let a = float(&a.detach())?.contiguous()?;
    Ok(packed::with_matrix(w, |w| storage::with_floats(&a, |a| linear::input_gradient(a, w, &[r, columns])))?)
}

fn by_row(w: Matrix) -> Vec<f32> {
    let mut squares = vec![0.0; w.rows];
    storage::over_blocks(&mut squares, 64, |first, squares| {
        let mut row = Vec::new();
        for (i, square) in squares.iter_mut().enumerate() {
            w.widen(first + i, 1, 0, w.columns, &mut row);
            *square = reduce::squares(&row, 0.0);
        }
    });
    squares
}

fn by_column(w: Matrix) -> Vec<f32> {
    let mut squares = vec![0.0; w.columns];
    storage::over_blocks(&mut squares, 256, |first, squares| {
        let mut sums = vec![0.0_f64; squares.len()];
        let mut row = Vec::new();
        for i in 0..w.rows {
            w.widen(i, 1, first, squares.len(), &mut row);
            sums.iter_mut().zip(&row).for_each(|(sum, x)| *sum += f64::from(*x) * f64::from(*x));
        }
        squares.iter_mut().zip(sums).for_each(|(square, sum)| *square = sum as f32);
    });
    squares
}
