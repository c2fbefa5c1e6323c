use wire::{Chart, Curve, Mark, Series, Table, Value, value};

use super::{Magic, Out, Topic, number};
use crate::plot;
use crate::session::Session;
use crate::store::Past;
use crate::train::{Validation, overfit};
use crate::words::{Phrase, memory as words, ui};
use crate::{Error, Result};

/// Show past training runs and their curves
///
/// Every run leaves a record in the home, step by step: also one that was stopped or killed. Without options they are listed.
#[derive(clap::Args)]
pub struct Args {
    /// A run to show: what it was made of, how it went, its gradient by layer
    #[arg(long, value_name = "N", value_parser = number::count)]
    show: Option<usize>,
    /// Runs to draw into one chart
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = number::count)]
    overlay: Vec<usize>,
    /// What to draw: the loss; the learning rate; the gradient's norm; update to weight; tokens a second; all of them
    #[arg(long, value_name = "NAME", default_value = "loss", value_parser = ["loss", "lr", "grad_norm", "ratio", "speed", "all"])]
    plot: String,
    /// A run to take out of the list; its record is moved aside, not deleted
    #[arg(long, value_name = "N", value_parser = number::count)]
    drop: Option<usize>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] = &["%runs", "%runs overlay=1,2", "%runs show=2 plot=grad_norm", "%runs drop=1"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        if let Some(n) = self.drop {
            if self.show.is_some() || !self.overlay.is_empty() {
                let allowed = words::DROP_ALONE.to_string();
                return Err(Error::BadValue { option: "drop".into(), given: n.to_string(), allowed });
            }
            let path = session.drop_run(n)?;
            out.line(&words::RUN_DROPPED.with(&[("n", &n), ("path", &path.display())]));
            return Ok(result(&session.past_runs().0, 0, false).into());
        }
        let chosen: Vec<usize> = self.show.into_iter().chain(self.overlay.iter().copied()).collect();
        if chosen.is_empty() {
            return Ok(list(session, out).into());
        }
        let runs = chosen.iter().map(|n| session.past_run(*n)).collect::<Result<Vec<_>>>()?;
        for quantity in Quantity::of(&self.plot)? {
            out.show(Chart::Curve(quantity.curve(&runs)));
        }
        match (self.show, runs.as_slice()) {
            (Some(_), [run]) => details(run, out),
            _ => out.table(table(&runs)),
        }
        Ok(result(&runs, 0, true).into())
    }
}

fn list(session: &Session, out: &mut Out) -> value::Runs {
    let (runs, damaged) = session.past_runs();
    if runs.is_empty() {
        out.line(words::NO_RUNS.text());
    } else {
        out.table(table(&runs));
    }
    if !damaged.is_empty() {
        out.note(&words::RUNS_DAMAGED.with(&[("n", &damaged.len()), ("files", &damaged.join(", "))]));
    }
    result(&runs, damaged.len(), false)
}

fn result(runs: &[Past], skipped: usize, curves: bool) -> value::Runs {
    let row = |run: &Past| value::RunRow {
        n: run.n as u64,
        began: date(run.head.began),
        model: run.head.model.clone(),
        data: run.head.data.clone(),
        method: run.head.method.clone(),
        recipe: run.head.recipe.to_string(),
        parameters: run.head.parameters,
        steps: run.steps.len() as u64,
        of: run.head.of as u64,
        loss: run.steps.last().and_then(|step| step.loss),
        best_step: run.best().map(|(n, _)| n as u64),
        best_val_loss: run.best().map(|(_, loss)| loss),
        seconds: run.seconds(),
        peak_rss_bytes: run.end.as_ref().map_or(0, |end| end.peak),
        ended: how(run).0.to_owned(),
        losses: if curves { run.steps.iter().map(|step| step.loss.unwrap_or(f64::NAN)).collect() } else { Vec::new() },
        grad_norms: if curves { run.steps.iter().map(|step| step.norm.unwrap_or(f64::NAN)).collect() } else { Vec::new() },
        ratios: if curves { run.steps.iter().map(|step| step.ratio.unwrap_or(f64::NAN)).collect() } else { Vec::new() },
    };
    value::Runs { runs: runs.iter().map(row).collect(), skipped: skipped as u64 }
}

