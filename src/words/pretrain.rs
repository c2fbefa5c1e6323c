//! What is said of a model that is made from nothing.

use super::{Phrase, phrase};

pub const MODEL: Phrase = phrase("Model", "模型");
pub const DATA: Phrase = phrase("Text and tokenizer", "文本与分词器");
pub const MADE: Phrase = phrase(
    "a fresh {family}: {parameters} parameters, vocabulary {vocabulary} ({tokenizer}); {tokens} tokens of text",
    "新的 {family}：{parameters} 个参数，词表 {vocabulary}（{tokenizer}）；文本 {tokens} 个词元",
);
pub const LEARNED: Phrase = phrase("learned from it", "由文本学得");
pub const LOADED: Phrase = phrase("the loaded model's", "来自已加载的模型");
pub const FROM: Phrase = phrase("that of {source}", "来自 {source}");
pub const NO_END: Phrase = phrase(
    "this tokenizer names no end of a text: documents follow one another without a mark, and the model will not end by itself",
    "这个分词器没有文本结束符：各文档之间没有标记，模型也不会自行结束",
);
pub const SHORT_VOCABULARY: Phrase = phrase(
    "the text has no more pairs to merge: {given} tokens instead of {wanted}",
    "文本中没有更多可合并的字节对：词表为 {given}，而非 {wanted}",
);
pub const OTHER_FAMILY: Phrase =
    phrase("`{path}` is a config of {family}: leave `family` out", "`{path}` 是 {family} 的配置：请不要给 `family`");
pub const NOT_OF_FAMILY: Phrase = phrase("{family} has none; it goes with family={having}", "{family} 没有这一项；可用于 family={having}");
pub const HIDDEN_OF_HEADS: Phrase = phrase("a multiple of heads = {unit} is needed", "需要是 heads = {unit} 的倍数");
pub const EVEN: Phrase = phrase("an even number is needed: rope turns pairs", "需要偶数：旋转位置编码成对旋转");
pub const ROTARY: Phrase = phrase(
    "it turns {dims} of a head's {head_dim} numbers; an even count from 2 on is needed: `rotary=1` turns all",
    "它使每个注意力头 {head_dim} 个数中的 {dims} 个旋转；须为至少 2 的偶数个：`rotary=1` 使全部旋转",
);
pub const AT_MOST: Phrase = phrase("at most {most}", "最多 {most}");
pub const ONLY_OWN: Phrase =
    phrase("only with `tokenizer=own`: another one brings its vocabulary along", "只能与 `tokenizer=own` 一起使用：其他分词器自带词表");
pub const SMALLER: Phrase = phrase(
    "a smaller model: `layers=`, `hidden=`, or a smaller vocabulary; `optimizer=adafactor` keeps less beside the weights",
    "换更小的模型：`layers=`、`hidden=`，或更小的词表；`optimizer=adafactor` 在权重之外占用更少",
);
pub const TRAINING_OF: Phrase = phrase("training {parameters} parameters", "训练 {parameters} 个参数");
pub const NOTHING_MADE: Phrase = phrase("no model was made; everything is as it was", "没有生成模型；一切不变");

/// Chinese help of the options, as in `help_zh`.
pub const OPTIONS: &[(&str, &str, &str)] = &[
    ("pretrain", "fresh", "即使同一行命令曾被中断也重新开始"),
    ("pretrain", "files", "文本，写法同 `%data`；多个用逗号分隔"),
    ("pretrain", "name", "给模型起的名字"),
    ("pretrain", "family", "架构；不给时用 `config` 的架构，否则为 llama"),
    ("pretrain", "config", "作为起点的 config.json，原模型可以是任何大小；下面的选项会覆盖它，没给的保持它的比例"),
    ("pretrain", "layers", "注意力与 MLP 块的层数；没有 config 时为 4"),
    ("pretrain", "hidden", "残差流的宽度；没有 config 时为 128"),
    ("pretrain", "heads", "注意力头数；没有 config 时为 4"),
    ("pretrain", "kv_heads", "键值头数，用于 llama、mistral、qwen2、qwen3；没有 config 时与注意力头数相同"),
    ("pretrain", "head_dim", "每个头的宽度，用于 llama、mistral、qwen2、qwen3；没有 config 时为 hidden / heads"),
    ("pretrain", "inner", "MLP 的内部宽度；没有 config 时 gpt2 与 gpt_neox 为 4 倍 hidden，其余为 8/3 倍，取整到 32"),
    ("pretrain", "context", "上下文的位置数；没有 config 时为 256"),
    ("pretrain", "window", "一个查询能看到的键数，用于 mistral；没有 config 时为 4096"),
    ("pretrain", "rotary", "每个头中参与旋转的比例，用于 gpt_neox；没有 config 时为 0.25"),
    ("pretrain", "tie", "输出层是否就是嵌入表；没有 config 时为 true"),
    ("pretrain", "init", "初始权重：`family` 与 transformers 相同；`scaled` 如 GPT-2，写入残差流的权重缩小为 1/sqrt(2 层数)"),
    ("pretrain", "tokenizer", "`own` 由文本学习；`loaded` 用已加载模型的；或给出模型的名字、文件夹或文件，用它的分词器"),
    ("pretrain", "vocab", "自学词表的词元数；不给时为 1024"),
    ("pretrain", "column", "文本所在的列，当列名不能说明时给出"),
    ("pretrain", "split", "hub 数据集或文件夹的划分；有 train 时用它"),
    ("pretrain", "subset", "hub 数据集的配置"),
    ("pretrain", "limit", "只读前面这么多行"),
    ("pretrain", "block", "一个训练样本的词元数"),
    ("pretrain", "val", "留作验证的文本比例"),
    ("pretrain", "epochs", "遍历文本的轮数"),
    ("pretrain", "lr", "最高学习率；不给时为 1e-3"),
    ("pretrain", "seed", "初始权重、样本顺序的种子；不给时用会话的种子"),
];
