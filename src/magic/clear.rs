use wire::Value;

use super::{Magic, Out, Topic};
use crate::Result;
use crate::session::Session;

/// Clear the output of this cell
#[derive(clap::Args)]
pub struct Args {
    /// Wait until the next output comes, so that nothing flickers
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    wait: bool,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%clear", "%clear wait=true"];

    fn run(self, _session: &mut Session, out: &mut Out) -> Result<Value> {
        out.clear(self.wait);
        Ok(Value::Nothing)
    }
}
