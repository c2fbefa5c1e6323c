//! What is said about adapters: targets, names, merging, methods side by side.

use super::{Phrase, phrase};

pub const NOTHING_LEFT: Phrase = phrase("`exclude` and `layers` leave no layer of it", "`exclude` 和 `layers` 没有留下任何层");
pub const LAYERS_WITH_PATTERN: Phrase =
    phrase("numbers go with names; put them into the pattern: `.*\\.(0|1)\\..*`", "层号只能与名字同用；请写进模式：`.*\\.(0|1)\\..*`");
pub const PATTERN_FORM: Phrase = phrase("write NAME:NUMBER, by commas: `c_attn:8`", "请写成 名字:数字，以逗号分隔：`c_attn:8`");
pub const NUMBERS_FORM: Phrase = phrase("numbers by commas, or a range: `0,1` or `0-3`", "用逗号分隔的数字或范围：`0,1` 或 `0-3`");
pub const NAME_FORM: Phrase = phrase("letters, digits and - _ . +", "字母、数字以及 - _ . +");
pub const FREEZE_FORM: Phrase = phrase("blocks 0 to {last}, or parts: {known}", "块 0 到 {last}，或部件：{known}");
pub const FULL: Phrase = phrase("full fine-tuning: all {all} parameters are trained", "全量微调：训练全部 {all} 个参数");
pub const FULL_FROZEN: Phrase = phrase(
    "full fine-tuning: {trained} of {all} parameters are trained ({share} %); frozen: {frozen}",
    "全量微调：训练 {all} 个参数中的 {trained} 个（{share} %）；冻结：{frozen}",
);
pub const MERGED: Phrase = phrase(
    "{name} is in the weights of {matrices} matrices now; `%unmerge` takes it out",
    "{name} 已并入 {matrices} 个矩阵的权重；`%unmerge` 可取出",
);
pub const MERGED_WIDE: Phrase = phrase(
    "{widened} packed matrices are dense f32 now, {bytes} more: packed again, they would lose part of what the adapter added",
    "{widened} 个量化矩阵已展开为 f32，增加 {bytes}：若重新量化，会丢失适配器的一部分",
);
pub const UNMERGED: Phrase = phrase("the weights are as they were; {name} is attached", "权重已恢复原样；{name} 已附加");
pub const NO_ADAPTERS: Phrase = phrase("there is no adapter; `%lora` makes one", "没有适配器；用 `%lora` 新建");
pub const IS_ATTACHED: Phrase = phrase("attached", "已附加");
pub const IS_DETACHED: Phrase = phrase("detached", "未附加");
pub const IS_MERGED: Phrase = phrase("merged", "已并入");
pub const NAME: Phrase = phrase("name", "名称");
pub const METHOD: Phrase = phrase("method", "方法");
pub const TRAINED: Phrase = phrase("trained", "训练参数");
pub const STANDING: Phrase = phrase("state", "状态");
pub const SAVED: Phrase = phrase("saved", "保存");
pub const NOT_SAVED: Phrase = phrase("not saved", "未保存");
pub const SPECTRUM: Phrase = phrase("singular values of {adapter}", "{adapter} 的奇异值");
pub const SPECTRUM_X: Phrase = phrase("singular value", "奇异值序号");
pub const SPECTRUM_Y: Phrase = phrase("layer", "层");
pub const LARGEST: Phrase = phrase("largest", "最大");
pub const SMALLEST: Phrase = phrase("smallest", "最小");
pub const USED: Phrase = phrase("directions in use", "使用的方向");
pub const SPECTRUM_DORA: Phrase =
    phrase("DoRA scales each output as well: these are the values of its low-rank part", "DoRA 还会缩放每个输出：这里是其低秩部分的奇异值");
pub const COMPARED: Phrase = phrase("methods side by side", "方法对比");
pub const SHARE: Phrase = phrase("share", "占比");
pub const FORGETTING: Phrase = phrase("perplexity of the text", "文本困惑度");
pub const KEPT_AS: Phrase = phrase(
    "model and adapter are as before; `%adapters NAME` attaches what was trained: {names}",
    "模型与适配器保持原样；`%adapters 名称` 可附加训练结果：{names}",
);
pub const COMPARED_SO_FAR: Phrase = phrase("{n} of {of} methods are in the table", "表中有 {of} 种方法中的 {n} 种");
pub const AS_BEFORE: Phrase = phrase("model and adapter are as before", "模型与适配器保持原样");
