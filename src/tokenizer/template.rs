//! Chat templates: Jinja as transformers sets it up.
//!
//! <https://huggingface.co/docs/transformers/chat_templating>

use std::collections::BTreeMap;

use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, ErrorKind};
use serde::Serialize;

use super::json;
use crate::{Error, Result};

/// One turn: `system`, `user` or `assistant` says `content`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    pub role: String,
    pub content: String,
}

impl Message {
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into() }
    }
}

/// Fills a template. `names` are the special tokens it may ask for (`bos_token`, …).
pub fn render(template: &str, messages: &[Message], add_generation_prompt: bool, names: &BTreeMap<String, String>) -> Result<String> {
    let environment = environment();
    let mut context: BTreeMap<&str, Value> = names.iter().map(|(name, token)| (name.as_str(), Value::from(token.as_str()))).collect();
    context.insert("messages", Value::from_serialize(messages));
    context.insert("add_generation_prompt", Value::from(add_generation_prompt));
    context.insert("tools", Value::from(()));
    context.insert("documents", Value::from(()));
    let text = environment.render_str(&plain(template), Value::from_serialize(&context));
    text.map_err(|cause| Error::BadTemplate { cause: complaint(&cause) })
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_filter("tojson", json::filter);
    environment.add_function("raise_exception", |text: String| -> Result<Value, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, text))
    });
    environment.add_function("strftime_now", strftime_now);
    environment.add_function("dict", |given: Kwargs| -> Value {
        let pairs = given.args().map(|name| (name, given.get::<Value>(name).unwrap_or_default()));
        pairs.collect()
    });
    environment
}

/// What the template itself said where it raised, else the engine's words with the line.
fn complaint(cause: &minijinja::Error) -> String {
    match (cause.kind(), cause.detail()) {
        (ErrorKind::InvalidOperation, Some(text)) => text.to_owned(),
        (_, Some(text)) => format!("line {}: {text}", cause.line().unwrap_or_default()),
        (kind, None) => format!("line {}: {kind}", cause.line().unwrap_or_default()),
    }
}

fn strftime_now(format: String) -> Result<String, minijinja::Error> {
    let mut text = String::new();
    std::fmt::Write::write_fmt(&mut text, format_args!("{}", chrono::Local::now().format(&format)))
        .map_err(|_| minijinja::Error::new(ErrorKind::InvalidOperation, format!("strftime_now cannot write {format:?}")))?;
    Ok(text)
}

/// `{% generation %}` marks the assistant's words for training masks in transformers and prints nothing of its own.
fn plain(template: &str) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let (tag, end) = (&rest[start..start + length], start + length);
        let word = tag[2..].trim_matches(['-', '+']).trim();
        text.push_str(&rest[..start]);
        match word {
            "generation" => text.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => text.push_str(&tag.replace("endgeneration", "endif")),
            _ => text.push_str(tag),
        }
        rest = &rest[end..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(template: &str) -> Result<String> {
        let names = BTreeMap::from([("bos_token".to_owned(), "<s>".to_owned())]);
        render(template, &[Message::new("user", " hi "), Message::new("assistant", "<b> & 'c' 模")], true, &names)
    }

    #[test]
    fn jinja_as_transformers_sets_it_up() {
        let cases = [
            ("{{ bos_token }}{{ messages[0].content.strip() }}|{{ eos_token }}", "<s>hi|"),
            ("{% for m in messages %}\n    {% if m['role'].startswith('u') %}\n{{ m.role }}\n    {% endif %}\n{% endfor %}", "user\n"),
            ("{{ messages[1] | tojson }}", r#"{"role": "assistant", "content": "<b> & 'c' 模"}"#),
            ("{%- generation %}a{%- endgeneration %}", "a"),
            ("{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.role }}{% endfor %}", "assistant"),
            ("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "2"),
            ("{% if tools is not none %}x{% endif %}{{ strftime_now('%Y') | length }}", "4"),
            ("{{ {'b': 1, 'a': [true, none]} | tojson }}", r#"{"b": 1, "a": [true, null]}"#),
        ];
        for (template, expected) in cases {
            assert_eq!(fill(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_the_template_raises_is_the_cause() {
        let raised = fill("{{ raise_exception('roles must alternate') }}");
        assert_eq!(raised, Err(Error::BadTemplate { cause: "roles must alternate".to_owned() }));
        assert!(matches!(fill("{% for %}"), Err(Error::BadTemplate { .. })));
        assert!(matches!(fill("{{ strftime_now('%Q') }}"), Err(Error::BadTemplate { .. })));
    }
}
