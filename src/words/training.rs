//! What is said of training runs beside their curve.

use super::{Phrase, phrase};

pub const OPTIMIZER: Phrase = phrase("Optimizer", "优化器");
pub const VALIDATION: Phrase = phrase("Validation and stopping", "验证与停止");
pub const KEEPING: Phrase = phrase("Precision, memory, checkpoints", "精度、内存与检查点");
pub const ONLY_WITH: Phrase = phrase("only with `{option}`", "只能与 `{option}` 一起使用");
pub const NO_PACKED_PROMPT: Phrase = phrase(
    "not with virtual tokens: they stand before each row, and a packed row holds many examples",
    "不能与虚拟词元一起使用：它们放在每一行之前，而打包的一行含有多个样本",
);
pub const NOT_SAVED: Phrase = phrase(
    "a run of {model} on {data} came to its end at step {step} and was not saved: the lines that made it (`%load`, `%data`, `%lora`), then `%train resume=true`, bring it back; after `%pretrain` its own line does",
    "{model} 在 {data} 上的训练已在第 {step} 步完成但没有保存：再次给出当时的命令（`%load`、`%data`、`%lora`），再用 `%train resume=true` 即可取回；`%pretrain` 则重复同一行命令",
);
pub const RUN_IS_BACK: Phrase = phrase(
    "the run that ended at step {step} is back, kept in {path} until `%save`",
    "已取回在第 {step} 步结束的训练，`%save` 之前保存于 {path}",
);
pub const RUN_REPLACED: Phrase = phrase(
    "the same run ended before, at step {step}, and was not saved: `%train resume=true` brings it back, this one will take its place in {path}",
    "同一训练之前已在第 {step} 步结束，但没有保存：`%train resume=true` 可以取回；这次的训练将取代 {path} 中的那个",
);
pub const OVERFLOWED: Phrase = phrase("overflows", "溢出");
pub const OVERFLOWS: Phrase = phrase("{count} steps left out, scale {scale}", "跳过 {count} 步，缩放 {scale}");
pub const ABOVE_FROM: Phrase = phrase("above from={from}", "须大于 from={from}");
pub const NOTHING_CHANGED: Phrase = phrase("the sweep; nothing has changed", "扫描已停止；一切不变");
pub const LR_TITLE: Phrase = phrase("loss as the learning rate rises", "学习率升高时的损失");
pub const LR_AXIS: Phrase = phrase("log10 of the learning rate", "学习率的 log10");
pub const LR_RAW: Phrase = phrase("loss", "损失");
pub const LR_SMOOTH: Phrase = phrase("average", "平均");
pub const LR_SUGGESTED: Phrase = phrase(
    "the loss falls fastest at {rate}: `%train lr={rate}`; from {lowest} on it rises again",
    "损失在 {rate} 处下降最快：`%train lr={rate}`；超过 {lowest} 后又会升高",
);
pub const LR_NONE: Phrase = phrase(
    "the loss does not fall at any rate between {from} and {to}: try from=, to= or steps=",
    "学习率在 {from} 到 {to} 之间损失都不下降：请调整 from=、to= 或 steps=",
);
pub const STOPPED_EARLY: Phrase = phrase(
    "stopped at step {step}: no better validation in the last {patience} looks",
    "在第 {step} 步停止：最近 {patience} 次验证没有改善",
);
pub const WENT_BACK: Phrase = phrase(
    "the weights are those of step {step} again (validation loss {loss}); `%train` begins a new run from there",
    "权重已回到第 {step} 步（验证损失 {loss}）；`%train` 从那里开始新的训练",
);
pub const BETTER_BEFORE: Phrase = phrase(
    "validation was best at step {step} ({loss}, now {last}): `%train best=true` goes back there",
    "验证损失在第 {step} 步最低（{loss}，现在为 {last}）：`%train best=true` 回到那里",
);
