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

pub const FETCHING: Phrase = phrase("fetching {what}", "正在获取 {what}");
pub const LOADED: Phrase = phrase(
    "loaded {name}: {family}, {parameters} parameters, {bytes} in {seconds}",
    "已加载 {name}：{family}，{parameters} 个参数，{bytes}，用时 {seconds}",
);
pub const ATTACHED: Phrase = phrase("attached {adapter} to {model}", "已把 {adapter} 附加到 {model}");
pub const DETACHED: Phrase = phrase("no adapter is attached now", "现在没有附加适配器");
pub const UNLOADED: Phrase = phrase("memory of this process: {before} before, {after} after", "本进程内存：之前 {before}，之后 {after}");
pub const SIZE: Phrase = phrase("size", "大小");
pub const LICENCE: Phrase = phrase("licence", "许可证");
pub const PLACE: Phrase = phrase("place", "位置");
pub const FITS: Phrase = phrase("fits here", "内存够用");
pub const YES: Phrase = phrase("yes", "是");
pub const NO: Phrase = phrase("no", "否");
pub const HERE: Phrase = phrase("here", "本机");
pub const SHIPS: Phrase = phrase("ships with Lantern", "自带");
pub const PARTLY_HERE: Phrase = phrase("not all here", "不完整");
pub const OTHER_KIND: Phrase = phrase("not loadable", "不支持");
pub const TO_FETCH: Phrase = phrase("to be fetched", "需要获取");
pub const PARAMETERS: Phrase = phrase("parameters", "参数");
pub const LAYERS: Phrase = phrase("layers", "层数");
pub const HIDDEN: Phrase = phrase("hidden size", "隐藏维度");
pub const HEADS: Phrase = phrase("heads / KV heads", "注意力头 / KV 头");
pub const VOCABULARY: Phrase = phrase("vocabulary", "词表");
pub const CONTEXT: Phrase = phrase("context", "上下文");
pub const TARGETS: Phrase = phrase("adapter targets", "适配器目标");
pub const WRITTEN_SO_FAR: Phrase = phrase("{tokens} tokens were written", "已写出 {tokens} 个词元");
pub const STOPPED: Phrase = phrase("[{why}; {tokens} tokens, {rate} tokens/s]", "[{why}；{tokens} 个词元，{rate} 词元/秒]");
pub const STOPPED_EOS: Phrase = phrase("the model ended the text", "模型结束了文本");
pub const STOPPED_STOP: Phrase = phrase("a stop text came", "遇到停止文本");
pub const STOPPED_LENGTH: Phrase = phrase("length reached, max_new_tokens= allows more", "达到长度上限，可用 max_new_tokens= 加长");
pub const STOPPED_CONTEXT: Phrase = phrase("the model's context is full", "模型的上下文已满");
pub const STOPPED_INTERRUPT: Phrase = phrase("interrupted", "已中断");
pub const NEW_CHAT: Phrase = phrase("a new conversation", "新的对话");
pub const BEFORE: Phrase = phrase("model", "模型");
pub const AFTER: Phrase = phrase("after the options", "应用选项之后");
pub const NEXT_TITLE: Phrase = phrase("next after “{prompt}”", "“{prompt}”之后的下一个词元");
pub const PROBABILITY: Phrase = phrase("probability", "概率");
pub const TOKENS_TITLE: Phrase = phrase("{tokens} tokens, {characters} characters", "{tokens} 个词元，{characters} 个字符");
pub const TOKENS: Phrase = phrase("tokens", "词元");
pub const LEARNED: Phrase = phrase("learned", "学习的");
pub const CUT: Phrase = phrase("cut to length", "被截短");
pub const DROPPED: Phrase = phrase("dropped", "被丢弃");
pub const DUPLICATES: Phrase = phrase("in both train and val", "训练与验证中重复");
pub const LORA: Phrase = phrase(
    "{adapter}: {modules} modules, {parameters} trainable parameters, {share} % of the model",
    "{adapter}：{modules} 个模块，{parameters} 个可训练参数，占模型的 {share} %",
);
pub const FORECAST: Phrase = phrase(
    "{steps} steps on {parameters} parameters; about {bytes} more memory and {time}",
    "{steps} 步，{parameters} 个参数；大约还需 {bytes} 内存，用时 {time}",
);
pub const WIDENED: Phrase = phrase("the frozen weights are widened for this run: {bytes}", "这次训练展开了冻结的权重：{bytes}");
pub const RUN_GOES_ON: Phrase =
    phrase("goes on from step {step} of {of}, kept in {path}", "从第 {step} 步（共 {of} 步）继续，保存于 {path}");
