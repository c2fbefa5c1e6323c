use wire::{Value, value};

use super::{Magic, Out, Topic, number};
use crate::session::Session;
use crate::{Result, words};

/// Show or set the seed of all random numbers
///
/// The same seed gives the same text, the same batches, the same losses, on the same machine and build.
#[derive(clap::Args)]
pub struct Args {
    /// The new seed
    #[arg(value_name = "N", value_parser = number::seed)]
    seed: Option<u64>,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%seed", "%seed 7"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        if let Some(seed) = self.seed {
            session.set_seed(seed);
        }
        out.line(&words::ui::SEED.with(&[("seed", &session.seed())]));
        Ok(value::Seed { seed: session.seed() }.into())
    }
}
