//! What `%train` and `%pretrain` share: how a run is made.

use candle_core::DType;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::{load, number};
use crate::optim::{Method, Shape};
use crate::session::{Session, Thrift};
use crate::train::{Recipe, Recompute};
use crate::words::{pretrain, training};
use crate::{Error, Result};

/// The headings of `%train?`; the Chinese ones are found by these.
pub const OPTIMIZER: &str = "Optimizer";
pub const VALIDATION: &str = "Validation and stopping";
pub const KEEPING: &str = "Precision, memory, checkpoints";
/// Those of `%pretrain?` alone.
pub const MODEL: &str = "Model";
pub const TEXT: &str = "Text and tokenizer";

/// Quantised weights stay as they are.
pub const PACKED: &str = "packed";

/// torch and transformers write `fp16`.
pub fn dtypes() -> PossibleValuesParser {
    [
        PossibleValue::new("f32").alias("fp32"),
        PossibleValue::new("f16").alias("fp16"),
        PossibleValue::new("bf16"),
        PossibleValue::new(PACKED),
    ]
    .into()
}

#[derive(clap::Args)]
pub struct Settings {
    /// Examples of one forward pass
    #[arg(long, value_name = "N", default_value = "4", visible_alias = "per_device_train_batch_size", value_parser = number::count)]
    pub batch: usize,
    /// Batches whose gradients one step adds up
    #[arg(long, value_name = "N", default_value = "1", visible_alias = "gradient_accumulation_steps", value_parser = number::count)]
    pub accum: usize,
    /// Lays the examples of a batch end to end, without padding; none sees another, so the loss stays the same
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    pub pack: bool,
    /// Share of each target that is spread over the whole vocabulary; validation measures without it
    #[arg(long, value_name = "SHARE", default_value = "0", visible_alias = "label_smoothing_factor", value_parser = number::fraction)]
    pub label_smoothing: f64,
    /// Seed of the order and of dropout; without it the session's
    #[arg(long, value_name = "N", value_parser = number::seed)]
    pub seed: Option<u64>,
    /// Highest learning rate; without it 2e-4 for an adapter, 5e-5 for all weights, 1e-3 from nothing
    #[arg(long, value_name = "X", visible_alias = "learning_rate", value_parser = number::positive, help_heading = OPTIMIZER)]
    pub lr: Option<f64>,
    /// How the rate falls after the warm-up
    #[arg(long, value_name = "NAME", default_value = "cosine", visible_alias = "lr_scheduler_type",
        value_parser = ["cosine", "linear", "constant"], help_heading = OPTIMIZER)]
    pub schedule: String,
    /// Share of the steps over which the rate rises
    #[arg(long, value_name = "SHARE", default_value = "0.03", visible_alias = "warmup_ratio", value_parser = number::fraction,
        help_heading = OPTIMIZER)]
    pub warmup: f64,
    /// What turns gradients into steps: adamw keeps 8 bytes a weight, sgd 4 with momentum, adafactor next to none
    #[arg(long, value_name = "NAME", default_value = "adamw", visible_alias = "optim", value_parser = ["adamw", "sgd", "adafactor"],
        help_heading = OPTIMIZER)]
    pub optimizer: String,
    /// Pull of the weights towards zero; biases and norms are left out
    #[arg(long, value_name = "X", default_value = "0", value_parser = number::not_negative, help_heading = OPTIMIZER)]
    pub weight_decay: f64,
    /// Largest norm of the gradient
    #[arg(long, value_name = "X", default_value = "1", visible_alias = "max_grad_norm", value_parser = number::positive,
        help_heading = OPTIMIZER)]
    pub clip: f64,
    /// How much of the last step goes into the next, of sgd; without it 0
    #[arg(long, value_name = "SHARE", value_parser = number::fraction, help_heading = OPTIMIZER)]
    pub momentum: Option<f64>,
    /// How slowly adamw's mean of the gradient moves; without it 0.9
    #[arg(long, value_name = "SHARE", visible_alias = "adam_beta1", value_parser = number::fraction, help_heading = OPTIMIZER)]
    pub beta1: Option<f64>,
    /// How slowly adamw's mean of its square moves; without it 0.999
    #[arg(long, value_name = "SHARE", visible_alias = "adam_beta2", value_parser = number::fraction, help_heading = OPTIMIZER)]
    pub beta2: Option<f64>,
    /// What keeps adamw from dividing by 0; without it 1e-8
    #[arg(long, value_name = "X", visible_alias = "adam_epsilon", value_parser = number::positive, help_heading = OPTIMIZER)]
    pub eps: Option<f64>,
    /// Steps between looks at the validation examples
    #[arg(long, value_name = "N", visible_alias = "eval_steps", value_parser = number::count, help_heading = VALIDATION)]
    pub eval_every: Option<usize>,
    /// Looks in a row without improvement that end the run; the best weights are put back
    #[arg(long, value_name = "N", visible_alias = "early_stopping_patience", value_parser = number::count, help_heading = VALIDATION)]
    pub patience: Option<usize>,
    /// What the validation loss must fall by to count as an improvement
    #[arg(long, value_name = "X", default_value = "0", visible_alias = "early_stopping_threshold", value_parser = number::not_negative,
        help_heading = VALIDATION)]
    pub threshold: f64,
    /// What layers compute in and frozen weights are held in (`packed`: f32, and quantised weights as they are); what is trained stays f32. f16 scales the loss and leaves out steps that overflow
    #[arg(long, value_name = "DTYPE", default_value = PACKED, value_parser = dtypes(), help_heading = KEEPING)]
    pub dtype: String,
    /// Steps between checkpoints, from which a run that was killed goes on; without it about every half minute
    #[arg(long, value_name = "N", visible_alias = "save_steps", value_parser = number::count, help_heading = KEEPING)]
    pub save_every: Option<usize>,
    /// Keep less of the forward pass and run it again in the backward pass: `layer`, `N` layers at a time, `off`; `auto` if memory asks for it
    #[arg(long, value_name = "N", default_value = "auto", visible_alias = "gradient_checkpointing", value_parser = number::recompute,
        help_heading = KEEPING)]
    pub recompute: Recompute,
    /// The most memory this process may take while training, such as 1.5GB
    #[arg(long, value_name = "BYTES", value_parser = number::bytes, help_heading = KEEPING)]
    pub memory: Option<u64>,
}

