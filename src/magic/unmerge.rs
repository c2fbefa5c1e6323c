use wire::{Value, value};

use super::{Magic, Out, Topic};
use crate::Result;
use crate::session::Session;
use crate::words::adapters as words;

/// Take the adapter that was merged last out of the weights
///
/// The weights are what they were, to the bit, and the adapter is attached beside them.
#[derive(clap::Args)]
pub struct Args {}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] = &["%unmerge"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let name = session.unmerge_adapter()?;
        out.line(&words::UNMERGED.with(&[("name", &name)]));
        Ok(value::Unmerge { name }.into())
    }
}
