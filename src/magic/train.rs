use candle_core::DType;
use wire::{Chart, Curve, Mark, Series, Table, Value, value};

use super::{Magic, Out, Topic, load, memory, number};
use crate::optim::Shape;
use crate::plot;
use crate::session::{Found, Prediction, Room, Session, Thrift};
use crate::train::{Recipe, Recompute, Run, Step};
use crate::words::ui;
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
    /// Type of the frozen weights while training; adapters are always f32
    #[arg(long, value_name = "DTYPE", default_value = "f32", value_parser = ["f32", "f16", "bf16"])]
    dtype: String,
    /// Go on with the run that was stopped; one of another process is found by the same `%load`, `%data` and `%lora`
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    resume: bool,
}

/// What `%train` and `%pretrain` share.
#[derive(clap::Args)]
pub struct Settings {
    /// Examples of one forward pass
    #[arg(long, value_name = "N", default_value = "4", visible_alias = "per_device_train_batch_size", value_parser = number::count)]
    pub batch: usize,
    /// Batches whose gradients one step adds up
    #[arg(long, value_name = "N", default_value = "1", visible_alias = "gradient_accumulation_steps", value_parser = number::count)]
    pub accum: usize,
    /// Highest learning rate; without it 2e-4 for an adapter, 5e-5 for all weights
    #[arg(long, value_name = "X", visible_alias = "learning_rate", value_parser = number::positive)]
    pub lr: Option<f64>,
    /// How the rate falls after the warm-up
    #[arg(long, value_name = "NAME", default_value = "cosine", visible_alias = "lr_scheduler_type", value_parser = ["cosine", "linear", "constant"])]
    pub schedule: String,
    /// Share of the steps over which the rate rises
    #[arg(long, value_name = "SHARE", default_value = "0.03", visible_alias = "warmup_ratio", value_parser = number::fraction)]
    pub warmup: f64,
    /// Pull of the weights towards zero
    #[arg(long, value_name = "X", default_value = "0", value_parser = number::not_negative)]
    pub weight_decay: f64,
    /// Largest norm of the gradient
    #[arg(long, value_name = "X", default_value = "1", visible_alias = "max_grad_norm", value_parser = number::positive)]
    pub clip: f64,
    /// Steps between looks at the validation examples
    #[arg(long, value_name = "N", visible_alias = "eval_steps", value_parser = number::count)]
    pub eval_every: Option<usize>,
    /// Seed of the order and of dropout; without it the session's
    #[arg(long, value_name = "N", value_parser = number::seed)]
    pub seed: Option<u64>,
    /// Steps between checkpoints, from which a run that was killed goes on; without it about every half minute
    #[arg(long, value_name = "N", visible_alias = "save_steps", value_parser = number::count)]
    pub save_every: Option<usize>,
    /// Keep less of the forward pass and run it again in the backward pass: `layer`, `N` layers at a time, `off`; `auto` if memory asks for it
    #[arg(long, value_name = "N", default_value = "auto", visible_alias = "gradient_checkpointing", value_parser = number::recompute)]
    pub recompute: Recompute,
    /// The most memory this process may take while training, such as 1.5GB
    #[arg(long, value_name = "BYTES", value_parser = number::bytes)]
    pub memory: Option<u64>,
}

impl Settings {
    pub fn thrift(&self) -> Thrift {
        Thrift { recompute: self.recompute, limit: self.memory }
    }

    pub fn recipe(&self, epochs: f64, steps: Option<usize>, lr: f64, session: &Session) -> Recipe {
        Recipe {
            epochs,
            steps,
            batch: self.batch,
            accum: self.accum,
            lr: self.lr.unwrap_or(lr),
            schedule: match self.schedule.as_str() {
                "linear" => Shape::Linear,
                "constant" => Shape::Constant,
                _ => Shape::Cosine,
            },
            warmup: self.warmup,
            weight_decay: self.weight_decay,
            clip: self.clip,
            seed: self.seed.unwrap_or(session.seed()),
            eval_every: self.eval_every,
        }
    }
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] =
        &["%train", "%train epochs=3 batch=8 lr=2e-4", "%train steps=100 accum=4 schedule=linear", "%train resume=true"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
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
            out.note(&about(ui::RUN_GOES_ON, &found));
        } else {
            let lr = if session.adapter().is_some() { 2e-4 } else { 5e-5 };
            let recipe = self.settings.recipe(self.epochs, self.steps, lr, session);
            let prediction = session.begin_training(recipe, load::dtype(&self.dtype).unwrap_or(DType::F32))?;
            announce(&prediction, session.adapter().is_some(), out);
            begin_anew(session.keep_run(every), out)?;
        }
        Ok(())
    }
}

