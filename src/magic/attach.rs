use wire::Value;

use super::{Magic, Out, Topic};
use crate::session::Session;
use crate::words::ui;
use crate::{Error, Result};

/// Show the running cell here too, or else the last one
///
/// Its text, charts and progress appear as they stand and go on as they come, in another notebook or terminal, or after the browser
/// was closed. It is answered while that cell runs, and stopping it stops the showing alone: the cell goes on. With `--json` it
/// tells how things stand and does not wait. It must be alone in its cell.
#[derive(clap::Args)]
pub struct Args {}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%attach", "%attach --json"];

    /// The desk answers it beside the session's thread (`cell::attach`); here it stands among other lines.
    fn run(self, _session: &mut Session, _out: &mut Out) -> Result<Value> {
        Err(Error::Usage { magic: "attach".to_owned(), cause: ui::ATTACH_ALONE.to_string() })
    }
}
