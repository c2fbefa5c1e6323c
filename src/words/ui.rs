//! Headings, chart titles, progress labels.

use super::{Phrase, phrase};

pub const LOSS: Phrase = phrase("loss", "损失");
pub const STEP: Phrase = phrase("step", "步");
pub const TRAIN: Phrase = phrase("train", "训练");
pub const VALIDATION: Phrase = phrase("validation", "验证");
pub const BEST: Phrase = phrase("best", "最佳");
pub const NOTHING_TO_DRAW: Phrase = phrase("nothing to draw", "没有可画的数据");
pub const COUNT: Phrase = phrase("count", "数量");
pub const CELL_IS_MEAN: Phrase = phrase("each cell is the mean of {rows} × {columns}", "每格是 {rows} × {columns} 的平均值");
