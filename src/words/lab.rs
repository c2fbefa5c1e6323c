//! What is said about cells that look into a session on which another cell works.

use super::{Phrase, phrase};

/// What was interrupted: "{what} was interrupted".
pub const A_READ: Phrase = phrase("the wait for a moment between two steps", "等待两步之间的空隙");
pub const ANOTHER_CELL: Phrase = phrase("another cell", "另一个单元格");
/// Before a cell that waits for another front end's.
pub const WAITS: Phrase = phrase(
    "waits for the cell of another front end ({doing}); `%attach` shows it, and `%status`, `%next`, `%tokens` or `lab::logits` answer meanwhile",
    "正在等待另一个前端的单元格（{doing}）；`%attach` 可以查看，`%status`、`%next`、`%tokens`、`lab::logits` 现在就会回答",
);
/// A row of `%status`.
pub const DOING: Phrase = phrase("doing", "正在进行");
