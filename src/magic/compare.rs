use std::path::PathBuf;

use wire::{Chart, Curve, Series, Table, Value, value};

use super::methods::{Given, METHODS, parsed, prompt};
use super::settings::Settings;
use super::{Magic, Out, Topic, number};
use crate::adapter::{Adapter, Lora, Names, Targets};
use crate::random::Random;
use crate::session::{Aside, Measure, Session};
use crate::train::Recipe;
use crate::words::{adapters as words, ui};
use crate::{Error, Result, data, plot};

/// Train with several methods and set them side by side
///
/// Each begins from the model as it is and sees the same batches in the same order. The table says what each trains and what it brings; with `text=` also what it
/// forgets: the perplexity of a text that the data does not teach. Afterwards model, adapter and run are as before, and each trained adapter
/// waits in `%adapters`.
#[derive(clap::Args)]
pub struct Args {
    /// Methods by commas: `lora`, `rslora`, `dora`, `p-tuning`, `p-tuning-lstm`, `prompt`, `prefix`, `full`; `full:1e-3` gives one a learning rate of its own
    #[arg(value_name = "METHOD", default_value = "lora,dora,full", value_delimiter = ',')]
    methods: Vec<String>,
    /// Optimizer steps of each
    #[arg(long, value_name = "N", default_value = "30", visible_alias = "max_steps", value_parser = number::count)]
    steps: usize,
    /// A text to measure forgetting with
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Rank of the low-rank methods
    #[arg(long, value_name = "N", default_value = "16", value_parser = number::count)]
    r: usize,
    /// Scale of the low-rank methods
    #[arg(long, value_name = "X", default_value = "32", visible_alias = "lora_alpha", value_parser = number::positive)]
    alpha: f64,
    /// Layers of the low-rank methods, as in `%lora`
    #[arg(long, value_name = "TARGET", visible_alias = "target_modules", value_delimiter = ',')]
    target: Vec<String>,
    /// Virtual tokens of the prompt methods
    #[arg(long, value_name = "N", default_value = "20", visible_alias = "num_virtual_tokens", value_parser = number::count)]
    n: usize,
    #[command(flatten)]
    settings: Settings,
}