/// How a run ended: as a word for programs, and for the person.
fn how(run: &Past) -> (&str, String) {
    match &run.end {
        Some(end) if end.how == "done" => ("done", words::RUN_DONE.to_string()),
        Some(end) if end.how == "stopped" => ("stopped", words::RUN_STOPPED.to_string()),
        Some(end) => (&end.how, end.how.clone()),
        None if run.live => ("running", words::RUN_LIVE.to_string()),
        None => ("killed", words::RUN_KILLED.to_string()),
    }
}

fn table(runs: &[Past]) -> Table {
    let headings = [words::RUN, words::BEGAN, ui::MODEL, words::METHOD, ui::STEPS, ui::LOSS, words::BEST_LOSS, words::ENDED];
    let loss = |loss: Option<f64>| loss.map_or_else(|| "-".to_owned(), |loss| format!("{loss:.3}"));
    let row = |run: &Past| {
        vec![
            run.n.to_string(),
            // The year is in the details.
            date(run.head.began).chars().skip(5).collect(),
            run.head.model.clone(),
            run.head.method.clone(),
            format!("{}/{}", run.steps.len(), run.head.of.max(run.steps.len())),
            loss(run.steps.last().and_then(|step| step.loss)),
            loss(run.best().map(|(_, loss)| loss)),
            how(run).1,
        ]
    };
    Table { headings: headings.map(|heading| heading.text().to_owned()).to_vec(), rows: runs.iter().map(row).collect() }
}

/// What the run was made of and came to, and its gradient by layer.
fn details(run: &Past, out: &mut Out) {
    let tokens: usize = run.steps.iter().map(|step| step.tokens).sum();
    let mut rows = vec![
        (words::RUN.text().to_owned(), run.n.to_string()),
        (words::BEGAN.text().to_owned(), date(run.head.began)),
        (ui::MODEL.text().to_owned(), run.head.model.clone()),
        (ui::DATA.text().to_owned(), run.head.data.clone()),
        (words::METHOD.text().to_owned(), format!("{} ({})", run.head.method, plot::number::count(run.head.parameters))),
        (ui::STEPS.text().to_owned(), format!("{}/{}", run.steps.len(), run.head.of.max(run.steps.len()))),
        (ui::SPEED.text().to_owned(), format!("{:.0} tokens/s", tokens as f64 / run.seconds().max(1e-9))),
        (ui::TIME.text().to_owned(), plot::number::duration(run.seconds())),
        (words::ENDED.text().to_owned(), how(run).1),
    ];
    if let Some(end) = &run.end {
        rows.push((ui::PEAK.text().to_owned(), plot::number::bytes(end.peak)));
    }
    if let Some(recipe) = run.head.recipe.as_object() {
        let shown = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        rows.extend(recipe.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), shown(value))));
    }
    out.table(Table::pairs(rows));
    if let Some(layers) = gradients(run) {
        out.table(layers);
    }
    if run.unreadable > 0 {
        out.note(&words::LINES_DAMAGED.with(&[("n", &run.unreadable)]));
    }
}

/// Norms of the gradient by layer at the first step and the last that was looked at.
fn gradients(run: &Past) -> Option<Table> {
    let first = run.layers.first()?;
    let last = run.layers.last().filter(|last| last.n != first.n);
    let mut headings = vec![words::LAYER.text().to_owned()];
    headings.extend(std::iter::once(first).chain(last).map(|layers| words::GRADIENT_AT.with(&[("step", &layers.n)])));
    let cell = |norm: f64| format!("{norm:.3e}");
    let row = |(i, (layer, norm)): (usize, &(String, f64))| {
        let after = last.and_then(|last| last.norms.get(i)).map(|(_, norm)| cell(*norm));
        std::iter::once(layer.clone()).chain([cell(*norm)]).chain(after).collect()
    };
    Some(Table { headings, rows: first.norms.iter().enumerate().map(row).collect() })
}

/// What a chart of runs shows.
#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Loss,
    Rate,
    Norm,
    Ratio,
    Speed,
}

