//! The right-hand matrix of a product: f32, half or packed, read as stored or transposed, widened block by block.

use candle_core::quantized::GgmlDType;
use half::{bf16, f16};

use super::{blocks, coded};
use crate::quant::{Int8, Nf4};

/// Values as they lie in memory, row-major.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    Bf16(&'a [bf16]),
    /// Blocks along the rows.
    Packed(&'a [u8], GgmlDType),
    Nf4(&'a Nf4),
    Int8(&'a Int8),
}

/// A `[rows, columns]` matrix in memory; `transposed` says that the product reads it as `[columns, rows]`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub values: Values<'a>,
    pub rows: usize,
    pub columns: usize,
    pub transposed: bool,
}

/// A block of a matrix as f32, with the strides of the matrix as it is read.
pub struct Block {
    pub pointer: *const f32,
    pub row_stride: isize,
    pub column_stride: isize,
}

impl<'a> Matrix<'a> {
    pub fn dense(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { values: Values::F32(values), rows, columns, transposed: false }
    }

    pub fn t(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    /// `[k, n]` as the product sees it.
    pub fn shape(&self) -> (usize, usize) {
        if self.transposed { (self.columns, self.rows) } else { (self.rows, self.columns) }
    }

    pub fn is_f32(&self) -> bool {
        matches!(self.values, Values::F32(_))
    }

    /// Rows `k0..k0+k` and columns `n0..n0+n` of the matrix as read. Anything but f32 is widened into `scratch`.
    pub fn block(&self, (k0, k): (usize, usize), (n0, n): (usize, usize), scratch: &mut Vec<f32>) -> Block {
        let (row, rows, column, columns) = if self.transposed { (n0, n, k0, k) } else { (k0, k, n0, n) };
        let (pointer, stride) = match self.values {
            Values::F32(values) => (values[row * self.columns + column..].as_ptr(), self.columns),
            _ => {
                self.widen(row, rows, column, columns, scratch);
                (scratch.as_ptr(), columns)
            }
        };
        let stride = stride as isize;
        let (row_stride, column_stride) = if self.transposed { (1, stride) } else { (stride, 1) };
        Block { pointer, row_stride, column_stride }
    }

    /// Stored rows and columns as f32, row-major, into `out`.
    pub fn widen(&self, row: usize, rows: usize, column: usize, columns: usize, out: &mut Vec<f32>) {
        out.resize(rows * columns, 0.0);
        for (i, out) in out.chunks_exact_mut(columns.max(1)).enumerate() {
            let start = (row + i) * self.columns + column;
            match self.values {
                Values::F32(values) => out.copy_from_slice(&values[start..start + columns]),
                Values::F16(values) => blocks::widen_f16(&values[start..start + columns], out),
                Values::Bf16(values) => blocks::widen_bf16(&values[start..start + columns], out),
                Values::Packed(bytes, format) => blocks::dequantise(bytes, format, start, out),
                Values::Nf4(nf4) => coded::widen_nf4(nf4, start, out),
                Values::Int8(int8) => coded::widen_int8(int8, start, out),
            }
        }
    }
}