pub const RUN_BEGINS_ANEW: Phrase = phrase(
    "the same run stopped at step {step} of {of}; this one begins anew, that one stays in {path} until the first checkpoint moves it aside",
    "同一训练曾停在第 {step} 步（共 {of} 步）；这次重新开始，原来的保留在 {path}，直到首个检查点把它移到旁边",
);
pub const NO_CHECKPOINT: Phrase = phrase("no checkpoint was written: {cause}\n", "没有写入检查点：{cause}\n");
pub const TRAINED_SO_FAR: Phrase = phrase(
    "step {step} of {of}; what was learned is kept, `%train resume=true` goes on",
    "第 {step} 步，共 {of} 步；已学到的保留，`%train resume=true` 继续",
);
pub const TRAIN_TITLE: Phrase = phrase("loss while training", "训练损失");
pub const STEPS: Phrase = phrase("steps", "步数");
pub const VAL_LOSS: Phrase = phrase("validation loss", "验证损失");
pub const BEST_STEP: Phrase = phrase("best step", "最佳步");
pub const SPEED: Phrase = phrase("speed", "速度");
pub const PEAK: Phrase = phrase("peak memory", "内存峰值");
pub const TIME: Phrase = phrase("time", "用时");
pub const PERPLEXITY: Phrase =
    phrase("ppl {ppl} (loss {loss}, {tokens} tokens; {method})", "困惑度 {ppl}（损失 {loss}，{tokens} 个词元；{method}）");
pub const QUANTISING: Phrase = phrase("quantising", "正在量化");
pub const BEFORE_QUANT: Phrase = phrase("before", "之前");
pub const AFTER_QUANT: Phrase = phrase("after", "之后");
pub const QUANT_INSTEAD: Phrase = phrase(
    "{taken} instead of {asked} for {count} matrices, since 256 does not divide their rows: {names}",
    "{count} 个矩阵用 {taken} 代替 {asked}，因为它们的行长不能被 256 整除：{names}",
);
pub const MATRICES: Phrase = phrase("matrices", "矩阵");
pub const QUANT_TITLE: Phrase = phrase("how far the matrices moved", "各矩阵的变化");
pub const RELATIVE_ERROR: Phrase = phrase("relative error, %", "相对误差，%");
pub const SAVED: Phrase = phrase("saved {path}: {files} ({bytes})", "已保存 {path}：{files}（{bytes}）");

/// Why a generation ended.
pub fn stopped_by(name: &str) -> Phrase {
    match name {
        "eos" => STOPPED_EOS,
        "stop" => STOPPED_STOP,
        "context" => STOPPED_CONTEXT,
        "interrupt" => STOPPED_INTERRUPT,
        _ => STOPPED_LENGTH,
    }
}
pub const NOTHING_TO_DRAW: Phrase = phrase("nothing to draw", "没有可画的数据");
pub const COUNT: Phrase = phrase("count", "数量");
pub const CELL_IS_MEAN: Phrase = phrase("each cell is the mean of {rows} × {columns}", "每格是 {rows} × {columns} 的平均值");

// What is wrong with a row of data
pub const NO_FIELD: Phrase = phrase("there is no `{name}`", "缺少 `{name}`");
pub const NOT_TEXT: Phrase = phrase("`{name}` is not text", "`{name}` 不是文本");
pub const NOT_A_LIST: Phrase = phrase("`{name}` is not a list", "`{name}` 不是列表");
pub const NOT_AN_OBJECT: Phrase = phrase("`{name}` is not an object", "`{name}` 不是对象");
pub const UNKNOWN_ROLE: Phrase =
    phrase("`{name}` is no role: use system, user, assistant or tool", "没有角色 `{name}`：请用 system、user、assistant 或 tool");
