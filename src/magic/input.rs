use wire::{Value, value};

use super::{Magic, Out, Topic};
use crate::Result;
use crate::session::Session;

/// Ask the person for a line of text
#[derive(clap::Args)]
pub struct Args {
    /// What to show before the answer
    #[arg(value_name = "TEXT", trailing_var_arg = true)]
    prompt: Vec<String>,
    /// Do not show what is typed
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    password: bool,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Session;
    const EXAMPLES: &'static [&'static str] = &["%input", "%input \"Your name: \""];

    fn run(self, _session: &mut Session, out: &mut Out) -> Result<Value> {
        let text = out.input(&self.prompt.join(" "), self.password)?;
        if !self.password {
            out.line(&text);
        }
        Ok(value::Input { text }.into())
    }
}
