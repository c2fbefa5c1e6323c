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
pub const CANNOT_DRAW: Phrase = phrase("(this cannot be drawn)", "（无法绘制）");
pub const BANNER: Phrase = phrase(
    "Lantern {version}: a language model session. %help shows the first steps, %lsmagic lists all commands.",
    "Lantern {version}：语言模型会话。%help 介绍入门，%lsmagic 列出全部命令。",
);
