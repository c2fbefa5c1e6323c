//! Learning-rate schedules with warm-up, as transformers' `optimization.py`.

/// What happens after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    Constant,
    #[default]
    Linear,
    Cosine,
}

#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Schedule {
    pub shape: Shape,
    /// The highest rate.
    pub lr: f64,
    /// Steps of warm-up.
    pub warmup: usize,
    /// Steps in all.
    pub steps: usize,
}

impl Schedule {
    /// Steps of warm-up from a number of steps or, below 1, a share of all steps (rounded up, as transformers does).
    pub fn warmup_steps(given: f64, steps: usize) -> usize {
        if given < 1.0 { (given * steps as f64).ceil() as usize } else { given as usize }
    }

    /// The rate of step t, counted from 0; with warm-up the first is 0.
    pub fn lr(&self, t: usize) -> f64 {
        self.lr * self.factor(t)
    }

    fn factor(&self, t: usize) -> f64 {
        if t < self.warmup {
            return t as f64 / self.warmup.max(1) as f64;
        }
        let span = self.steps.saturating_sub(self.warmup).max(1) as f64;
        let done = (t - self.warmup) as f64 / span;
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Linear => ((self.steps as f64 - t as f64) / span).max(0.0),
            Shape::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * done).cos())).max(0.0),
        }
    }
}