/// What one method came to.
struct Trial {
    method: String,
    trained: usize,
    steps: usize,
    before: Measure,
    after: Measure,
    curve: Vec<(f64, f64)>,
    peak: u64,
    rate: f64,
    seconds: f64,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] =
        &["%compare", "%compare lora,dora,full steps=50 batch=4", "%compare lora:1e-3,prefix,full:1e-4 n=16 text=book.txt"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        if let Some(other) = self.methods.iter().find(|method| parsed(method).is_none()) {
            let allowed = ui::ONE_OF.with(&[("choices", &METHODS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "))]);
            return Err(Error::BadValue { option: "METHOD".into(), given: other.clone(), allowed });
        }
        let text = self.text.as_ref().map(|file| Ok::<_, Error>((file.display().to_string(), data::read_text(file)?))).transpose()?;
        let text = text.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        let mut aside = session.set_aside()?;
        let mut trials = Vec::new();
        let mut result = Ok(());
        for method in &self.methods {
            result = self.trial(method, text, session, out, &mut aside, &mut trials);
            session.end_trial(&mut aside);
            if result.is_err() || out.stopped() {
                break;
            }
        }
        let share = session.base().map_or(1, |base| base.model.parameters());
        let names = session.bring_back(aside);
        session.doing(None);
        if !trials.is_empty() {
            out.chart("compare", Chart::Curve(curves(&trials)));
            out.table(table(&trials, share));
            let kept = if names.is_empty() { words::AS_BEFORE.to_string() } else { words::KEPT_AS.with(&[("names", &names.join(", "))]) };
            out.note(&kept);
        }
        result?;
        if out.stopped() {
            return Err(Error::Interrupted { what: words::COMPARED_SO_FAR.with(&[("n", &trials.len()), ("of", &self.methods.len())]) });
        }
        Ok(value::Compare { rows: trials.iter().map(row).collect(), adapters: names }.into())
    }
}

impl Args {
    /// What `method` trains; `None` for all weights.
    fn adapter(&self, method: &str, session: &Session) -> Result<Option<Adapter>> {
        let model = &session.base()?.model;
        if let Some(prompt) = prompt(method, self.n, &model.spec) {
            return session.fresh_prompt(prompt, self.settings.seed).map(Some);
        }
        let random = Random::seeded(self.settings.seed.unwrap_or(session.seed())).fork("lora");
        let default = || Targets::list(model.family.targets.iter().copied());
        let targets = if self.target.is_empty() { default() } else { Targets { names: Names::parse(&self.target), ..Targets::default() } };
        let lora = Lora { r: self.r, alpha: self.alpha, targets, rslora: method == "rslora", dora: method == "dora", ..Lora::default() };
        match method {
            "full" => Ok(None),
            _ => Adapter::new(lora, model, &random).map(Some),
        }
    }

    /// Positions that one of the methods takes from the context.
    fn ahead(&self, session: &Session) -> Result<usize> {
        let spec = &session.base()?.model.spec;
        let any = self.methods.iter().filter_map(|method| parsed(method)).any(|(name, _)| prompt(name, self.n, spec).is_some());
        Ok(if any { self.n } else { 0 })
    }

    /// Trains with one method; what it came to is noted even if it was stopped on the way.
    fn trial(
        &self,
        method: &str,
        text: Option<(&str, &str)>,
        session: &mut Session,
        out: &mut Out,
        aside: &mut Aside,
        trials: &mut Vec<Trial>,
    ) -> Result<()> {
        let Some((name, rate)) = parsed(method) else { return Ok(()) };
        // What the model says by itself: fresh virtual tokens change it.
        session.begin_trial(None, aside);
        let ahead = self.ahead(session)?;
        let before = session.measure(text, ahead)?;
        let adapter = self.adapter(name, session)?;
        session.begin_trial(adapter, aside);
        let recipe = self.settings.recipe(1.0, Some(self.steps), rate.value(), session)?;
        let recipe = if let Given::Alone(lr) = rate { Recipe { lr, ..recipe } } else { recipe };
        let prediction = session.begin_training(recipe, self.settings.dtype())?;
        let (trained, curve) = (prediction.parameters, before.val.map(|val| (0.0, val)).into_iter().collect());
        trials.push(Trial {
            method: method.to_owned(),
            trained,
            steps: 0,
            before,
            after: Measure::default(),
            curve,
            peak: 0,
            rate: 0.0,
            seconds: 0.0,
        });
        let stepped = self.steps(session, out, trials);
        let finished = session.finish_training();
        let peak = session.run_peak();
        let run = session.run()?;
        let (rate, seconds, last) = (run.tokens_per_second(), run.seconds(), run.last_validation());
        // Where it was stopped, the last look on the way has to do.
        let after = session.measure(text, ahead).unwrap_or(Measure { val: last.map(|v| v.loss), text: None });
        if let Some(trial) = trials.last_mut() {
            (trial.after, trial.peak, trial.rate, trial.seconds) = (after, peak, rate, seconds);
        }
        if trials.last().is_some_and(|trial| trial.steps == 0) {
            trials.pop();
        }
        stepped.and(finished.map(|_| ()))
    }

    fn steps(&self, session: &mut Session, out: &mut Out, trials: &mut [Trial]) -> Result<()> {
        while !out.stopped() {
            let Some(step) = session.train_step()? else { break };
            let Some(trial) = trials.last_mut() else { break };
            trial.steps = step.n;
            let label = format!("{}  {} {:.3}", trial.method, ui::LOSS, step.loss);
            // Without validation examples the losses of the steps are all there is.
            let point = step.validation.map(|v| v.loss).or_else(|| trial.before.val.is_none().then_some(step.loss));
            trial.curve.extend(point.map(|loss| (step.n as f64, loss)));
            session.doing(Some(format!("compare {} {}/{}", trial.method, step.n, step.of)));
            out.progress("compare", step.n as u64, step.of as u64, &label);
            if point.is_some() {
                out.chart("compare", Chart::Curve(curves(trials)));
            }
            out.between(session);
        }
        Ok(())
    }
}

fn curves(trials: &[Trial]) -> Curve {
    let series = trials.iter().map(|trial| Series { name: trial.method.clone(), points: trial.curve.clone() });
    let validated = trials.iter().any(|trial| trial.before.val.is_some());
    Curve {
        title: words::COMPARED.text().to_owned(),
        x_label: ui::STEP.text().to_owned(),
        y_label: if validated { ui::VAL_LOSS.text() } else { ui::LOSS.text() }.to_owned(),
        series: series.collect(),
        marks: Vec::new(),
    }
}

fn table(trials: &[Trial], all: u64) -> Table {
    let mut headings = vec![words::METHOD, words::TRAINED, words::SHARE, ui::VAL_LOSS];
    if trials.iter().any(|trial| trial.before.text.is_some()) {
        headings.push(words::FORGETTING);
    }
    headings.extend([ui::STEPS, ui::PEAK, ui::SPEED, ui::TIME]);
    let pair = |before: Option<f64>, after: Option<f64>, digits: usize| match (before, after) {
        (Some(before), Some(after)) => format!("{before:.digits$} → {after:.digits$}"),
        _ => "-".to_owned(),
    };
    let row = |trial: &Trial| {
        let mut cells = vec![
            trial.method.clone(),
            plot::number::count(trial.trained as u64),
            format!("{:.2} %", 100.0 * trial.trained as f64 / all as f64),
            pair(trial.before.val, trial.after.val, 4),
        ];
        if trials.iter().any(|trial| trial.before.text.is_some()) {
            cells.push(pair(trial.before.text, trial.after.text, 2));
        }
        cells.extend([
            trial.steps.to_string(),
            plot::number::bytes(trial.peak),
            format!("{:.0} tokens/s", trial.rate),
            plot::number::duration(trial.seconds),
        ]);
        cells
    };
    Table { headings: headings.into_iter().map(|phrase| phrase.text().to_owned()).collect(), rows: trials.iter().map(row).collect() }
}

fn row(trial: &Trial) -> value::CompareRow {
    value::CompareRow {
        method: trial.method.clone(),
        parameters: trial.trained as u64,
        steps: trial.steps as u64,
        val_before: trial.before.val,
        val_after: trial.after.val,
        text_before: trial.before.text,
        text_after: trial.after.text,
        peak_rss_bytes: trial.peak,
        tokens_per_second: trial.rate,
        seconds: trial.seconds,
    }
}
