//! `lr find`: the loss while the learning rate rises from step to step. Nothing is left of it. https://arxiv.org/abs/1506.01186

use candle_core::{DType, Tensor};

use super::train::held_in;
use super::{Prediction, Session};
use crate::Result;
use crate::model::Frozen;
use crate::train::{Recipe, Run, Tape};

/// One step of the sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub rate: f64,
    /// Before the step.
    pub loss: f64,
    /// Averaged over the steps before it.
    pub smooth: f64,
}

/// The rates to try, each a constant factor above the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweep {
    pub from: f64,
    pub to: f64,
    pub steps: usize,
}

/// How much of the average is kept at each step.
const KEEP: f64 = 0.9;
/// The sweep ends where the average is this many times its lowest.
const LOST: f64 = 2.0;
/// Steps before the average says much.
const FIRST: usize = 5;

impl Session {
    /// What a sweep will take.
    ///
    /// # Errors
    /// As for [`Session::begin_training`].
    pub fn sweep_forecast(&self, recipe: &Recipe, dtype: DType, sweep: Sweep) -> Result<Prediction> {
        Ok(self.foresee(&Recipe { steps: Some(sweep.steps), ..recipe.clone() }, dtype)?.0)
    }

    /// Trains a throw-away copy with rising rates and says after each step how it went. The weights, a run that was stopped, its optimizer
    /// and every generator are as before, to the bit, however it ends.
    ///
    /// # Errors
    /// Those of [`Session::sweep_forecast`]; those of a step, but a loss that is not finite is where the sweep ends.
    pub fn sweep(
        &mut self,
        recipe: Recipe,
        dtype: DType,
        sweep: Sweep,
        look: &mut dyn FnMut(&Session, usize, Point),
    ) -> Result<Vec<Point>> {
        let recipe = Recipe { steps: Some(sweep.steps), ..recipe };
        let (_, room) = self.foresee(&recipe, dtype)?;
        let full = self.adapter.is_none();
        let mut model = self.base()?.model.converted_but(held_in(dtype, full), !full && recipe.keep_packed)?;
        let vars = match &self.adapter {
            Some(adapter) => adapter.vars().to_vec(),
            // Copies: the session's own weights are not touched.
            None => model.track_but(self.frozen.as_ref().unwrap_or(&Frozen::default()))?,
        };
        let before = vars.iter().map(|(_, var)| Ok(var.as_detached_tensor().copy()?)).collect::<Result<Vec<Tensor>>>()?;
        let result = Run::begin(recipe, vars.clone(), self.dataset()?).and_then(|mut run| {
            run.compute_in(dtype);
            run.keep(Tape::new(room.every));
            let mut points = Vec::new();
            while !run.done() && !self.stop.raised() {
                run.at_rate(sweep.rate(points.len()));
                self.prepare(&run.upcoming())?;
                let deltas = self.adapter.as_ref().map(|adapter| adapter.deltas());
                match run.step(&model, deltas, self.dataset()?) {
                    Ok(step) => points.push(next(&points, step.lr, step.loss)),
                    Err(error) if error.not_finite() => break,
                    Err(error) => return Err(error),
                }
                if let Some(point) = points.last() {
                    look(self, points.len(), *point);
                }
                if lost(&points) {
                    break;
                }
            }
            Ok(points)
        });
        for ((_, var), value) in vars.iter().zip(&before) {
            var.set(value)?;
        }
        result
    }
}

impl Sweep {
    fn rate(&self, i: usize) -> f64 {
        self.from * (self.to / self.from).powf(i as f64 / (self.steps.max(2) - 1) as f64)
    }

    /// Where the average is lowest, once it says something.
    pub fn lowest(points: &[Point]) -> Option<&Point> {
        points.get(lowest(points)?)
    }

    /// The rate where the average falls fastest for a given growth of the rate, before its lowest; `None` where it only rises.
    pub fn suggestion(points: &[Point]) -> Option<f64> {
        let lowest = lowest(points)?;
        let slope = |i: &usize| (points[i + 1].smooth - points[i - 1].smooth) / (points[i + 1].rate / points[i - 1].rate).ln();
        let steepest = (FIRST..lowest).min_by(|a, b| slope(a).total_cmp(&slope(b)))?;
        (slope(&steepest) < 0.0).then(|| points[steepest].rate)
    }
}

fn lowest(points: &[Point]) -> Option<usize> {
    Some(points.iter().enumerate().skip(FIRST).min_by(|a, b| a.1.smooth.total_cmp(&b.1.smooth))?.0)
}

/// The average is an exponential one, without the pull towards 0 of its beginning.
fn next(points: &[Point], rate: f64, loss: f64) -> Point {
    let weight = |n: usize| 1.0 - KEEP.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let n = points.len();
    let sum = points.last().map_or(0.0, |last| last.smooth * weight(n));
    Point { rate, loss, smooth: (KEEP * sum + (1.0 - KEEP) * loss) / weight(n + 1) }
}

fn lost(points: &[Point]) -> bool {
    let lowest = points.iter().skip(FIRST).map(|point| point.smooth).fold(f64::INFINITY, f64::min);
    points.last().is_some_and(|last| last.smooth > LOST * lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(losses: impl Fn(f64) -> f64) -> Vec<Point> {
        let sweep = Sweep { from: 1e-6, to: 1.0, steps: 61 };
        (0..61).fold(Vec::new(), |mut points, i| {
            let rate = sweep.rate(i);
            points.push(next(&points, rate, losses(rate.log10())));
            points
        })
    }

    #[test]
    fn the_steepest_fall_before_the_lowest_is_suggested() {
        // Falls between 1e-4 and 1e-2, explodes above 1e-1.
        let all = points(|x| 4.0 - 2.0 / (1.0 + (-4.0 * (x + 3.0)).exp()) + (6.0 * (x + 1.0)).exp().min(50.0));
        let suggestion = Sweep::suggestion(&all).unwrap();
        assert!((3e-4..1e-2).contains(&suggestion), "{suggestion}");
        assert!((all[0].rate, all[60].rate) == (1e-6, 1.0) && lost(&all));
        assert!((points(|_| 3.0)[40].smooth - 3.0).abs() < 1e-12, "the average is not pulled to 0");
        assert_eq!(Sweep::suggestion(&points(|x| x + 9.0)), None, "it only rises");
        // A first loss below all others is not where it rises again.
        let dipped = points(|x| if x < -5.9 { 0.1 } else { 4.0 - 2.0 / (1.0 + (-4.0 * (x + 3.0)).exp()) });
        assert!(
            Sweep::lowest(&dipped).unwrap().rate >= Sweep::suggestion(&dipped).unwrap_or(0.0)
                && Sweep::lowest(&dipped).unwrap().rate > 2e-6
        );
        assert_eq!(Sweep::suggestion(&all[..4]), None);
    }
}