pub const FIELD_COUNT: Phrase = phrase("{given} field(s), but the header names {expected}", "有 {given} 个字段，而表头有 {expected} 个");
pub const ASSISTANT_FIRST: Phrase = phrase("the first message is the assistant's: nothing was asked", "第一条消息来自助手：没有提问");
pub const NO_ASSISTANT: Phrase = phrase("no message is the assistant's: there is nothing to learn", "没有助手的消息：没有可学习的内容");
pub const UNSTABLE_TEMPLATE: Phrase = phrase(
    "message {turn} renders differently once the conversation goes on, so learned tokens cannot be told from ignored ones",
    "对话继续后，第 {turn} 条消息的渲染结果会变化，因此无法区分学习与忽略的词元",
);

pub const THIS_MODEL: Phrase = phrase("this model", "这个模型");

// The view of data
pub const IGNORED: Phrase = phrase("ignored", "忽略");
pub const EXAMPLE_LENGTHS: Phrase = phrase("length of the examples", "样本长度");
// Causes and figures that tokenizer, hub and store put into errors
pub const SENTENCEPIECE_NORMALISER: Phrase = phrase(
    "its SentencePiece vocabulary rewrites the text first (charsmap, extra spaces), which is not read from GGUF: load the same model's folder with tokenizer.json",
    "它的 SentencePiece 词表会先改写文本（charsmap、多余空格），不能从 GGUF 读取：请加载同一模型带 tokenizer.json 的目录",
);
pub const NO_SCORES: Phrase = phrase("it does not hold one score and one type a token", "其中没有每个词元的分数和类型");
pub const UNKNOWN_VOCABULARY: Phrase = phrase("its vocabulary is `{given}`; known: {known}", "它的词表是 `{given}`；目前支持：{known}");
pub const UNKNOWN_PRE_TOKENIZER: Phrase = phrase(
    "its pre-tokenizer is `{given}`; known: {known}. Load the same model's folder with tokenizer.json instead",
    "它的预分词规则是 `{given}`；目前支持：{known}。请改为加载同一模型带 tokenizer.json 的目录",
);
pub const NO_VOCABULARY: Phrase = phrase("it holds no vocabulary", "其中没有词表");
pub const NO_MERGES: Phrase = phrase("it holds no list of merges", "其中没有合并表");
pub const AT_LEAST: Phrase = phrase("at least {least}", "至少 {least}");
pub const NOT_WEIGHTS: Phrase = phrase("neither .gguf nor .safetensors", "既不是 .gguf 也不是 .safetensors");
pub const SEVERAL_GGUF: Phrase = phrase("it holds several, load one of them: {files}", "其中有多个文件，请加载其中之一：{files}");
pub const ONLY_PICKLE: Phrase =
    phrase("it holds pytorch_model.bin only: save it as safetensors first", "其中只有 pytorch_model.bin：请先另存为 safetensors");
