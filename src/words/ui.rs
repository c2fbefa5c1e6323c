//! Headings, chart titles, progress labels.

use super::{Phrase, phrase};

pub const LOSS: Phrase = phrase("loss", "损失");
pub const STEP: Phrase = phrase("step", "步");
pub const TRAIN: Phrase = phrase("train", "训练");
pub const VALIDATION: Phrase = phrase("validation", "验证");
pub const BEST: Phrase = phrase("best", "最佳");

pub const TOPIC: Phrase = phrase("topic", "主题");
pub const TOPIC_MODEL: Phrase = phrase("model", "模型");
pub const TOPIC_GENERATE: Phrase = phrase("generate", "生成");
pub const TOPIC_DATA: Phrase = phrase("data", "数据");
pub const TOPIC_TRAIN: Phrase = phrase("train", "训练");
pub const TOPIC_EVALUATE: Phrase = phrase("evaluate", "评估");
pub const TOPIC_SESSION: Phrase = phrase("session", "会话");
pub const MAGIC: Phrase = phrase("magic", "魔法命令");
pub const WHAT_IT_DOES: Phrase = phrase("what it does", "作用");
pub const LSMAGIC_MORE: Phrase =
    phrase("`%train?` explains one; `!ls` runs a command of the system", "`%train?` 解释一个命令；`!ls` 运行系统命令");
pub const OPTIONS: Phrase = phrase("Options", "选项");
pub const EXAMPLES: Phrase = phrase("Examples", "示例");
pub const DEFAULT: Phrase = phrase("default", "默认");
pub const ALSO: Phrase = phrase("also", "也可写作");
pub const SEED: Phrase = phrase("seed {seed}", "随机种子 {seed}");
pub const LANGUAGE: Phrase = phrase("messages are in English", "消息使用中文");
pub const MODEL: Phrase = phrase("model", "模型");
pub const ADAPTER: Phrase = phrase("adapter", "适配器");
pub const DATA: Phrase = phrase("data", "数据");
pub const MEMORY: Phrase = phrase("memory used", "已用内存");
pub const MEMORY_FREE: Phrase = phrase("memory free", "可用内存");
pub const DEVICE: Phrase = phrase("device", "设备");
pub const THREADS: Phrase = phrase("threads", "线程");
pub const CPU_FEATURES: Phrase = phrase("CPU features", "CPU 指令集");
pub const FIRST_HELP: Phrase = phrase(
    "Lantern keeps a language model loaded while you look at it, tune it and measure it.\n\n  \
     %load spark                     load a small model that ships with Lantern\n  \
     %generate Once upon a time      let it write\n  \
     %next The capital of France is  see what it expects next\n  \
     %data FILE, %lora, %train       teach it something\n  \
     %eval ppl, %quant q4_0, %save   measure it, shrink it, keep it\n\n\
     %lsmagic lists everything; %train? explains one magic; Ctrl-C stops what is running and keeps what it learned.\n",
    "Lantern 让一个语言模型一直保持加载，供你观察、微调和评估。\n\n  \
     %load spark                     加载 Lantern 自带的小模型\n  \
     %generate Once upon a time      让它写下去\n  \
     %next The capital of France is  看它预测的下一个词元\n  \
     %data FILE, %lora, %train       教它新东西\n  \
     %eval ppl, %quant q4_0, %save   评估、压缩、保存\n\n\
     %lsmagic 列出全部；%train? 解释一个命令；Ctrl-C 停止正在运行的任务并保留已学到的。\n",
);

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
pub const NOT_WEIGHTS: Phrase = phrase("neither .gguf nor .safetensors", "既不是 .gguf 也不是 .safetensors");
pub const AN_ADAPTER: Phrase = phrase("it holds an adapter: load its base model first", "这是一个适配器：请先加载它的基础模型");
pub const SEVERAL_GGUF: Phrase = phrase("it holds several, load one of them: {files}", "其中有多个文件，请加载其中之一：{files}");
pub const ONLY_PICKLE: Phrase =
    phrase("it holds pytorch_model.bin only: save it as safetensors first", "其中只有 pytorch_model.bin：请先另存为 safetensors");
pub const NO_WEIGHT_MAP: Phrase = phrase("it has no weight_map", "其中没有 weight_map");
pub const SHARD_OUTSIDE: Phrase = phrase("it names a file outside the folder: {file}", "它指向目录之外的文件：{file}");
pub const NO_PIP: Phrase = phrase("no pip answers (tried {tried})", "找不到可用的 pip（试过 {tried}）");
pub const NOT_IN_PACKAGE: Phrase = phrase("the package holds no `{file}`", "软件包中没有 `{file}`");
pub const NOT_A_FOLDER: Phrase = phrase("it is not a folder that can be written", "不是可以写入的目录");
pub const OTHER_FILES: Phrase = phrase(
    "it holds other files (`{file}`), which saving would delete: name a new folder",
    "其中有其他文件（`{file}`），保存会删除它们：请换一个新目录",
);
