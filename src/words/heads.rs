//! What is said about adapters on the embedding table and the output head.

use super::{Phrase, phrase};

pub const WHOLE_FORM: Phrase = phrase("one or both of {known}", "{known} 中的一个或两个");
pub const NOT_WHOLE: Phrase = phrase(
    "it holds a whole `{path}`; of `modules_to_save` the embedding table and the output head are known",
    "其中有完整的 `{path}`；`modules_to_save` 只支持词嵌入表和输出头",
);
pub const BOTH: Phrase = phrase("`{path}` cannot be trained whole and have matrices beside it", "`{path}` 不能既整体训练又附加低秩矩阵");
pub const OTHER_TABLE: Phrase = phrase(
    "its `{path}` is not this model's: they differ by {percent} %; it was trained on another base",
    "其中的 `{path}` 与这个模型的不同（相差 {percent} %）：它是在另一个模型上训练的",
);
pub const MERGED_UNTIED: Phrase = phrase(
    "the output head was the embedding table and is one of its own now, {bytes} more: so the other of the two stays what it was",
    "输出头原与词嵌入表共用，现已分开，增加 {bytes}：这样另一方保持不变",
);
pub const END_TARGETS: Phrase = phrase("at the ends", "两端的目标");