pub const NO_WEIGHT_MAP: Phrase = phrase("it has no weight_map", "其中没有 weight_map");
pub const SHARD_OUTSIDE: Phrase = phrase("it names a file outside the folder: {file}", "它指向目录之外的文件：{file}");
pub const NO_PIP: Phrase = phrase("no pip answers (tried {tried})", "找不到可用的 pip（试过 {tried}）");
pub const NOT_IN_PACKAGE: Phrase = phrase("the package holds no `{file}`", "软件包中没有 `{file}`");
pub const NOT_A_FOLDER: Phrase = phrase("it is a file: name a new folder", "这是一个文件：请换一个新目录");
pub const OTHER_FILES: Phrase = phrase(
    "it holds other files (`{file}`), which saving would delete: name a new folder",
    "其中有其他文件（`{file}`），保存会删除它们：请换一个新目录",
);
// The terminal program
pub const WELCOME: Phrase = phrase(
    "Lantern {version}: %help to begin, %lsmagic for all magics, Ctrl-D to leave",
    "Lantern {version}：%help 入门，%lsmagic 列出全部魔法命令，Ctrl-D 退出",
);
pub const ERROR: Phrase = phrase("error", "错误");
pub const HINT: Phrase = phrase("hint", "提示");
pub const IN_CELL: Phrase = phrase("in cell {number} of {count}", "在第 {number} 个单元格（共 {count} 个）");
pub const CELL_SECONDS: Phrase = phrase("cell {number}: {seconds} s", "单元格 {number}：{seconds} 秒");
pub const STOPPING: Phrase = phrase(
    "still stopping: the step in progress ends first; Ctrl-\\ kills the program",
    "正在停止：先完成当前这一步；Ctrl-\\ 强制结束程序",
);
pub const LEFT: Phrase = phrase("left", "剩余");
pub const CANNOT_READ: Phrase = phrase("cannot read `{path}`", "无法读取 `{path}`");
pub const SCRIPT_NOT_UTF8: Phrase = phrase("`{path}` is not UTF-8 text (line {line})", "`{path}` 不是 UTF-8 文本（第 {line} 行）");
pub const BAD_NOTEBOOK: Phrase = phrase("`{path}` is not a notebook", "`{path}` 不是笔记本");
pub const NO_CELLS: Phrase = phrase("it has no list of cells (nbformat 4 is needed)", "没有单元格列表（需要 nbformat 4）");
pub const SESSION_GONE: Phrase = phrase("the session ended while the cell ran", "单元格运行时会话已结束");
pub const JOINED: Phrase = phrase(
    "joined the kernel of {file}: one model for both; Ctrl-D leaves and the kernel goes on",
    "已加入内核 {file}：共用一个模型；Ctrl-D 离开，内核继续运行",
);
pub const NO_RUNNING_KERNEL: Phrase = phrase("no Lantern kernel answers in {folder}", "{folder} 中没有正在应答的 Lantern 内核");
pub const NO_RUNNING_KERNEL_HINT: Phrase = phrase(
    "open a notebook with the kernel Lantern first, or name its file: lantern attach kernel-….json",
    "先用 Lantern 内核打开一个笔记本，或指定连接文件：lantern attach kernel-….json",
);
pub const UNSAVED: Phrase = phrase("not saved", "未保存");
pub const UNSAVED_EXIT: Phrase =
    phrase("not saved: {what}. `%save NAME` keeps it; leave again to let it go", "未保存：{what}。`%save 名称` 可保存；再次退出则放弃");
pub const NOTHING_TO_EDIT: Phrase = phrase("the editor ended with {status}: nothing runs", "编辑器以 {status} 结束：不运行任何内容");
pub const NO_EDITOR: Phrase = phrase("cannot start the editor `{editor}`", "无法启动编辑器 `{editor}`");
pub const NO_EDITOR_HINT: Phrase =
    phrase("set VISUAL or EDITOR to an editor: export EDITOR=nano", "把 VISUAL 或 EDITOR 设为一个编辑器：export EDITOR=nano");
pub const EDIT_HELP: Phrase = phrase(
    "%edit [TEXT]\n\nOpens TEXT, or the last cell, in the editor that VISUAL or EDITOR names; what was saved runs.\n\
     Ctrl-X Ctrl-E at the prompt opens the line you are typing. Saving an empty file runs nothing.\n",
    "%edit [文本]\n\n在 VISUAL 或 EDITOR 指定的编辑器里打开文本或上一个单元；保存的内容随即运行。\n\
     在提示符按 Ctrl-X Ctrl-E 打开正在输入的内容。保存空文件则不运行。\n",
);
pub const NO_TERMINAL: Phrase = phrase("cannot use this terminal", "无法使用这个终端");
pub const CANNOT_DRAW: Phrase = phrase("(this cannot be drawn)", "（无法绘制）");
pub const BANNER: Phrase = phrase(
    "Lantern {version}: a language model session. %help shows the first steps, %lsmagic lists all commands.",
    "Lantern {version}：语言模型会话。%help 介绍入门，%lsmagic 列出全部命令。",
);
pub const ATTACH_ALONE: Phrase = phrase("it must be alone in its cell", "它必须独占一个单元格");
pub const ATTACH_RUNNING: Phrase = phrase("cell {number} has been running for {time}: {code}", "单元格 {number} 已运行 {time}：{code}");
pub const ATTACH_ENDED: Phrase = phrase("cell {number} ended after {time}: {code}", "单元格 {number} 运行 {time} 后结束：{code}");
pub const ATTACH_CUT: Phrase = phrase("… (what came before is not kept)", "…（更早的内容没有保留）");
pub const ATTACH_NOTHING: Phrase = phrase("no cell has run in this session yet", "本会话还没有运行过单元格");
pub const ATTACH_LEFT: Phrase = phrase("no longer shown here; the cell goes on", "不再在此显示；那个单元格继续运行");
pub const NOT_RUN: Phrase =
    phrase("the cell was not run: the one before it was stopped or failed", "这个单元格没有运行：前一个已停止或出错");
