use candle_core::DType;
use wire::{Chart, Curve, Mark, Series, Value, value};

use super::{Magic, Out, Topic, load, number, settings, train};
use crate::optim::Method;
use crate::session::{Point, Session, Sweep};
use crate::train::Recipe;
use crate::words::{training, ui};
use crate::{Error, Result};

/// Find a learning rate: the loss while the rate rises
///
/// `%lr find` trains a throw-away copy of the adapter, or of all weights without one, for a few steps, each at a higher rate, and suggests
/// the one where the loss falls fastest. Weights, a stopped run and every generator are afterwards as before.
#[derive(clap::Args)]
pub struct Args {
    /// What to do
    #[arg(value_name = "WHAT", required = true, value_parser = ["find"])]
    what: String,
    /// The first rate
    #[arg(long, value_name = "X", default_value = "1e-6", value_parser = number::positive)]
    from: f64,
    /// The last rate
    #[arg(long, value_name = "X", default_value = "1", value_parser = number::positive)]
    to: f64,
    /// Rates to try, each a constant factor above the one before
    #[arg(long, value_name = "N", default_value = "100", value_parser = number::count)]
    steps: usize,
    /// Examples of one forward pass
    #[arg(long, value_name = "N", default_value = "4", value_parser = number::count)]
    batch: usize,
    /// Batches whose gradients one step adds up
    #[arg(long, value_name = "N", default_value = "1", value_parser = number::count)]
    accum: usize,
    /// What turns gradients into steps: a rate is good for one of them
    #[arg(long, value_name = "NAME", default_value = "adamw", value_parser = ["adamw", "sgd", "adafactor"])]
    optimizer: String,
    /// Lays the examples of a batch end to end, without padding
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    pack: bool,
    /// What layers compute in and frozen weights are held in, as for `%train`
    #[arg(long, value_name = "DTYPE", default_value = settings::PACKED, value_parser = settings::dtypes())]
    dtype: String,
    /// Seed of the order and of dropout; without it the session's
    #[arg(long, value_name = "N", value_parser = number::seed)]
    seed: Option<u64>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] = &["%lr find", "%lr find from=1e-5 to=0.1 steps=60 batch=8"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        if self.to <= self.from {
            let allowed = training::ABOVE_FROM.with(&[("from", &self.from)]);
            return Err(Error::BadValue { option: "to".to_owned(), given: self.to.to_string(), allowed });
        }
        let recipe = Recipe {
            batch: self.batch,
            accum: self.accum,
            seed: self.seed.unwrap_or(session.seed()),
            optimizer: Method::named(&self.optimizer),
            pack: self.pack,
            keep_packed: self.dtype == settings::PACKED,
            ..Recipe::default()
        };
        let sweep = Sweep { from: self.from, to: self.to, steps: self.steps };
        let dtype = load::dtype(&self.dtype).unwrap_or(DType::F32);
        train::announce(&session.sweep_forecast(&recipe, dtype, sweep)?, session, out)?;
        let mut points = Vec::new();
        let swept = session.sweep(recipe, dtype, sweep, &mut |session, n, point| {
            points.push(point);
            session.doing(Some(format!("lr find {n}/{}", self.steps)));
            out.progress("lr", n as u64, self.steps as u64, &format!("{} {:.3}  lr {:.1e}", ui::LOSS, point.loss, point.rate));
            out.chart("lr", Chart::Curve(curve(&points, None)));
        });
        session.doing(None);
        let points = swept?;
        let suggestion = Sweep::suggestion(&points);
        out.chart("lr", Chart::Curve(curve(&points, suggestion)));
        if out.stopped() {
            return Err(Error::Interrupted { what: training::NOTHING_CHANGED.to_string() });
        }
        self.advise(&points, suggestion, out);
        let (rates, losses) = points.iter().map(|point| (point.rate, point.loss)).unzip();
        Ok(value::LrFind { rates, losses, suggestion }.into())
    }
}

impl Args {
    fn advise(&self, points: &[Point], suggestion: Option<f64>, out: &mut Out) {
        let short = |rate: f64| format!("{rate:.1e}");
        let lowest = Sweep::lowest(points);
        out.note(&match (suggestion, lowest) {
            (Some(rate), Some(lowest)) => training::LR_SUGGESTED.with(&[("rate", &short(rate)), ("lowest", &short(lowest.rate))]),
            _ => training::LR_NONE.with(&[("from", &short(self.from)), ("to", &short(self.to))]),
        });
    }
}

fn curve(points: &[Point], suggestion: Option<f64>) -> Curve {
    let series = |name: crate::words::Phrase, y: fn(&Point) -> f64| Series {
        name: name.text().to_owned(),
        points: points.iter().map(|point| (point.rate.log10(), y(point))).collect(),
    };
    let at = suggestion.and_then(|rate| points.iter().find(|point| point.rate == rate));
    let mark = at.map(|point| Mark { x: point.rate.log10(), y: point.smooth, label: format!("{:.1e}", point.rate) });
    Curve {
        title: training::LR_TITLE.text().to_owned(),
        x_label: training::LR_AXIS.text().to_owned(),
        y_label: ui::LOSS.text().to_owned(),
        series: vec![series(training::LR_RAW, |point| point.loss), series(training::LR_SMOOTH, |point| point.smooth)],
        marks: mark.into_iter().collect(),
    }
}
