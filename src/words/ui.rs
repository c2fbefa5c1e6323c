//! Headings, chart titles, progress labels.

use super::{Phrase, phrase};

pub const LOSS: Phrase = phrase("loss", "损失");
pub const STEP: Phrase = phrase("step", "步");
pub const TRAIN: Phrase = phrase("train", "训练");
pub const VALIDATION: Phrase = phrase("validation", "验证");
pub const BEST: Phrase = phrase("best", "最佳");

// What is wrong with a row of data
pub const NO_FIELD: Phrase = phrase("there is no `{name}`", "缺少 `{name}`");
pub const NOT_TEXT: Phrase = phrase("`{name}` is not text", "`{name}` 不是文本");
pub const NOT_A_LIST: Phrase = phrase("`{name}` is not a list", "`{name}` 不是列表");
pub const NOT_AN_OBJECT: Phrase = phrase("`{name}` is not an object", "`{name}` 不是对象");
pub const UNKNOWN_ROLE: Phrase =
    phrase("`{name}` is no role: use system, user, assistant or tool", "没有角色 `{name}`：请用 system、user、assistant 或 tool");
pub const FIELD_COUNT: Phrase = phrase("{given} field(s), but the header names {expected}", "有 {given} 个字段，而表头有 {expected} 个");
pub const ASSISTANT_FIRST: Phrase = phrase("the first message is the assistant's: nothing was asked", "第一条消息来自助手：没有提问");
pub const NO_ASSISTANT: Phrase = phrase("no message is the assistant's: there is nothing to learn", "没有助手的消息：没有可学习的内容");
pub const UNSTABLE_TEMPLATE: Phrase = phrase(
    "message {turn} renders differently once the conversation goes on, so learned tokens cannot be told from ignored ones",
    "对话继续后，第 {turn} 条消息的渲染结果会变化，因此无法区分学习与忽略的词元",
);

pub const THIS_MODEL: Phrase = phrase("this model", "这个模型");

// The view of data
pub const IGNORED: Phrase = phrase("ignored", "忽略");
pub const LEARNED: Phrase = phrase("learned", "学习");
pub const TOKENS: Phrase = phrase("tokens", "词元");
pub const EXAMPLE_LENGTHS: Phrase = phrase("length of the examples", "样本长度");