impl Settings {
    pub fn thrift(&self) -> Thrift {
        Thrift { recompute: self.recompute, limit: self.memory }
    }

    /// `lr` is taken where none was given.
    ///
    /// # Errors
    /// `BadValue` for an option of another optimizer.
    pub fn recipe(&self, epochs: f64, steps: Option<usize>, lr: f64, session: &Session) -> Result<Recipe> {
        let usual = Recipe::default();
        let optimizer = self.optimizer()?;
        Ok(Recipe {
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
            optimizer,
            momentum: self.momentum.unwrap_or(usual.momentum),
            beta1: self.beta1.unwrap_or(usual.beta1),
            beta2: self.beta2.unwrap_or(usual.beta2),
            eps: self.eps.unwrap_or(usual.eps),
            label_smoothing: self.label_smoothing,
            patience: self.patience,
            threshold: self.threshold,
            keep_packed: self.dtype == PACKED,
            pack: self.pack,
        })
    }

    pub fn dtype(&self) -> DType {
        load::dtype(&self.dtype).unwrap_or(DType::F32)
    }

    /// An option that the optimizer does not know would do nothing: it is refused.
    fn optimizer(&self) -> Result<Method> {
        let method = Method::named(&self.optimizer);
        let given = [
            ("momentum", self.momentum, Method::Sgd, "sgd"),
            ("beta1", self.beta1, Method::AdamW, "adamw"),
            ("beta2", self.beta2, Method::AdamW, "adamw"),
            ("eps", self.eps, Method::AdamW, "adamw"),
        ];
        let wrong = given.into_iter().find(|(_, value, of, _)| value.is_some() && *of != method);
        let Some((option, Some(value), _, name)) = wrong else { return Ok(method) };
        let allowed = training::ONLY_WITH.with(&[("option", &format!("optimizer={name}"))]);
        Err(Error::BadValue { option: option.to_owned(), given: value.to_string(), allowed })
    }
}

/// A heading of [`Settings`] in the person's language.
pub fn heading(english: &str) -> &str {
    let headings = [
        (OPTIMIZER, training::OPTIMIZER),
        (VALIDATION, training::VALIDATION),
        (KEEPING, training::KEEPING),
        (MODEL, pretrain::MODEL),
        (TEXT, pretrain::DATA),
    ];
    headings.into_iter().find(|(name, _)| *name == english).map_or(english, |(_, phrase)| phrase.text())
}
