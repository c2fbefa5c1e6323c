//! Headings, chart titles, progress labels.

use super::{Phrase, phrase};

pub const LOSS: Phrase = phrase("loss", "损失");
pub const STEP: Phrase = phrase("step", "步");
pub const TRAIN: Phrase = phrase("train", "训练");
pub const VALIDATION: Phrase = phrase("validation", "验证");
pub const BEST: Phrase = phrase("best", "最佳");

// The terminal program
pub const WELCOME: Phrase = phrase(
    "Lantern {version}: %help to begin, %lsmagic for all magics, Ctrl-D to leave",
    "Lantern {version}：%help 入门，%lsmagic 列出全部魔法命令，Ctrl-D 退出",
);
pub const ERROR: Phrase = phrase("error", "错误");
pub const HINT: Phrase = phrase("hint", "提示");
pub const IN_CELL: Phrase = phrase("in cell {number} of {count}", "在第 {number} 个单元格（共 {count} 个）");
pub const CELL_SECONDS: Phrase = phrase("cell {number}: {seconds} s", "单元格 {number}：{seconds} 秒");
pub const STOPPING: Phrase =
    phrase("still stopping: the step in progress ends first; Ctrl-\\ kills the program", "正在停止：先完成当前这一步；Ctrl-\\ 强制结束程序");
pub const LEFT: Phrase = phrase("left", "剩余");
pub const CANNOT_READ: Phrase = phrase("cannot read `{path}`", "无法读取 `{path}`");
pub const SCRIPT_NOT_UTF8: Phrase = phrase("`{path}` is not UTF-8 text (line {line})", "`{path}` 不是 UTF-8 文本（第 {line} 行）");
pub const BAD_NOTEBOOK: Phrase = phrase("`{path}` is not a notebook", "`{path}` 不是笔记本");
pub const NO_CELLS: Phrase = phrase("it has no list of cells (nbformat 4 is needed)", "没有单元格列表（需要 nbformat 4）");
pub const SESSION_GONE: Phrase = phrase("the session ended while the cell ran", "单元格运行时会话已结束");
pub const NO_TERMINAL: Phrase = phrase("cannot use this terminal", "无法使用这个终端");
