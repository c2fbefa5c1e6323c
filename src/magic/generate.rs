use wire::{Value, value};

use super::sampling::{Length, Sampling};
use super::{Magic, Out, Topic};
use crate::session::Session;
use crate::words::ui;
use crate::{Error, Result};

/// Let the model write on from a prompt
///
/// The text appears as it comes. Greedy unless an option asks for sampling. Quotes keep blanks and allow `\n`.
#[derive(clap::Args)]
pub struct Args {
    /// The beginning of the text
    #[arg(value_name = "PROMPT", required = true)]
    prompt: Vec<String>,
    #[command(flatten)]
    sampling: Sampling,
    #[command(flatten)]
    length: Length,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Generate;
    const EXAMPLES: &'static [&'static str] = &[
        "%generate Once upon a time",
        "%generate \"Dear Sir,\\n\" max_new_tokens=60 temperature=0.8 top_p=0.95 seed=1",
        "%generate 解释Transformer架构的核心创新： max_length=100",
    ];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let prompt = self.prompt.join(" ");
        session.begin_generation(&prompt, &self.length.options(&self.sampling))?;
        out.print(&prompt);
        stream(session, out, false)
    }
}

/// Shows the text as it comes and ends the generation; an interrupt keeps what was written.
pub(super) fn stream(session: &mut Session, out: &mut Out, answer: bool) -> Result<Value> {
    let result = loop {
        match session.next_token() {
            Ok(Some(piece)) => {
                out.print(&piece);
                out.between(session);
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    out.line("");
    let written = session.finish_generation(answer)?;
    result?;
    let why = written.stopped_by.name();
    if why == "interrupt" {
        return Err(Error::Interrupted { what: ui::WRITTEN_SO_FAR.with(&[("tokens", &written.ids.len())]) });
    }
    if why == "context" || why == "length" && !answer {
        let rate = format!("{:.1}", written.tokens_per_second);
        let fields: [(&str, &dyn std::fmt::Display); 3] = [("why", &ui::stopped_by(why)), ("tokens", &written.ids.len()), ("rate", &rate)];
        out.note(&ui::STOPPED.with(&fields));
    }
    Ok(value::Generate { text: written.text, ids: written.ids, tokens_per_second: written.tokens_per_second, stopped_by: why.to_owned() }
        .into())
}
