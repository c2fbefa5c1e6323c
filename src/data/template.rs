//! Instruction rows become text: the Alpaca wording, or the model's own chat template.

use super::{Encode, Turn};

/// How instruction rows are worded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// The chat template if the model brings one, else Alpaca.
    #[default]
    Auto,
    Alpaca,
    Chat,
}

impl Template {
    pub const NAMES: &'static [&'static str] = &["auto", "alpaca", "chat"];

    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "alpaca" => Some(Self::Alpaca),
            "chat" => Some(Self::Chat),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Alpaca => "alpaca",
            Self::Chat => "chat",
        }
    }

    /// `Auto` decided: never returns it.
    pub fn resolve(self, tokenizer: &impl Encode) -> Self {
        match self {
            Self::Auto if tokenizer.has_chat() => Self::Chat,
            Self::Auto => Self::Alpaca,
            chosen => chosen,
        }
    }
}

const WITH_INPUT: &str = "Below is an instruction that describes a task, paired with an input that provides further context. \
Write a response that appropriately completes the request.\n\n";
const WITHOUT_INPUT: &str = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n";

/// The prompt of Stanford Alpaca (github.com/tatsu-lab/stanford_alpaca, `train.py`): no line end after `### Response:`.
pub fn alpaca(instruction: &str, input: &str) -> String {
    if input.is_empty() {
        format!("{WITHOUT_INPUT}### Instruction:\n{instruction}\n\n### Response:")
    } else {
        format!("{WITH_INPUT}### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:")
    }
}

/// An instruction as a conversation: the input follows the instruction on a new line.
pub fn turns(instruction: &str, input: &str, output: &str) -> Vec<Turn> {
    vec![Turn::new("user", question(instruction, input)), Turn::new("assistant", output)]
}

/// What the user says for an instruction row.
pub fn question(instruction: &str, input: &str) -> String {
    if input.is_empty() { instruction.to_owned() } else { format!("{instruction}\n{input}") }
}