impl Quantity {
    fn of(name: &str) -> Result<Vec<Self>> {
        Ok(match name {
            "loss" => vec![Self::Loss],
            "lr" => vec![Self::Rate],
            "grad_norm" => vec![Self::Norm],
            "ratio" => vec![Self::Ratio],
            "speed" => vec![Self::Speed],
            "all" => vec![Self::Loss, Self::Rate, Self::Norm, Self::Ratio, Self::Speed],
            _ => {
                return Err(Error::BadValue {
                    option: "plot".into(),
                    given: name.to_owned(),
                    allowed: "loss, lr, grad_norm, ratio, speed, all".into(),
                });
            }
        })
    }

    fn title(self) -> Phrase {
        match self {
            Self::Loss => ui::LOSS,
            Self::Rate => words::RATE,
            Self::Norm => words::NORM,
            Self::Ratio => words::RATIO,
            Self::Speed => ui::SPEED,
        }
    }

    fn curve(self, runs: &[Past]) -> Curve {
        let mut series: Vec<Series> = Vec::new();
        let mut marks = Vec::new();
        for run in runs {
            let name = |what: &str| if runs.len() > 1 { format!("{} {what}", run.n) } else { what.to_owned() };
            let values = run.steps.iter().map(|step| (step.n as f64, self.value(step))).collect();
            if self == Self::Loss {
                series.push(Series { name: name(ui::TRAIN.text()), points: values });
                let looked: Vec<Validation> =
                    run.steps.iter().filter_map(|step| Some(Validation { step: step.n, loss: step.val? })).collect();
                if !looked.is_empty() {
                    let points = looked.iter().map(|v| (v.step as f64, v.loss)).collect();
                    series.push(Series { name: name(ui::VALIDATION.text()), points });
                }
                marks.extend(mark(&looked));
            } else {
                series.push(Series { name: name(self.title().text()), points: values });
            }
        }
        if self == Self::Ratio {
            let to = runs.iter().map(|run| run.steps.len()).max().unwrap_or(1).max(2) as f64;
            series.push(Series { name: words::HEALTHY.text().to_owned(), points: vec![(1.0, -3.0), (to, -3.0)] });
        }
        let title = words::RUNS_TITLE.with(&[("what", &self.title()), ("runs", &numbers(runs))]);
        Curve { title, x_label: ui::STEP.text().to_owned(), y_label: self.title().text().to_owned(), series, marks }
    }

    fn value(self, step: &crate::store::Point) -> f64 {
        match self {
            Self::Loss => step.loss.unwrap_or(f64::NAN),
            Self::Rate => step.lr,
            Self::Norm => step.norm.unwrap_or(f64::NAN),
            Self::Ratio => step.ratio.unwrap_or(f64::NAN),
            Self::Speed => step.tokens as f64 / step.seconds.max(1e-9),
        }
    }
}

fn numbers(runs: &[Past]) -> String {
    runs.iter().map(|run| run.n.to_string()).collect::<Vec<_>>().join(", ")
}

/// The best validation; where the loss only rises after it, that is said.
pub fn mark(looked: &[Validation]) -> Option<Mark> {
    let best = looked.iter().min_by(|a, b| a.loss.total_cmp(&b.loss))?;
    let loss = format!("{:.3}", best.loss);
    let label = match overfit(looked) {
        Some(point) => words::OVERFITS.with(&[("loss", &loss), ("step", &point.step)]),
        None => format!("{} {loss}", ui::BEST),
    };
    Some(Mark { x: best.step as f64, y: best.loss, label })
}

/// `2026-11-24 13:30`, UTC, of seconds since 1970 (days to civil: Howard Hinnant, chrono-compatible date algorithms).
fn date(seconds: u64) -> String {
    let (days, of_day) = ((seconds / 86_400) as i64, seconds % 86_400);
    let z = days + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", of_day / 3600, of_day % 3600 / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00"),
            (951_782_400, "2000-02-29 00:00"),
            (1_709_251_199, "2024-02-29 23:59"),
            (4_107_542_400, "2100-03-01 00:00"),
        ] {
            assert_eq!(date(seconds), text);
        }
    }
}
