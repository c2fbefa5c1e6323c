use wire::{Chart, Curve, Series, Table, Value, value};

use super::settings::{KEEPING, Settings, VALIDATION};
use super::{Magic, Out, Topic, memory, number, runs};
use crate::adapter::Adapter;
use crate::plot;
use crate::session::{Found, Prediction, Room, Session};
use crate::train::{Run, Step, Validation};
use crate::words::{memory as words, training, ui};
use crate::{Error, Result};

/// Train the adapter on the data, or all weights without one
///
/// The curve grows as it trains. Ctrl-C (or the stop button) ends it within a step and keeps what was learned; `resume=true` goes on.
/// The loss counts answers only, and is averaged over all learned tokens of a step however many batches it has.
#[derive(clap::Args)]
pub struct Args {
    /// Passes over the training examples
    #[arg(long, value_name = "N", default_value = "1", visible_alias = "num_train_epochs", value_parser = number::positive)]
    epochs: f64,
    /// Optimizer steps, instead of epochs
    #[arg(long, value_name = "N", visible_alias = "max_steps", value_parser = number::count)]
    steps: Option<usize>,
    #[command(flatten)]
    settings: Settings,
    /// Go on with the run that was stopped; one of another process is found by the same `%load`, `%data` and `%lora`
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", help_heading = KEEPING)]
    resume: bool,
    /// Go back to the weights of the step with the lowest validation loss
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", help_heading = VALIDATION)]
    best: bool,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] = &[
        "%train",
        "%train epochs=3 batch=8 lr=2e-4",
        "%train steps=100 accum=4 schedule=linear",
        "%train patience=3",
        "%train resume=true",
    ];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        if self.best {
            return go_back(session, out);
        }
        self.begin(session, out)?;
        drive(session, out)
    }
}

/// Begins `%train OPTIONS` for someone who steps it.
///
/// # Errors
/// A line that does not parse, and those of `%train` itself.
pub fn begin(options: &str, session: &mut Session, out: &mut Out) -> Result<()> {
    let matches = super::parse::matches(super::find("train")?, options)?;
    let args = <Args as clap::FromArgMatches>::from_arg_matches(&matches);
    args.map_err(|e| Error::Usage { magic: "train".into(), cause: e.to_string() })?.begin(session, out)
}

impl Args {
    fn begin(&self, session: &mut Session, out: &mut Out) -> Result<()> {
        let every = self.settings.save_every;
        session.save_memory(self.settings.thrift());
        if self.resume && session.has_run() {
            session.resume_training(self.steps)?;
        } else if self.resume {
            let found = session.reopen_training(self.steps, every)?;
            out.note(&about(if found.done { training::RUN_IS_BACK } else { ui::RUN_GOES_ON }, &found));
        } else {
            let lr = session.adapter().map_or(5e-5, Adapter::rate);
            let recipe = self.settings.recipe(self.epochs, self.steps, lr, session)?;
            let prediction = session.begin_training(recipe, self.settings.dtype())?;
            announce(&prediction, session, out)?;
            begin_anew(session.keep_run(every), out)?;
        }
        Ok(())
    }
}

/// What the run will take, before it takes it.
pub(super) fn announce(prediction: &Prediction, session: &Session, out: &mut Out) -> Result<()> {
    let fields: [(&str, &dyn std::fmt::Display); 4] = [
        ("steps", &prediction.steps),
        ("parameters", &plot::number::count(prediction.parameters as u64)),
        ("bytes", &plot::number::bytes(prediction.bytes)),
        ("time", &plot::number::duration(prediction.seconds)),
    ];
    out.note(&ui::FORECAST.with(&fields));
    memory::announce(prediction, session.dataset()?, out);
    // Without an adapter no weight is frozen: the copy is part of the forecast alone.
    if session.adapter().is_some() && prediction.widened > 0 {
        out.note(&ui::WIDENED.with(&[("bytes", &plot::number::bytes(prediction.widened))]));
    }
    Ok(())
}

