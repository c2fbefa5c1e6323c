//! Cell magics, and what Rust cells say beside their errors.

use super::{Phrase, phrase};

pub const RUST: Phrase = phrase("Take the whole cell as Rust", "把整个单元格当作 Rust");
pub const RUST_MORE: Phrase = phrase(
    "Lines that begin with `%` or `!` stay Rust. Without it the leading lines of a cell are magics, and the rest is Rust.",
    "以 `%` 或 `!` 开头的行仍是 Rust。不写它时，单元格开头的行是魔法命令，其余是 Rust。",
);
pub const TIME: Phrase = phrase("Say how long the cell took", "显示单元格用时");
pub const TIME_MORE: Phrase = phrase(
    "Wall time of everything in it, magics and Rust; for Rust that includes compiling. Also where the cell fails.",
    "单元格中全部内容的实际用时，包括魔法命令与 Rust（含编译）；失败时也显示。",
);
pub const CAPTURE: Phrase = phrase("Keep what the cell shows instead of showing it", "保留单元格的输出而不显示");
pub const CAPTURE_MORE: Phrase = phrase(
    "It is kept under NAME until the session ends. `%captured NAME` shows it again; in Rust, `let kept = %captured NAME` has it as \
     `kept.text`, a String. Errors and questions are not kept: they are shown.",
    "以 NAME 为名保留到会话结束。`%captured NAME` 再次显示；在 Rust 中 `let kept = %captured NAME`，`kept.text` 是其文本（String）。\
     错误与提问不会被保留，而是直接显示。",
);
pub const WALL_TIME: Phrase = phrase("wall time {time}", "用时 {time}");
pub const KEPT: Phrase = phrase(
    "kept as {name}: {lines} lines, {shown} charts and tables; `%captured {name}` shows it",
    "已保留为 {name}：{lines} 行，{shown} 个图表；`%captured {name}` 可显示",
);
pub const NAME_WANTED: Phrase = phrase("it needs a name: letters, digits and _", "需要一个名字：字母、数字和 _");
pub const ALONE: Phrase = phrase("nothing may stand behind it in its line", "这一行后面不能有其他内容");
pub const FIRST: Phrase = phrase("it must stand in the first lines of its cell", "它必须写在单元格的最前面");
pub const LISTED: Phrase = phrase("In the first line of a cell: {usages}", "写在单元格首行：{usages}");
pub const NAME: Phrase = phrase("name", "名字");
pub const LINES: Phrase = phrase("lines", "行数");
pub const SHOWN: Phrase = phrase("charts and tables", "图表");
pub const ENGINE_LOST: Phrase =
    phrase("the engine of Rust cells had ended; earlier Rust variables are lost\n", "Rust 单元格的引擎已退出；之前的 Rust 变量已丢失\n");
