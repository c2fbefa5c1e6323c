//! What is said when something has gone wrong around Lantern: memory, disks, homes, other versions.

use super::{Phrase, phrase};

pub const LEFT_RUNNING: Phrase = phrase(
    "an earlier session ended while `{what}` ran (begun {begun}, {free} of memory free then):",
    "之前的会话在运行 `{what}` 时结束（开始于 {begun}，当时可用内存 {free}）：",
);
pub const LEFT_REFUSED: Phrase = phrase("it asked for {asked} more and did not get it.", "它再要 {asked} 内存，没有得到。");
pub const LEFT_UNKNOWN: Phrase =
    phrase("out of memory, killed or switched off, it could not say which.", "内存不足、被终止或断电，它没能说明是哪一种。");
pub const LEFT_ADVICE: Phrase = phrase(
    "What needs less: `%load … dtype=bf16`, `%quant q4_k`, a smaller batch= or block=.",
    "更省内存的做法：`%load … dtype=bf16`、`%quant q4_k`、较小的 batch= 或 block=。",
);
pub const NO_HOME: Phrase = phrase(
    "there is no home folder: models, settings and history go to {path}, which the system may clear; LANTERN_HOME names a lasting place",
    "没有主目录：模型、设置和历史放在 {path}，系统可能会清理它；可用 LANTERN_HOME 指定长久的位置",
);
pub const FOREIGN_SETTINGS: Phrase = phrase(
    "another version of Lantern wrote it in a form that this one does not know: it stays as it is",
    "它由另一个版本的 Lantern 写成，本版本不认识其格式：保持原样",
);
pub const SAVE_TAKES: Phrase = phrase("{cause}; the files take {bytes}", "{cause}；这些文件需要 {bytes}");
pub const SAVE_KEPT: Phrase = phrase("what was there is now {kept}", "原来的内容现在是 {kept}");
