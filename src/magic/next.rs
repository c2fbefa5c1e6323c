use wire::value::NextToken;
use wire::{Bars, Chart, Group, Value, value};

use super::sampling::Sampling;
use super::{Magic, Out, Topic, number};
use crate::Result;
use crate::session::Session;
use crate::words::ui;

/// Show which tokens the model expects next
///
/// Bars before and after temperature, top-k and top-p; without such options only the model's own.
#[derive(clap::Args)]
pub struct Args {
    /// The text so far
    #[arg(value_name = "PROMPT", required = true)]
    prompt: Vec<String>,
    /// How many tokens to show
    #[arg(long, value_name = "N", default_value = "10", value_parser = number::count)]
    top: usize,
    #[command(flatten)]
    sampling: Sampling,
}

impl Magic for Args {
    const TOPIC: Topic = Topic::Generate;
    const EXAMPLES: &'static [&'static str] = &["%next The capital of France is", "%next \"Once upon a\" top=20 temperature=0.7 top_k=5"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let options = self.sampling.options();
        let prompt = self.prompt.join(" ");
        let found = session.next(&prompt, self.top, &options)?;
        let labels = found.iter().map(|token| format!("{:?}", token.text).trim_matches('"').replace(' ', "·")).collect();
        let group = |name: String, values: Vec<f64>| Group { name, values };
        let mut groups = vec![group(ui::BEFORE.text().to_owned(), found.iter().map(|token| token.before).collect())];
        if found.iter().any(|token| (token.before - token.after).abs() > 1e-9) {
            groups.push(group(ui::AFTER.text().to_owned(), found.iter().map(|token| token.after).collect()));
        }
        let title = ui::NEXT_TITLE.with(&[("prompt", &shorten(&prompt))]);
        out.show(Chart::Bars(Bars { title, x_label: ui::PROBABILITY.text().to_owned(), labels, groups }));
        let tokens = found.into_iter().map(|t| NextToken { id: t.id, text: t.text, before: t.before, after: t.after });
        Ok(value::Next { tokens: tokens.collect() }.into())
    }
}

/// The end of a long text: what comes next follows from there.
fn shorten(text: &str) -> String {
    let count = text.chars().count();
    if count <= 40 { text.to_owned() } else { format!("…{}", text.chars().skip(count - 40).collect::<String>()) }
}
