//! What is said of training runs beside their curve.

use super::{Phrase, phrase};

pub const OPTIMIZER: Phrase = phrase("Optimizer", "优化器");
pub const VALIDATION: Phrase = phrase("Validation and stopping", "验证与停止");
pub const KEEPING: Phrase = phrase("Precision, memory, checkpoints", "精度、内存与检查点");
pub const ONLY_WITH: Phrase = phrase("only with `{option}`", "只能与 `{option}` 一起使用");
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
