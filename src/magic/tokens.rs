use wire::{Chart, Span, Spans, Value, value};

use super::{Magic, Out, Topic};
use crate::Result;
use crate::session::Session;
use crate::tokenizer::Tokenizer;
use crate::words::ui;

/// Show how a text is cut into tokens
///
/// Each token with its id; where a character is split between tokens, its bytes.
#[derive(clap::Args)]
pub struct Args {
    /// The text
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
}

/// Neighbours differ in colour.
const TONES: usize = 6;

impl Magic for Args {
    const TOPIC: Topic = Topic::Generate;
    const EXAMPLES: &'static [&'static str] = &["%tokens The quick brown fox", "%tokens \" strawberry strawberry\"", "%tokens 大模型"];

    fn run(self, session: &mut Session, out: &mut Out) -> Result<Value> {
        let text = self.text.join(" ");
        let tokenizer = &session.base()?.tokenizer;
        let ids = tokenizer.encode(&text)?;
        let texts: Vec<String> = ids.iter().map(|id| readable(tokenizer, *id)).collect();
        let span = |(i, (id, text)): (usize, (&u32, &String))| Span { text: text.clone(), note: id.to_string(), tone: i % TONES };
        let spans = ids.iter().zip(&texts).enumerate().map(span).collect();
        let fields: [(&str, &dyn std::fmt::Display); 2] = [("tokens", &ids.len()), ("characters", &text.chars().count())];
        out.show(Chart::Spans(Spans { title: ui::TOKENS_TITLE.with(&fields), spans, legend: Vec::new() }));
        Ok(value::Tokens { ids, texts }.into())
    }
}

/// The token's text, or `<E5 A4>` where it holds a part of a character.
fn readable(tokenizer: &Tokenizer, id: u32) -> String {
    let bytes = tokenizer.token_bytes(id);
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let bytes: Vec<String> = error.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        format!("<{}>", bytes.join(" "))
    })
}