/// Says what becomes of the same run that was cut off before; one that cannot be read is no reason to stop.
pub(super) fn begin_anew(found: Result<Option<Found>>, out: &mut Out) -> Result<()> {
    match found {
        Ok(Some(found)) => out.note(&about(if found.done { training::RUN_REPLACED } else { ui::RUN_BEGINS_ANEW }, &found)),
        Ok(None) | Err(Error::BadCheckpoint { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// A sentence on a run that was cut off.
pub(super) fn about(phrase: crate::words::Phrase, found: &Found) -> String {
    phrase.with(&[("step", &found.step), ("of", &found.of), ("path", &found.path.display())])
}

/// Steps the run until it is done or stopped, with its curve and its progress, and puts it down however it ends.
pub(super) fn drive(session: &mut Session, out: &mut Out) -> Result<Value> {
    let result = steps(session, out);
    session.doing(None);
    let kept = if out.stopped() { session.keep_stopped() } else { Ok(()) };
    let back = session.finish_training();
    result.and(kept)?;
    let back = back?;
    let (peak, saving) = (session.run_peak(), session.saving());
    let run = session.run()?;
    out.chart("train", Chart::Curve(curve(run)));
    let summary = summary(run, peak, session.run_room());
    out.table(table(run, &summary));
    memory::saved(saving, out);
    remark(run, back, out);
    if out.stopped() {
        return Err(Error::Interrupted { what: ui::TRAINED_SO_FAR.with(&[("step", &summary.steps), ("of", &run.total())]) });
    }
    Ok(summary.into())
}

/// How the run ended, where that is not plain from its table.
fn remark(run: &Run, back: Option<Validation>, out: &mut Out) {
    if let Some(patience) = run.recipe.patience.filter(|_| run.out_of_patience()) {
        out.note(&training::STOPPED_EARLY.with(&[("step", &run.steps().len()), ("patience", &patience)]));
    }
    if let Some(best) = back {
        out.note(&went_back(best));
    } else if let (Some(best), Some(last), true) = (run.best(), run.last_validation(), run.can_go_back()) {
        let loss = |validation: Validation| format!("{:.4}", validation.loss);
        out.note(&training::BETTER_BEFORE.with(&[("step", &best.step), ("loss", &loss(best)), ("last", &loss(last))]));
    }
}

fn went_back(best: Validation) -> String {
    training::WENT_BACK.with(&[("step", &best.step), ("loss", &format!("{:.4}", best.loss))])
}

fn go_back(session: &mut Session, out: &mut Out) -> Result<Value> {
    let best = session.go_back()?;
    out.note(&went_back(best));
    let peak = session.run_peak();
    Ok(summary(session.run()?, peak, session.run_room()).into())
}

fn steps(session: &mut Session, out: &mut Out) -> Result<()> {
    while !out.stopped() {
        let Some(step) = session.train_step()? else { break };
        let run = session.run()?;
        let label = label(&step, run.tokens_per_second());
        session.doing(Some(format!("train {}/{}", step.n, step.of)));
        out.progress("train", step.n as u64, step.of as u64, &label);
        out.chart("train", Chart::Curve(curve(run)));
        if let Some(trouble) = session.checkpoint_trouble() {
            out.warn(&ui::NO_CHECKPOINT.with(&[("cause", &trouble)]));
        }
        if let Some(trouble) = session.record_trouble() {
            out.warn(&words::NO_RECORD.with(&[("cause", &trouble)]));
        }
        out.between(session);
    }
    Ok(())
}

fn label(step: &Step, rate: f64) -> String {
    let validation = step.validation.map(|v| format!("  {} {:.3}", ui::VALIDATION, v.loss)).unwrap_or_default();
    format!("{} {:.3}{validation}  {rate:.0} tokens/s", ui::LOSS, step.loss)
}

fn curve(run: &Run) -> Curve {
    let train = run.steps().iter().filter(|step| step.loss.is_finite()).map(|step| (step.n as f64, step.loss)).collect();
    let val: Vec<_> = run.steps().iter().filter_map(|step| step.validation).map(|v| (v.step as f64, v.loss)).collect();
    let series = |name: crate::words::Phrase, points| Series { name: name.text().to_owned(), points };
    let mut all = vec![series(ui::TRAIN, train)];
    if !val.is_empty() {
        all.push(series(ui::VALIDATION, val));
    }
    let looked: Vec<Validation> = run.steps().iter().filter_map(|step| step.validation).collect();
    Curve {
        title: ui::TRAIN_TITLE.text().to_owned(),
        x_label: ui::STEP.text().to_owned(),
        y_label: ui::LOSS.text().to_owned(),
        series: all,
        marks: runs::mark(&looked).into_iter().collect(),
    }
}

fn summary(run: &Run, peak_rss_bytes: u64, room: Room) -> value::Train {
    let last = run.steps().last();
    let val = run.last_validation();
    value::Train {
        losses: run.steps().iter().map(|step| step.loss).collect(),
        steps: run.steps().len() as u64,
        loss: last.map_or(f64::NAN, |step| step.loss),
        val_loss: val.map(|v| v.loss),
        best_step: run.best().map(|v| v.step as u64),
        best_val_loss: run.best().map(|v| v.loss),
        weights_of: run.weights_of() as u64,
        overflows: run.overflows().map_or(0, |(count, _)| count as u64),
        tokens_per_second: run.tokens_per_second(),
        peak_rss_bytes,
        seconds: run.seconds(),
        forecast_rss_bytes: room.resident + room.bytes,
        plain_rss_bytes: room.resident + room.plain,
        recompute: room.every.map_or(0, |every| every as u64),
        again_seconds: run.tape().again().as_secs_f64(),
    }
}

fn table(run: &Run, summary: &value::Train) -> Table {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let overflows = run.overflows().map(|(count, scale)| training::OVERFLOWS.with(&[("count", &count), ("scale", &scale)]));
    let mut rows = vec![
        (ui::STEPS.text(), summary.steps.to_string()),
        (ui::LOSS.text(), format!("{:.4}", summary.loss)),
        (ui::VAL_LOSS.text(), or_none(summary.val_loss.map(|loss| format!("{loss:.4}")))),
        (ui::BEST_STEP.text(), or_none(summary.best_step.map(|step| step.to_string()))),
        (ui::SPEED.text(), format!("{:.0} tokens/s", summary.tokens_per_second)),
        (ui::PEAK.text(), plot::number::bytes(summary.peak_rss_bytes)),
        (ui::TIME.text(), plot::number::duration(summary.seconds)),
    ];
    rows.extend(overflows.map(|text| (training::OVERFLOWED.text(), text)));
    Table::pairs(rows)
}
