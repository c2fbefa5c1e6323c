//! Numbers with a shape.

use std::fmt;

use wire::lab::Array;

/// Row-major f32 with a shape; [`Tensor::dtype`] says how the session holds the same numbers.
#[derive(Clone, Default, PartialEq)]
pub struct Tensor(Array);

impl From<Array> for Tensor {
    fn from(array: Array) -> Self {
        Self(array)
    }
}

impl From<Tensor> for Array {
    fn from(tensor: Tensor) -> Self {
        tensor.0
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.0.data.iter().take(6).map(|x| format!("{x:.4}")).collect();
        let more = if self.len() > shown.len() { ", …" } else { "" };
        write!(f, "Tensor {:?} [{}{more}]", self.0.shape, shown.join(", "))
    }
}

impl Tensor {
    /// # Panics
    /// The shape has another number of elements than `data`.
    pub fn new(shape: &[usize], data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "shape {shape:?} and {} numbers", data.len());
        Self(Array { shape: shape.to_vec(), dtype: "f32".to_owned(), data })
    }

    /// All numbers 0.
    pub fn zeros(shape: &[usize]) -> Self {
        Self::new(shape, vec![0.0; shape.iter().product()])
    }

    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// `f32`, `f16`, `q4_1`, …: of the original; the numbers here are f32.
    pub fn dtype(&self) -> &str {
        &self.0.dtype
    }

    pub fn data(&self) -> &[f32] {
        &self.0.data
    }

    /// To change them in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.0.data
    }

    /// All numbers become `value`.
    pub fn fill(&mut self, value: f32) {
        self.0.data.fill(value);
    }

    /// Each number `x` becomes `f(x)`, in place.
    pub fn apply(&mut self, f: impl FnMut(f32) -> f32) {
        let mut f = f;
        self.0.data.iter_mut().for_each(|x| *x = f(*x));
    }

    pub fn into_vec(self) -> Vec<f32> {
        self.0.data
    }

    /// Numbers in all.
    pub fn len(&self) -> usize {
        self.0.data.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.data.is_empty()
    }

    /// The part at `i` of the first axis: `[A, B, C] -> [B, C]`; -1 is the last.
    ///
    /// # Panics
    /// `i` is outside of the axis, or there is none.
    pub fn index(&self, i: isize) -> Tensor {
        let data = self.0.data[self.part(i)].to_vec();
        Self(Array { shape: self.0.shape[1..].to_vec(), dtype: self.0.dtype.clone(), data })
    }

    /// The numbers of [`Tensor::index`], to change them in place: `attn.part_mut(-1).fill(0.0)`.
    ///
    /// # Panics
    /// As there.
    pub fn part_mut(&mut self, i: isize) -> &mut [f32] {
        let part = self.part(i);
        &mut self.0.data[part]
    }

    fn part(&self, i: isize) -> std::ops::Range<usize> {
        let [first, rest @ ..] = &self.0.shape[..] else { panic!("a single number has no axis to index") };
        let at = place(i, *first);
        let width: usize = rest.iter().product();
        at * width..(at + 1) * width
    }

    /// Row `i` of a matrix: the same as [`Tensor::index`].
    ///
    /// # Panics
    /// As there.
    pub fn row(&self, i: isize) -> Tensor {
        self.index(i)
    }

    /// The number at `at`, one position for each axis.
    ///
    /// # Panics
    /// A position outside of its axis, or too few or many of them.
    pub fn at(&self, at: &[usize]) -> f32 {
        assert_eq!(at.len(), self.0.shape.len(), "{} positions for shape {:?}", at.len(), self.0.shape);
        let flat = at.iter().zip(&self.0.shape).fold(0, |flat, (i, n)| {
            assert!(i < n, "position {i} is outside of an axis of {n}");
            flat * n + i
        });
        self.0.data[flat]
    }

    /// The same numbers under another shape, row by row.
    ///
    /// # Panics
    /// It has another number of elements.
    pub fn reshape(&self, shape: &[usize]) -> Tensor {
        assert_eq!(shape.iter().product::<usize>(), self.len(), "{:?} as {shape:?}", self.0.shape);
        Self(Array { shape: shape.to_vec(), ..self.0.clone() })
    }

    /// The parts along the first axis.
    pub fn iter(&self) -> impl Iterator<Item = Tensor> + '_ {
        (0..self.0.shape.first().copied().unwrap_or(0) as isize).map(|i| self.index(i))
    }

    /// Of all numbers; NaN when there are none.
    pub fn mean(&self) -> f32 {
        (self.0.data.iter().map(|x| f64::from(*x)).sum::<f64>() / self.len() as f64) as f32
    }

    /// Where the largest number is, in the flat order; the first of equals, 0 when there are none.
    pub fn argmax(&self) -> usize {
        let best = |best: usize, i: usize| if self.0.data[i] > self.0.data[best] { i } else { best };
        (1..self.len()).fold(0, best)
    }

    /// Along the last axis: each row sums to 1.
    pub fn softmax(&self) -> Tensor {
        let width = self.0.shape.last().copied().unwrap_or(1).max(1);
        let mut data = self.0.data.clone();
        for row in data.chunks_mut(width) {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|x| *x = (*x - largest).exp());
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|x| *x /= sum);
        }
        Self(Array { shape: self.0.shape.clone(), dtype: self.0.dtype.clone(), data })
    }

    /// `[m, k] x [k, n] -> [m, n]`.
    ///
    /// # Panics
    /// Other shapes.
    pub fn matmul(&self, other: &Tensor) -> Tensor {
        let ([m, k], [k2, n]) = (&self.0.shape[..], &other.0.shape[..]) else {
            panic!("a product of {:?} and {:?}: two matrices are needed", self.0.shape, other.0.shape)
        };
        assert_eq!(k, k2, "a product of {:?} and {:?}", self.0.shape, other.0.shape);
        let mut data = vec![0.0; m * n];
        for (row, out) in self.0.data.chunks(*k).zip(data.chunks_mut(*n)) {
            for (x, line) in row.iter().zip(other.0.data.chunks(*n)) {
                out.iter_mut().zip(line).for_each(|(sum, y)| *sum += x * y);
            }
        }
        Tensor::new(&[*m, *n], data)
    }

    /// A matrix with rows and columns exchanged.
    ///
    /// # Panics
    /// Not a matrix.
    pub fn transpose(&self) -> Tensor {
        let [rows, columns] = self.0.shape[..] else { panic!("{:?} is not a matrix", self.0.shape) };
        let data = (0..columns).flat_map(|c| (0..rows).map(move |r| self.0.data[r * columns + c])).collect();
        Tensor::new(&[columns, rows], data)
    }
}

