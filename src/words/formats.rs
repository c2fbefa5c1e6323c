//! Formats of weights and of data files.

use super::{Phrase, phrase};

pub const ONLY_NF4: Phrase = phrase("only with nf4", "仅用于 nf4");
pub const QUANT_METHOD: Phrase = phrase(
    "`quantization_config` is `{given}`; known: bitsandbytes with nf4 or int8",
    "`quantization_config` 为 `{given}`；已知：bitsandbytes 的 nf4 或 int8",
);
pub const FP4: Phrase = phrase("its weights are fp4; known of bitsandbytes: nf4, int8", "权重为 fp4；bitsandbytes 中已知的是 nf4 和 int8");
pub const MISSING: Phrase = phrase("missing", "缺失");
pub const A_TENSOR: Phrase = phrase("a tensor", "一个张量");
pub const NOT_AS_EXPECTED: Phrase = phrase("`{name}` is {given}, it must be {expected}", "`{name}` 为 {given}，应为 {expected}");
pub const WRITTEN_WIDE: Phrase =
    phrase("{format} has no layout on the hub: these weights are written as f32", "hub 上没有 {format} 的存放格式：这些权重以 f32 写出");
pub const MERGED_WIDE: Phrase = phrase(
    "an adapter cannot be added to packed weights ({format}): all are written as f32",
    "适配器无法合并进打包的权重（{format}）：全部以 f32 写出",
);
pub const SIZE_WANTED: Phrase = phrase("bytes such as 500MB or 2GB", "字节数，如 500MB 或 2GB");
pub const CODEC: Phrase =
    phrase("{cause} (compression known here: none, snappy, gzip, zstd)", "{cause}（此处支持的压缩：无、snappy、gzip、zstd）");
pub const NO_COLUMN: Phrase = phrase("there is no column `{name}`; there are: {known}", "没有列 `{name}`；已有：{known}");
pub const COLUMNS_WANTED: Phrase =
    phrase("one column of text or messages; prompt,answer; or prompt,input,answer", "一列文本或对话；提问,回答；或 提问,输入,回答");
pub const COLUMNS: Phrase = phrase("columns", "列");
pub const ONLY_SETS: Phrase = phrase("only with a data set of the hub or a folder of files", "仅用于 hub 数据集或文件夹");
pub const NONE: Phrase = phrase("none here", "此处没有");
pub const SPLIT: Phrase = phrase("split", "划分");
pub const SET_SPLIT: Phrase = phrase("{split}, {count} file(s)", "{split}，{count} 个文件");
pub const SET_OTHERS: Phrase = phrase("{taken}; also {others}", "{taken}；另有 {others}");
pub const ESTIMATED: Phrase = phrase("about {tokens} (from {looked} rows)", "约 {tokens}（由 {looked} 行估计）");
