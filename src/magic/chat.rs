use wire::Value;

use super::sampling::{Length, Sampling};
use super::{Magic, Out, Topic, generate};
use crate::session::Session;
use crate::words::ui;
use crate::{Error, Result};

/// Talk to the model in its own chat template
///
/// The conversation goes on from message to message; `new=true` or another `system=` begins a new one.
#[derive(clap::Args)]
pub struct Args {
    /// What you say
    #[arg(value_name = "MESSAGE")]
    message: Vec<String>,
    /// Who the model should be; begins a new conversation
    #[arg(long, value_name = "WORDS")]
    system: Option<String>,
    /// Begin a new conversation
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    new: bool,
    #[command(flatten)]
    sampling: Sampling,
    #[command(flatten)]
    length: Length,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Generate;
    const EXAMPLES: &'static [&'static str] =
        &["%chat Who are you?", "%chat \"And why?\" temperature=0.7", "%chat hello system=\"You answer in one word.\"", "%chat new=true"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        if self.new {
            session.end_chat();
        }
        if self.message.is_empty() {
            if self.new {
                out.line(ui::NEW_CHAT.text());
                return Ok(Value::Nothing);
            }
            return Err(Error::MissingArgument { magic: "chat".into(), argument: "MESSAGE".into() });
        }
        session.begin_chat(&self.message.join(" "), self.system.as_deref(), &self.length.options(&self.sampling))?;
        generate::stream(session, out, true)
    }
}