/// What the run will take, before it takes it.
pub(super) fn announce(prediction: &Prediction, frozen: bool, out: &mut Out) {
    let fields: [(&str, &dyn std::fmt::Display); 4] = [
        ("steps", &prediction.steps),
        ("parameters", &plot::number::count(prediction.parameters as u64)),
        ("bytes", &plot::number::bytes(prediction.bytes)),
        ("time", &plot::number::duration(prediction.seconds)),
    ];
    out.note(&ui::FORECAST.with(&fields));
    memory::announce(prediction, out);
    // Without an adapter no weight is frozen: the copy is part of the forecast alone.
    if frozen && prediction.widened > 0 {
        out.note(&ui::WIDENED.with(&[("bytes", &plot::number::bytes(prediction.widened))]));
    }
}

/// Says what becomes of the same run that was cut off before; one that cannot be read is no reason to stop.
pub(super) fn begin_anew(found: Result<Option<Found>>, out: &mut Out) -> Result<()> {
    match found {
        Ok(Some(found)) => out.note(&about(ui::RUN_BEGINS_ANEW, &found)),
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
    session.finish_training();
    result.and(kept)?;
    let (peak, saving) = (session.run_peak(), session.saving());
    let run = session.run()?;
    out.chart("train", Chart::Curve(curve(run)));
    let summary = summary(run, peak, session.run_room());
    out.table(table(&summary));
    memory::saved(saving, out);
    if out.stopped() {
        return Err(Error::Interrupted { what: ui::TRAINED_SO_FAR.with(&[("step", &summary.steps), ("of", &run.total())]) });
    }
    Ok(summary.into())
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
    }
    Ok(())
}

fn label(step: &Step, rate: f64) -> String {
    let validation = step.validation.map(|v| format!("  {} {:.3}", ui::VALIDATION, v.loss)).unwrap_or_default();
    format!("{} {:.3}{validation}  {rate:.0} tokens/s", ui::LOSS, step.loss)
}

fn curve(run: &Run) -> Curve {
    let train = run.steps().iter().map(|step| (step.n as f64, step.loss)).collect();
    let val: Vec<_> = run.steps().iter().filter_map(|step| step.validation).map(|v| (v.step as f64, v.loss)).collect();
    let series = |name: crate::words::Phrase, points| Series { name: name.text().to_owned(), points };
    let mut all = vec![series(ui::TRAIN, train)];
    if !val.is_empty() {
        all.push(series(ui::VALIDATION, val));
    }
    let marks = run.best().map(|best| Mark { x: best.step as f64, y: best.loss, label: format!("{} {:.3}", ui::BEST, best.loss) });
    Curve {
        title: ui::TRAIN_TITLE.text().to_owned(),
        x_label: ui::STEP.text().to_owned(),
        y_label: ui::LOSS.text().to_owned(),
        series: all,
        marks: marks.into_iter().collect(),
    }
}

fn summary(run: &Run, peak_rss_bytes: u64, room: Room) -> value::Train {
    let last = run.steps().last();
    let val = run.steps().iter().rev().find_map(|step| step.validation);
    value::Train {
        losses: run.steps().iter().map(|step| step.loss).collect(),
        steps: run.steps().len() as u64,
        loss: last.map_or(f64::NAN, |step| step.loss),
        val_loss: val.map(|v| v.loss),
        best_step: run.best().map(|v| v.step as u64),
        tokens_per_second: run.tokens_per_second(),
        peak_rss_bytes,
        seconds: run.seconds(),
        forecast_rss_bytes: room.resident + room.bytes,
        plain_rss_bytes: room.resident + room.plain,
        recompute: room.every.map_or(0, |every| every as u64),
        again_seconds: run.tape().again().as_secs_f64(),
    }
}

fn table(summary: &value::Train) -> Table {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    Table::pairs([
        (ui::STEPS.text(), summary.steps.to_string()),
        (ui::LOSS.text(), format!("{:.4}", summary.loss)),
        (ui::VAL_LOSS.text(), or_none(summary.val_loss.map(|loss| format!("{loss:.4}")))),
        (ui::BEST_STEP.text(), or_none(summary.best_step.map(|step| step.to_string()))),
        (ui::SPEED.text(), format!("{:.0} tokens/s", summary.tokens_per_second)),
        (ui::PEAK.text(), plot::number::bytes(summary.peak_rss_bytes)),
        (ui::TIME.text(), plot::number::duration(summary.seconds)),
    ])
}
