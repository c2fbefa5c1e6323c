//! Adafactor, the optimizer that saves memory: its second moment of a matrix is kept as the means of its rows and columns, so a
//! matrix of n x m needs n + m numbers where AdamW keeps 2 n m. https://arxiv.org/abs/1804.04235
//!
//! As transformers' with `scale_parameter=False, relative_step=False` and its other defaults (what `optim=adafactor` of its Trainer makes), so
//! the rate is the schedule's. Chosen over AdamW in 8 bits: that one still keeps two bytes a parameter beside its scales, and the
//! result depends on a table and a block size; this one keeps next to nothing, in f32, and resumes to the bit.

use candle_core::Tensor;
use rayon::prelude::*;

use super::gradients::{Gradients, Kept, change, restored};
use super::{Parameters, decays};

/// Added to each squared gradient.
const EPS: f32 = 1e-30;
/// The largest root mean square of an update, before the rate.
const CLIP: f64 = 1.0;
/// The second moment forgets with `1 - t^DECAY`.
const DECAY: f64 = -0.8;
/// Columns of one parallel block.
const COLUMNS: usize = 256;

/// The second moment of one parameter.
enum Moment {
    /// Means of the squares over each row and over each column of `[.., n, m]`, which is read as `[rows, m]`.
    Factored { rows: Vec<f32>, columns: Vec<f32> },
    /// Of a vector: each square.
    Whole(Vec<f32>),
}

pub struct Adafactor {
    parameters: Parameters,
    weight_decay: f64,
    moments: Vec<Moment>,
    steps: usize,
}

/// The numbers of one step, for one parameter.
#[derive(Clone, Copy)]
struct Step {
    keep: f32,
    decay: f32,
    lr: f64,
}

impl Adafactor {
    pub fn new(parameters: Parameters, weight_decay: f64) -> Self {
        let moments = parameters.iter().map(|(_, var)| Moment::zero(var.dims())).collect();
        Self { parameters, weight_decay, moments, steps: 0 }
    }

    /// Steps taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// One step at learning rate `lr`; parameters without gradient stay as they are.
    ///
    /// # Errors
    /// A gradient of another shape.
    pub fn step(&mut self, gradients: &Gradients, lr: f64) -> crate::Result<()> {
        self.steps += 1;
        let beta = 1.0 - (self.steps as f64).powf(DECAY);
        for (((name, var), moment), gradient) in self.parameters.iter().zip(&mut self.moments).zip(&gradients.0) {
            let Some(gradient) = gradient else { continue };
            let decay = if decays(name) { (lr * self.weight_decay) as f32 } else { 0.0 };
            let step = Step { keep: beta as f32, decay, lr };
            change(var, gradient, |p, g| step.run(p, g, moment))?;
        }
        Ok(())
    }

    /// `NAME.exp_avg_sq_row` and `NAME.exp_avg_sq_col` of every matrix, `NAME.exp_avg_sq` of every vector.
    pub fn state(&self) -> Vec<Kept<'_>> {
        let mut state = Vec::new();
        for ((name, _), moment) in self.parameters.iter().zip(&self.moments) {
            for (kind, values) in moment.parts() {
                state.push(Kept { name: format!("{name}.{kind}"), shape: vec![values.len()], values });
            }
        }
        state
    }

    /// Goes on from what [`Adafactor::state`] gave.
    ///
    /// # Errors
    /// `MissingTensor`, `WrongShape`.
    pub fn restore(&mut self, steps: usize, find: impl Fn(&str) -> Option<Tensor>) -> crate::Result<()> {
        let mut moments = Vec::new();
        for ((name, _), moment) in self.parameters.iter().zip(&self.moments) {
            let part = |kind: &str, like: &[f32]| restored(name, kind, &[like.len()], &find);
            moments.push(match moment {
                Moment::Factored { rows, columns } => {
                    Moment::Factored { rows: part("exp_avg_sq_row", rows)?, columns: part("exp_avg_sq_col", columns)? }
                }
                Moment::Whole(whole) => Moment::Whole(part("exp_avg_sq", whole)?),
            });
        }
        (self.moments, self.steps) = (moments, steps);
        Ok(())
    }
}

