use wire::{Value, value};

use super::{Magic, Out, Topic};
use crate::session::Session;
use crate::words::{adapters as words, heads};
use crate::{Result, plot};

/// Add the attached adapter to the weights
///
/// The model then answers as with the adapter, at its own speed, and `%save` writes it whole. `%unmerge` restores the weights to the bit. Quantised
/// matrices are widened to f32 for it: packed again, they would lose part of what the adapter added.
#[derive(clap::Args)]
pub struct Args {}

impl Magic for Args {
    const TOPIC: Topic = Topic::Train;
    const EXAMPLES: &'static [&'static str] = &["%merge"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let merging = session.merge_adapter()?;
        let fields: [(&str, &dyn std::fmt::Display); 4] = [
            ("name", &merging.name),
            ("matrices", &merging.matrices),
            ("widened", &merging.widened),
            ("bytes", &plot::number::bytes(merging.bytes - merging.untied)),
        ];
        out.line(&words::MERGED.with(&fields));
        if merging.widened > 0 {
            out.note(&words::MERGED_WIDE.with(&fields));
        }
        if merging.untied > 0 {
            out.note(&heads::MERGED_UNTIED.with(&[("bytes", &plot::number::bytes(merging.untied))]));
        }
        Ok(value::Merge { name: merging.name, matrices: merging.matrices as u64, widened: merging.widened as u64 }.into())
    }
}
