use wire::{Value, value};

use super::{Magic, Out, Topic};
use crate::Result;
use crate::plot::number;
use crate::session::Session;
use crate::words::ui;

/// Drop the model and give its memory back
///
/// The adapter and the tokenised data go with it: `%save` first what should stay.
#[derive(clap::Args)]
pub struct Args {}

impl Magic for Args {
    const TOPIC: Topic = Topic::Model;
    const EXAMPLES: &'static [&'static str] = &["%unload"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let (bytes_before, bytes_after) = session.unload()?;
        out.line(&ui::UNLOADED.with(&[("before", &number::bytes(bytes_before)), ("after", &number::bytes(bytes_after))]));
        Ok(value::Unload { bytes_before, bytes_after }.into())
    }
}