/// A position from the front; one below zero counts from the end.
fn place(i: isize, n: usize) -> usize {
    let at = if i < 0 { i + n as isize } else { i };
    assert!((0..n as isize).contains(&at), "index {i} is outside of an axis of {n}");
    at as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_positions_count_from_both_ends() {
        let mut t = Tensor::new(&[2, 2, 3], (0..12).map(|x| x as f32).collect());
        assert_eq!((t.index(-1), t.index(-1).row(0)), (t.index(1), Tensor::new(&[3], vec![6.0, 7.0, 8.0])));
        assert_eq!((t.at(&[1, 0, 2]), t.iter().count(), t.iter().last()), (8.0, 2, Some(t.index(1))));
        t.part_mut(-1).fill(-1.0);
        assert_eq!((t.mean(), t.argmax(), t.index(0).mean()), (0.75, 5, 2.5));
        assert_eq!(t.reshape(&[4, 3]).row(1), Tensor::new(&[3], vec![3.0, 4.0, 5.0]));
        assert!(Tensor::zeros(&[0, 3]).mean().is_nan() && Tensor::zeros(&[0, 3]).iter().next().is_none());
    }

    #[test]
    fn products_and_softmax_are_those_of_the_books() {
        let a = Tensor::new(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(a.matmul(&a.transpose()), Tensor::new(&[2, 2], vec![14.0, 32.0, 32.0, 77.0]));
        let p = Tensor::new(&[2, 2], vec![1000.0, 1000.0 + 3_f32.ln(), f32::NEG_INFINITY, 0.0]).softmax();
        let apart = p.data().iter().zip([0.25, 0.75, 0.0, 1.0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-4, "{p:?}");
    }

    #[test]
    #[should_panic(expected = "index -3 is outside of an axis of 2")]
    fn a_position_outside_says_so() {
        Tensor::zeros(&[2, 2]).row(-3);
    }
}
