//! What is said about adapters: targets, names, merging, methods side by side.

use super::{Phrase, phrase};

pub const NOTHING_LEFT: Phrase = phrase("`exclude` and `layers` leave no layer of it", "`exclude` 和 `layers` 没有留下任何层");
pub const LAYERS_WITH_PATTERN: Phrase =
    phrase("numbers go with names; put them into the pattern: `.*\\.(0|1)\\..*`", "层号只能与名字同用；请写进模式：`.*\\.(0|1)\\..*`");
pub const PATTERN_FORM: Phrase = phrase("write NAME:NUMBER, by commas: `c_attn:8`", "请写成 名字:数字，以逗号分隔：`c_attn:8`");
pub const NUMBERS_FORM: Phrase = phrase("numbers by commas, or a range: `0,1` or `0-3`", "用逗号分隔的数字或范围：`0,1` 或 `0-3`");
