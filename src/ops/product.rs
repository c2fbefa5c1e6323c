//! Matrix products: fixed tiles, each one single-threaded gemm, shared out to threads.
//!
//! The tiles depend on the shapes alone and the sum over `k` is never split between threads: same bits for any number of threads.

use rayon::prelude::*;

use super::matrix::Matrix;
use super::storage::{self, Shared};

const TILE_ROWS: usize = 512;
const TILE_COLUMNS: usize = 384;
/// Depth of one block when the right-hand side has to be widened first.
const WIDEN: usize = 512;

/// A read-only f32 matrix with any strides.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub values: &'a [f32],
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<'a> View<'a> {
    /// Row-major with `columns` columns.
    pub fn rows(values: &'a [f32], columns: usize) -> Self {
        Self { values, row_stride: columns, column_stride: 1 }
    }

    /// The transpose of a row-major matrix with `columns` columns.
    pub fn columns(values: &'a [f32], columns: usize) -> Self {
        Self { values, row_stride: 1, column_stride: columns }
    }
}

/// `out[m, n] = scale * a[m, k] @ b[k, n] (+ bias[n])`, or `+= ` when `add` is set (then `bias` is not used).
#[derive(Clone, Copy)]
pub struct Product<'a> {
    pub a: View<'a>,
    pub b: Matrix<'a>,
    pub bias: Option<&'a [f32]>,
    pub scale: f32,
    pub add: bool,
}

impl<'a> Product<'a> {
    pub fn new(a: View<'a>, b: Matrix<'a>) -> Self {
        Self { a, b, bias: None, scale: 1.0, add: false }
    }

    /// A product of its own: nothing is added to.
    pub fn made(&self, m: usize) -> Vec<f32> {
        // SAFETY: without `add` the tiles write all of the output.
        let mut out = unsafe { storage::unwritten(m * self.b.shape().1) };
        Self { add: false, ..*self }.run(&mut out, m);
        out
    }

    pub fn run(&self, out: &mut [f32], m: usize) {
        let (k, n) = self.b.shape();
        if m == 0 || n == 0 {
            return;
        }
        debug_assert_eq!(out.len(), m * n);
        let shared = Shared::new(out);
        let (tile_rows, tile_columns) = tile_sizes(m, n);
        let (down, across) = (m.div_ceil(tile_rows), n.div_ceil(tile_columns));
        let tile = |i: usize, scratch: &mut Vec<f32>| {
            let (row, column) = (i % down * tile_rows, i / down * tile_columns);
            let tile = Tile { row, rows: tile_rows.min(m - row), column, columns: tile_columns.min(n - column), k, n };
            self.tile(tile, shared, scratch);
        };
        if down * across == 1 {
            return tile(0, &mut Vec::new());
        }
        (0..down * across).into_par_iter().with_max_len(1).for_each_init(Vec::new, |scratch, i| tile(i, scratch));
    }

    fn tile(&self, tile: Tile, out: Shared, scratch: &mut Vec<f32>) {
        let mut add = self.add;
        if let (Some(bias), false) = (self.bias, add) {
            for row in tile.row..tile.row + tile.rows {
                // SAFETY: this tile alone writes these columns of these rows.
                let out = unsafe { out.slice(row * tile.n + tile.column, tile.columns) };
                out.copy_from_slice(&bias[tile.column..tile.column + tile.columns]);
            }
            add = true;
        }
        if tile.k == 0 && !add {
            for row in tile.row..tile.row + tile.rows {
                // SAFETY: as above.
                unsafe { out.slice(row * tile.n + tile.column, tile.columns) }.fill(0.0);
            }
        }
        let depth = if self.b.is_f32() { tile.k.max(1) } else { WIDEN };
        for k0 in (0..tile.k).step_by(depth) {
            let k = depth.min(tile.k - k0);
            let b = self.b.block((k0, k), (tile.column, tile.columns), scratch);
            let a = &self.a.values[tile.row * self.a.row_stride + k0 * self.a.column_stride..];
            // SAFETY: `a`, `b` and this tile of `out` are inside their slices by the shapes above; no other tile overlaps this one.
            unsafe {
                gemm::gemm(
                    tile.rows,
                    tile.columns,
                    k,
                    out.at(tile.row * tile.n + tile.column),
                    1,
                    tile.n as isize,
                    add,
                    a.as_ptr(),
                    self.a.column_stride as isize,
                    self.a.row_stride as isize,
                    b.pointer,
                    b.column_stride,
                    b.row_stride,
                    1.0_f32,
                    self.scale,
                    false,
                    false,
                    false,
                    gemm::Parallelism::None,
                );
            }
            add = true;
        }
    }
}

struct Tile {
    row: usize,
    rows: usize,
    column: usize,
    columns: usize,
    k: usize,
    n: usize,
}

/// Tiles large enough to keep gemm's packing cheap, and an even number of them: two threads are the common case.
fn tile_sizes(m: usize, n: usize) -> (usize, usize) {
    if n < 64 {
        return (m.div_ceil(4).max(64), n);
    }
    let columns = if n < TILE_COLUMNS * 2 { n.div_ceil(2).next_multiple_of(16) } else { TILE_COLUMNS };
    let rows = m.min(TILE_ROWS);
    let tiles = m.div_ceil(rows) * n.div_ceil(columns);
    if tiles % 2 == 1 && tiles < 16 && m >= 128 { (rows.div_ceil(2), columns) } else { (rows, columns) }
}

/// `out[m, n] = a[m, k] @ b[k, n]`, single-threaded, any strides; `add` adds to `out`. For use inside parallel work.
pub fn small(out: &mut [f32], out_stride: usize, (m, n, k): (usize, usize, usize), a: View, b: View, scale: f32, add: bool) {
    if m == 0 || n == 0 {
        return;
    }
    let last = |rows: usize, columns: usize, view: &View| (rows - 1) * view.row_stride + (columns - 1) * view.column_stride;
    assert!((m - 1) * out_stride + n <= out.len());
    assert!(k > 0 && last(m, k, &a) < a.values.len() && last(k, n, &b) < b.values.len());
    // SAFETY: the extents were checked against the slices just above.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            add,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0_f32,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