impl Moment {
    fn zero(dims: &[usize]) -> Self {
        match dims {
            [before @ .., columns] if !before.is_empty() => {
                Self::Factored { rows: vec![0.0; before.iter().product()], columns: vec![0.0; *columns] }
            }
            _ => Self::Whole(vec![0.0; dims.iter().product()]),
        }
    }

    fn parts(&self) -> Vec<(&'static str, &[f32])> {
        match self {
            Self::Factored { rows, columns } => vec![("exp_avg_sq_row", rows), ("exp_avg_sq_col", columns)],
            Self::Whole(whole) => vec![("exp_avg_sq", whole)],
        }
    }
}

impl Step {
    fn run(self, p: &mut [f32], g: &[f32], moment: &mut Moment) {
        match moment {
            Moment::Factored { rows, columns } => {
                let width = columns.len().max(1);
                self.means(g, width, rows, columns);
                let mean = (rows.iter().map(|x| f64::from(*x)).sum::<f64>() / rows.len().max(1) as f64) as f32;
                let by_row: Vec<f32> = rows.iter().map(|row| 1.0 / (row / mean).sqrt()).collect();
                let by_column: Vec<f32> = columns.iter().map(|column| 1.0 / column.sqrt()).collect();
                self.apply(p, g, width, |row, column| by_row[row] * by_column[column]);
            }
            Moment::Whole(whole) => {
                whole.iter_mut().zip(g).for_each(|(v, g)| *v = self.keep * *v + (1.0 - self.keep) * (g * g + EPS));
                self.apply(p, g, g.len().max(1), |_, i| 1.0 / whole[i].sqrt());
            }
        }
    }

    /// Both means move towards the squares of `g: [rows, width]`. Each sum runs in a fixed order whatever the threads.
    fn means(self, g: &[f32], width: usize, rows: &mut [f32], columns: &mut [f32]) {
        let moved = |mean: &mut f32, sum: f64, n: usize| *mean = self.keep * *mean + (1.0 - self.keep) * (sum / n.max(1) as f64) as f32;
        let square = |g: &f32| f64::from(g * g + EPS);
        rows.par_iter_mut().zip(g.par_chunks(width)).for_each(|(mean, row)| moved(mean, row.iter().map(square).sum(), width));
        columns.par_chunks_mut(COLUMNS).enumerate().for_each(|(block, columns)| {
            let mut sums = vec![0.0_f64; columns.len()];
            for row in g.chunks(width) {
                sums.iter_mut().zip(&row[block * COLUMNS..]).for_each(|(sum, g)| *sum += square(g));
            }
            columns.iter_mut().zip(sums).for_each(|(mean, sum)| moved(mean, sum, g.len() / width));
        });
    }

    /// `p -= lr * u / max(1, rms(u))` where `u = g * scale(row, column)`, after the decay.
    fn apply(self, p: &mut [f32], g: &[f32], width: usize, scale: impl Fn(usize, usize) -> f32 + Sync) {
        let u = |row: usize, column: usize, g: f32| scale(row, column) * g;
        let squares: Vec<f64> = g
            .par_chunks(width)
            .enumerate()
            .map(|(i, row)| row.iter().enumerate().map(|(j, g)| f64::from(u(i, j, *g)).powi(2)).sum())
            .collect();
        let rms = (squares.iter().sum::<f64>() / g.len().max(1) as f64).sqrt();
        let rate = (self.lr / (rms / CLIP).max(1.0)) as f32;
        p.par_chunks_mut(width).zip(g.par_chunks(width)).enumerate().for_each(|(i, (p, g))| {
            for (j, (p, g)) in p.iter_mut().zip(g).enumerate() {
                *p -= self.decay * *p + rate * u(i, j, *g);
            }
        });
    }
}
