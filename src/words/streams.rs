//! Data that stays in its files.

use super::{Phrase, phrase};

pub const NOT_PACKED: Phrase =
    phrase("files that are not packed as a whole (.gz, .zst): unpack it first", "未整体压缩的文件（.gz、.zst 请先解压）");
pub const CHANGED: Phrase = phrase("the file has changed since it was read: `%data` again", "文件在读取之后被修改：请重新 `%data`");
pub const STAYS: Phrase = phrase(
    "{name}: read whole it would take about {needed} of {available} that are free; its rows stay in the file (`stream=false` reads it whole)",
    "{name}：整体读入约需 {needed}，可用内存为 {available}；各行留在文件中（`stream=false` 可强制整体读入）",
);
pub const CAPPED: Phrase = phrase("{held} of {wanted} asked for: a stream keeps no more", "{held}（要求 {wanted}）：流式数据最多保留这些");
