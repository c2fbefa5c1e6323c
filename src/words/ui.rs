//! Headings, chart titles, progress labels.

use super::{Phrase, phrase};

pub const LOSS: Phrase = phrase("loss", "损失");
pub const STEP: Phrase = phrase("step", "步");
pub const TRAIN: Phrase = phrase("train", "训练");
pub const VALIDATION: Phrase = phrase("validation", "验证");
pub const BEST: Phrase = phrase("best", "最佳");

// Causes and figures that tokenizer, hub and store put into errors
pub const SENTENCEPIECE_GGUF: Phrase = phrase(
    "its vocabulary is SentencePiece, which is not read from GGUF: load the same model's folder with tokenizer.json",
    "它的词表是 SentencePiece，不能从 GGUF 读取：请加载同一模型带 tokenizer.json 的目录",
);
pub const UNKNOWN_VOCABULARY: Phrase = phrase("its vocabulary is `{given}`; known: {known}", "它的词表是 `{given}`；目前支持：{known}");
pub const UNKNOWN_PRE_TOKENIZER: Phrase =
    phrase("its pre-tokenizer is `{given}`; known: {known}", "它的预分词规则是 `{given}`；目前支持：{known}");
pub const NO_VOCABULARY: Phrase = phrase("it holds no vocabulary", "其中没有词表");
pub const NO_MERGES: Phrase = phrase("it holds no list of merges", "其中没有合并表");
pub const AT_LEAST: Phrase = phrase("at least {least}", "至少 {least}");
