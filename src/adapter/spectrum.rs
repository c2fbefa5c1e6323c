//! Singular values of what an adapter adds: `scale * B A` has r of them that are not zero, whatever the size of the layer.

use candle_core::{Device, Tensor};

use super::Adapter;
use crate::Result;
use crate::nn::LowRank;

/// One layer's singular values, the largest first, r of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    pub path: String,
    pub values: Vec<f64>,
    /// DoRA: the rows are brought to other lengths as well; these are the values of the low-rank part.
    pub scaled: bool,
}

/// The spectra of all layers beside which low-rank matrices stand; none for other kinds of adapter.
///
/// `B = Q R`, `A^T = P S`, so `B A` has the singular values of the small `R S^T` (r, r): no `(out, in)` matrix is made.
///
/// # Errors
/// Only what candle reports.
pub fn spectrum(adapter: &Adapter) -> Result<Vec<Spectrum>> {
    let of = |(path, low): (&String, &LowRank)| {
        Ok(Spectrum { path: path.clone(), values: singular_values(&low.a, &low.b, low.scale)?, scaled: low.dora.is_some() })
    };
    // The table comes first, the head last; blocks have numbers.
    let place = |(path, low): &(&String, &LowRank)| match path.split('.').any(|part| part.parse::<usize>().is_ok()) {
        _ if low.table => 0,
        true => 1,
        false => 2,
    };
    let mut layers: Vec<_> = adapter.deltas().layers.iter().collect();
    layers.sort_by_key(place);
    layers.into_iter().map(of).collect()
}

/// Of `scale * b @ a`, a `[r, in]`, b `[out, r]`: `[r]`, the largest first.
fn singular_values(a: &Tensor, b: &Tensor, scale: f64) -> Result<Vec<f64>> {
    let columns = |t: &Tensor| -> Result<Vec<Vec<f64>>> {
        let rows: Vec<Vec<f32>> = t.detach().to_device(&Device::Cpu)?.to_vec2()?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect())
    };
    let (right, left) = (triangle(columns(a)?), triangle(columns(&b.t()?.contiguous()?)?));
    let r = left.len();
    // Column j of (left right^T): sum over k of left's column k times right's (j, k).
    let small: Vec<Vec<f64>> =
        (0..r).map(|j| (0..r).map(|i| scale * (0..r).map(|k| left[k][i] * right[k][j]).sum::<f64>()).collect()).collect();
    Ok(jacobi(small))
}

/// R of a QR decomposition by modified Gram-Schmidt: `columns[k]` is the k-th column; gives R's columns.
fn triangle(mut columns: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = columns.len();
    let mut r = vec![vec![0.0; n]; n];
    for k in 0..n {
        let norm = dot(&columns[k], &columns[k]).sqrt();
        r[k][k] = norm;
        if norm == 0.0 {
            continue;
        }
        columns[k].iter_mut().for_each(|x| *x /= norm);
        let (done, rest) = columns.split_at_mut(k + 1);
        for (column, r) in rest.iter_mut().zip(&mut r[k + 1..]) {
            let along = dot(&done[k], column);
            r[k] = along;
            column.iter_mut().zip(&done[k]).for_each(|(x, q)| *x -= along * q);
        }
    }
    r
}

/// Singular values by one-sided Jacobi rotations (Hestenes 1958): pairs of columns are turned until all are at right angles.
fn jacobi(mut columns: Vec<Vec<f64>>) -> Vec<f64> {
    const SWEEPS: usize = 60;
    let n = columns.len();
    for _ in 0..SWEEPS {
        let mut turned = false;
        for q in 1..n {
            for p in 0..q {
                turned |= turn(&mut columns, p, q);
            }
        }
        if !turned {
            break;
        }
    }
    let mut values: Vec<f64> = columns.iter().map(|column| dot(column, column).sqrt()).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// Makes columns `p < q` orthogonal; whether they were not.
fn turn(columns: &mut [Vec<f64>], p: usize, q: usize) -> bool {
    let (first, second) = columns.split_at_mut(q);
    let (x, y) = (&mut first[p], &mut second[0]);
    let (xx, yy, xy) = (dot(x, x), dot(y, y), dot(x, y));
    if xy == 0.0 || xy.abs() <= 1e-15 * (xx * yy).sqrt() {
        return false;
    }
    let tau = (yy - xx) / (2.0 * xy);
    let t = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
    let c = 1.0 / (1.0 + t * t).sqrt();
    for (x, y) in x.iter_mut().zip(y.iter_mut()) {
        (*x, *y) = (c * *x - c * t * *y, c * t * *x + c * *y);
    }
    true
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Against the sums of powers of the whole matrix: trace (M^T M)^p = sum of s^(2p).
    #[test]
    fn the_small_matrix_has_the_singular_values_of_the_whole() {
        let normal = |seed, shape: (usize, usize)| {
            Tensor::from_vec(Random::seeded(seed).normals(shape.0 * shape.1, 0.3), shape, &Device::Cpu).unwrap()
        };
        let (a, b) = (normal(1, (5, 40)), normal(2, (30, 5)));
        let values = singular_values(&a, &b, 1.7).unwrap();
        let whole = (b.matmul(&a).unwrap() * 1.7).unwrap().to_dtype(candle_core::DType::F64).unwrap();
        let gram = whole.t().unwrap().matmul(&whole).unwrap();
        let mut power = gram.clone();
        for p in 1..=5 {
            let trace: f64 = (0..40).map(|i| power.get(i).unwrap().get(i).unwrap().to_scalar::<f64>().unwrap()).sum();
            let sum: f64 = values.iter().map(|s| s.powi(2 * p)).sum();
            assert!((trace / sum - 1.0).abs() < 1e-6, "power {p}: {trace} {sum}");
            power = power.matmul(&gram).unwrap();
        }
        assert_eq!(values.len(), 5);
        assert!(values.windows(2).all(|pair| pair[0] >= pair[1]) && values[4] > 0.1);
    }

    #[test]
    fn a_rank_that_is_not_used_shows_as_zero() {
        let a = Tensor::new(&[[3.0_f32, 0.0, 4.0], [6.0, 0.0, 8.0]], &Device::Cpu).unwrap();
        let b = Tensor::new(&[[1.0_f32, 0.0], [0.0, 0.5]], &Device::Cpu).unwrap();
        let values = singular_values(&a, &b, 1.0).unwrap();
        assert!((values[0] - 50.0_f64.sqrt()).abs() < 1e-9 && values[1] < 1e-9, "{values:?}");
        assert_eq!(singular_values(&a, &b.zeros_like().unwrap(), 1.0).unwrap(), vec![0.0, 0.0]);
    }
}
