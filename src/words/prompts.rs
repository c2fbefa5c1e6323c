//! Virtual tokens: `%ptune` and what it says of its prompts.

use super::{Phrase, phrase};

pub const ROOM: Phrase = phrase("less than the model's context of {context}", "小于模型的上下文长度 {context}");
pub const ATTACHED: Phrase = phrase(
    "{adapter}: {parameters} trainable parameters, {share} % of the model",
    "{adapter}：{parameters} 个可训练参数，占模型的 {share} %",
);
pub const SHRINKS: Phrase = phrase(
    "saved, it is {kept} numbers: the network that makes them is needed for training only",
    "保存后是 {kept} 个数：生成它们的网络只在训练时需要",
);
pub const SAVED_BARE: Phrase = phrase(
    "the folder holds the prompts, not the network that made them, as PEFT's does: loaded again, training goes on with the prompts themselves",
    "目录中保存的是提示本身，而不是生成它们的网络，与 PEFT 相同：重新加载后，训练将直接调整提示",
);
pub const LOADED_BARE: Phrase = phrase(
    "the network that made these prompts is not in the folder: `%train` goes on with the prompts themselves",
    "生成这些提示的网络不在目录中：`%train` 将直接调整提示",
);
pub const ONLY_PTUNING: Phrase = phrase("only method=p-tuning has an encoder", "只有 method=p-tuning 有编码器");
pub const ONLY_NET: Phrase = phrase(
    "only method=p-tuning and method=prefix projection=true have a network",
    "只有 method=p-tuning 与 method=prefix projection=true 有网络",
);
pub const ONLY_LSTM: Phrase = phrase("only encoder=lstm has this", "只有 encoder=lstm 有此选项");
pub const ONLY_PREFIX: Phrase = phrase("only method=prefix has a projection", "只有 method=prefix 有投影");
pub const ONLY_PROMPT: Phrase = phrase("only method=prompt can begin with tokens", "只有 method=prompt 可以从词元开始");
pub const ONLY_TEXT: Phrase = phrase("only method=prompt init=text takes one", "只用于 method=prompt init=text");