pub const KERNEL_HOME: Phrase =
    phrase("a kernel takes its home from the environment variable LANTERN_HOME", "内核的主目录由环境变量 LANTERN_HOME 指定");

pub const INSTALLED: Phrase = phrase("installed {path}\nnext: {next}\n", "已安装到 {path}\n下一步：{next}\n");
pub const UNINSTALLED: Phrase = phrase("removed {path}\n", "已移除 {path}\n");
pub const LOAD_FORECAST: Phrase = phrase("needs {bytes}, {free} are free; about {time}", "需要 {bytes}，可用 {free}；大约 {time}");

// What is wrong with a magic's line
pub const OPEN_QUOTE: Phrase = phrase("the quote {quote} is not closed", "引号 {quote} 没有闭合");
pub const TOO_MANY: Phrase = phrase("`{word}` is one word too many", "多了 `{word}`");
pub const TWICE: Phrase = phrase("the option `{option}` is given twice", "选项 `{option}` 给了两次");
pub const NEEDS_VALUE: Phrase = phrase("a value for `{option}`", "`{option}` 的值");
pub const IS_AN_OPTION: Phrase = phrase("`{option}` is an option: write `{option}={value}`", "`{option}` 是选项：请写 `{option}={value}`");
pub const ONE_OF: Phrase = phrase("use {choices}", "可用 {choices}");
pub const SEE_HELP: Phrase = phrase("`%{magic}?` shows what it takes", "`%{magic}?` 查看可用的值");
pub const NOT_UNDERSTOOD: Phrase = phrase("it is not understood", "无法理解");
pub const ABOVE_0: Phrase = phrase("a finite number above 0 is needed", "需要大于 0 的有限数");
pub const AT_LEAST_0: Phrase = phrase("a finite number of at least 0 is needed", "需要不小于 0 的有限数");
pub const BELOW_1: Phrase = phrase("a number of at least 0 and below 1 is needed", "需要不小于 0 且小于 1 的数");
pub const UP_TO_1: Phrase = phrase("a number above 0 and at most 1 is needed", "需要大于 0 且不大于 1 的数");
pub const COUNT_FROM_1: Phrase = phrase("a whole number of at least 1 is needed", "需要不小于 1 的整数");
pub const COUNT_FROM_0: Phrase = phrase("a whole number of at least 0 is needed", "需要不小于 0 的整数");
pub const AT_MOST: Phrase = phrase("at most {most}", "最多 {most}");
pub const HIDDEN_OF_HEADS: Phrase = phrase("a multiple of 2 x heads = {unit} is needed", "需要是 2 x heads = {unit} 的倍数");
pub const HEADS_OF_KV: Phrase = phrase("a divisor of heads = {heads} is needed", "需要能整除 heads = {heads}");
pub const VOCAB_LEAST: Phrase =
    phrase("at least 257 are needed: the 256 bytes and the end of a document", "至少需要 257：256 个字节加上文档结束符");
pub const ROWS_OF_BLOCKS: Phrase = phrase("its rows have {row} numbers, blocks hold {block}", "它的每行有 {row} 个数，而每块为 {block} 个");
pub const EVAL_SO_FAR: Phrase = phrase("{n} of {of} windows, ppl {ppl}", "{n}/{of} 个窗口，困惑度 {ppl}");
pub const EVAL_STOPPED: Phrase = phrase("the evaluation has no result", "评估没有结果");
pub const QUANT_STOPPED: Phrase = phrase("the weights are as they were", "权重保持原样");
pub const AN_ANSWER: Phrase = phrase("no answer came", "没有收到回答");
pub const STRIDED: Phrase =
    phrase("strided (transformers documentation), window {window}", "滑动窗口（transformers 文档的方法），窗口 {window}");
pub const ON_EXAMPLES: Phrase = phrase("learned tokens of the {which} examples, token-weighted", "{which}样本中学习的词元，按词元加权");

pub const RUST_STARTING: Phrase = phrase("starting Rust", "正在启动 Rust");
pub const RUST_CALL: Phrase = phrase("the call", "调用");
pub const RUST_CELL: Phrase = phrase("the cell; variables of earlier cells are kept", "单元格；之前单元格的变量仍在");
pub const RUST_MORE: Phrase = phrase("and {n} more", "另有 {n} 个");
