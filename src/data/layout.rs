//! The three layouts of a row and the field names by which they are known.

use serde_json::{Map, Value};

use crate::words::{Phrase, formats, ui};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// instruction, input, output; also prompt/completion and question/answer.
    Instruction,
    /// A list of messages with roles.
    Chat,
    /// Running text.
    Text,
}

impl Layout {
    pub fn name(self) -> &'static str {
        match self {
            Self::Instruction => "instruction",
            Self::Chat => "chat",
            Self::Text => "text",
        }
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Turn {
    /// `system`, `user`, `assistant`, `tool`.
    pub role: String,
    pub content: String,
}

impl Turn {
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into() }
    }
}

/// One row as written, before any template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    Instruction {
        instruction: String,
        /// Empty when there is none.
        input: String,
        output: String,
    },
    Chat(Vec<Turn>),
    Text(String),
}

impl Row {
    /// All that it says, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let (three, turns): (&[&String], &[Turn]) = match self {
            Self::Instruction { instruction, input, output } => (&[instruction, input, output], &[]),
            Self::Chat(turns) => (&[], turns),
            Self::Text(text) => (&[text], &[]),
        };
        let fixed: Vec<&str> = three.iter().map(|text| text.as_str()).collect();
        fixed.into_iter().chain(turns.iter().flat_map(|turn| [turn.role.as_str(), turn.content.as_str()]))
    }

    /// Nothing in it could be learned.
    pub fn is_empty(&self) -> bool {
        let blank = |text: &str| text.trim().is_empty();
        match self {
            Self::Instruction { output, .. } => blank(output),
            Self::Chat(turns) => !turns.iter().any(|turn| turn.role == "assistant" && !blank(&turn.content)),
            Self::Text(text) => blank(text),
        }
    }
}

const PROMPTS: &[&str] = &["instruction", "prompt", "question", "query"];
const INPUTS: &[&str] = &["input", "context"];
const ANSWERS: &[&str] = &["output", "completion", "answer", "response"];
const CONVERSATIONS: &[&str] = &["messages", "conversations"];
const TEXTS: &[&str] = &["text", "content"];

pub type Fields = Map<String, Value>;

/// The layout that the fields of one row spell, if any.
pub fn detect(fields: &Fields) -> Option<Layout> {
    if find(fields, CONVERSATIONS).is_some() {
        Some(Layout::Chat)
    } else if find(fields, PROMPTS).is_some() || find(fields, ANSWERS).is_some() {
        Some(Layout::Instruction)
    } else {
        find(fields, TEXTS).map(|_| Layout::Text)
    }
}

/// The row, or what is missing or wrong in it.
pub fn row(layout: Layout, fields: &Fields) -> Result<Row, String> {
    match layout {
        Layout::Instruction => Ok(Row::Instruction {
            instruction: required(fields, PROMPTS)?,
            input: find(fields, INPUTS).map(|(name, value)| scalar(name, value)).transpose()?.unwrap_or_default(),
            output: required(fields, ANSWERS)?,
        }),
        Layout::Chat => {
            let (name, value) = find(fields, CONVERSATIONS).ok_or_else(|| missing(CONVERSATIONS))?;
            let list = value.as_array().ok_or_else(|| wrong(ui::NOT_A_LIST, name))?;
            list.iter().map(turn).collect::<Result<_, _>>().map(Row::Chat)
        }
        Layout::Text => required(fields, TEXTS).map(Row::Text),
    }
}

/// `{role, content}`, or ShareGPT's `{from, value}`.
fn turn(value: &Value) -> Result<Turn, String> {
    let fields = value.as_object().ok_or_else(|| wrong(ui::NOT_AN_OBJECT, "messages"))?;
    let role = required(fields, &["role", "from"])?;
    let role = match role.as_str() {
        "human" | "user" => "user",
        "gpt" | "assistant" | "model" | "chatgpt" => "assistant",
        "system" => "system",
        "tool" | "observation" => "tool",
        other => return Err(wrong(ui::UNKNOWN_ROLE, other)),
    };
    Ok(Turn::new(role, required(fields, &["content", "value"])?))
}

/// Whether a column of this name can be part of a row.
pub fn is_known(name: &str) -> bool {
    [PROMPTS, INPUTS, ANSWERS, CONVERSATIONS, TEXTS].concat().contains(&name)
}

/// The names of the fields that a row of this layout is made of.
pub fn used(layout: Layout, fields: &Fields) -> Vec<String> {
    let lists = match layout {
        Layout::Instruction => &[PROMPTS, INPUTS, ANSWERS][..],
        Layout::Chat => &[CONVERSATIONS],
        Layout::Text => &[TEXTS],
    };
    lists.iter().filter_map(|names| find(fields, names)).map(|(name, _)| name.to_owned()).collect()
}

/// The fields under the usual names, where the person chose columns; `None` where not.
pub fn chosen(fields: &Fields, columns: &[String]) -> Result<Option<Fields>, String> {
    let names = match columns {
        [] => return Ok(None),
        [one] if fields.get(one).is_some_and(Value::is_array) => &CONVERSATIONS[..1],
        [_] => &TEXTS[..1],
        [_, _] => &["instruction", "output"],
        _ => &["instruction", "input", "output"],
    };
    let field = |(name, column): (&&str, &String)| match fields.get(column) {
        Some(Value::Array(_) | Value::Object(_)) if *name != CONVERSATIONS[0] => Err(wrong(ui::NOT_TEXT, column)),
        Some(value) => Ok(((*name).to_owned(), value.clone())),
        None => {
            let known = fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Err(formats::NO_COLUMN.with(&[("name", column), ("known", &known)]))
        }
    };
    names.iter().zip(columns).map(field).collect::<Result<_, _>>().map(Some)
}

fn find<'a>(fields: &'a Fields, names: &[&'a str]) -> Option<(&'a str, &'a Value)> {
    names.iter().find_map(|name| fields.get(*name).map(|value| (*name, value)))
}

fn required(fields: &Fields, names: &[&str]) -> Result<String, String> {
    let (name, value) = find(fields, names).ok_or_else(|| missing(names))?;
    if value.is_null() { Err(missing(&[name])) } else { scalar(name, value) }
}

/// Text as it is, numbers and truth values as they are written; lists and objects are refused.
fn scalar(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Array(_) | Value::Object(_) => Err(wrong(ui::NOT_TEXT, name)),
    }
}

fn missing(names: &[&str]) -> String {
    ui::NO_FIELD.with(&[("name", &names.first().copied().unwrap_or_default())])
}

fn wrong(phrase: Phrase, name: &str) -> String {
    phrase.with(&[("name", &name)])
}
