//! Chinese help of magics and their options; the English is the doc comments themselves.

/// What a magic does: its first line, and what follows it.
pub fn magic(name: &str) -> Option<(&'static str, &'static str)> {
    MAGICS.iter().find(|(magic, ..)| *magic == name).map(|(_, first, more)| (*first, *more))
}

/// What an option does: one of this magic's own, else one that means the same everywhere.
pub fn option(magic: &str, option: &str) -> Option<&'static str> {
    let of = |owner: &str| OPTIONS.iter().find(|(m, o, _)| *m == owner && *o == option).map(|(_, _, text)| *text);
    of(magic).or_else(|| of("*"))
}

const MAGICS: &[(&str, &str, &str)] = &[
    (
        "load",
        "加载模型，或把适配器加载到当前模型上",
        "MODEL 可以是 `%models` 列出的名字、hub 上的名字（所有者/名称）、hub 布局的目录（config.json、tokenizer.json、*.safetensors）、.gguf 文件，或 PEFT 适配器（目录或 hub 上的名字）。\
         加载失败时，原来的模型保留不变。",
    ),
    ("unload", "卸载模型并归还内存", "适配器和已分词的数据也一并丢弃：需要保留的请先用 `%save` 保存。"),
    (
        "models",
        "列出可以按名字加载的模型",
        "包括 Lantern 自带的名字，以及与 Python 共用的 hub 缓存中的模型：磁盘占用、作者声明的许可证，以及按预测能否装入当前空闲的内存。",
    ),
    ("info", "介绍已加载的模型", ""),
    (
        "save",
        "保存适配器，或模型及其分词器",
        "已附加的适配器按 PEFT 的布局写出；`merged=true` 或没有适配器时，按 hub 的布局写出整个模型。`%load DIR` 可以读回，PEFT 和 transformers 也能读。\
         已有的目录只在全部写完之后才让位，内容不同时以 DIR.old 保留在旁边。",
    ),
    ("generate", "让模型从提示接着写下去", "文本边生成边显示。不带采样选项时用贪心解码。引号保留空格，并允许 `\\n`。"),
    ("chat", "用模型自己的对话模板与它对话", "对话一条接一条地继续；`new=true` 或另给 `system=` 则开始新的对话。"),
    ("next", "显示模型预测的下一个词元", "用条形图显示应用温度、top-k、top-p 前后的概率；不带这些选项时只显示模型本身的概率。"),
    ("tokens", "显示一段文本如何切分成词元", "每个词元附带编号；一个字符被拆到几个词元时显示其字节。"),
    (
        "data",
        "读取用于训练和评估的数据集",
        "DATA 是 .json、.jsonl、.csv 或 .txt 文件，各行为 instruction/input/output、prompt/completion、对话消息或纯文本；也可以是已知的数据集 `alpaca-en`、`alpaca-zh`。\
         只学习回答部分：视图用一种颜色显示学习的词元，用另一种显示忽略的词元。不带 DATA 时显示已加载的数据。",
    ),
    (
        "lora",
        "附加一个新的 LoRA 适配器",
        "模型被冻结；每个目标旁边的两个小矩阵负责学习：y = W x + B A x · alpha / r。B 从零开始，所以在 `%train` 之前输出不变。原有的适配器会被替换。",
    ),
    (
        "train",
        "在数据上训练适配器；没有适配器时训练全部权重",
        "损失曲线随训练增长。Ctrl-C（或停止按钮）在一步之内结束训练并保留已学到的；`resume=true` 继续。\
         损失只计回答部分，并按一步中全部学习的词元取平均，与分成多少批无关。",
    ),
    (
        "pretrain",
        "从零开始在文本文件上预训练一个小型 llama",
        "从文本学习字节级 BPE 词表，从随机权重开始，成为会话的模型。用 `%save` 保存。\
         被中断的训练（Ctrl-C、崩溃、断电）在再次给出同一行命令时从最后一个检查点继续。",
    ),
    ("runs", "显示以前的训练及其曲线", "每次训练都会在 home 中逐步留下记录：被停止或被杀死的也一样。不带选项时列出全部。"),
    (
        "eval",
        "评估模型",
        "`%eval ppl FILE` 按 transformers 文档的滑动窗口方法计算一段文本的困惑度。不带文件的 `%eval ppl` 计算 `%data` 验证样本中学习的词元的困惑度。\
         两者是不同的数值：每次都会打印所用的方法。`%eval memorised` 让模型从训练样本的开头接着写，并统计有多少内容逐字出现在训练集中。",
    ),
    (
        "quant",
        "就地用更少的位数存放权重（量化）",
        "打印量化前后的大小和困惑度，以及每个矩阵的变化幅度。嵌入表和输出层保持较高精度：q8_0，k 格式时为 q6_k。k 格式的一块有 256 个数；行长不能被它整除的矩阵改用 q5_0、q5_1 或 q8_0，并会列出。重新加载模型即可恢复原来的权重。",
    ),
    ("device", "显示或选择计算设备", "下一次 `%load` 会把模型放到那里。"),
    ("seed", "显示或设置所有随机数的种子", "在同一台机器、同一个构建上，相同的种子得到相同的文本、相同的批次、相同的损失。"),
    ("status", "显示会话中有什么", ""),
    (
        "attach",
        "在这里也显示本会话正在运行的（或上一个）单元格",
        "它的文字、图表和进度先显示当前状态，再随之更新；可在另一个笔记本或终端里使用，也可在关闭浏览器之后使用。那个单元格运行时也会立即应答；中断它只停止显示，那个单元格继续运行。\
         `--json` 只报告当前状态，不等待。它必须独占一个单元格。",
    ),
    ("history", "显示以前的单元格", ""),
    ("clear", "清除这个单元格的输出", ""),
    ("input", "请人输入一行文字", ""),
    ("lang", "显示或设置消息和帮助的语言", "选择会保留到以后的会话；启动时 `--lang` 和 LANTERN_LANG 优先。"),
    ("lsmagic", "列出所有魔法命令", ""),
    ("help", "解释一个魔法命令，或说明如何开始", ""),
];

const OPTIONS: &[(&str, &str, &str)] = &[
    ("*", "json", "把结果打印成一行 JSON"),
    ("*", "seed", "随机种子；不给时用会话的种子"),
    // 采样
    ("*", "temperature", "logits 除以它：小于 1 更集中，大于 1 更平缓；会打开采样"),
    ("*", "top_k", "只保留概率最高的 K 个词元；0 表示全部保留"),
    ("*", "top_p", "保留概率最高、合计达到这个概率的词元"),
    ("*", "min_p", "去掉概率低于最高概率这一比例的词元"),
    ("*", "repetition_penalty", "大于 1 时降低已出现词元的概率"),
    ("*", "no_repeat_ngram_size", "这么多个词元的序列不会出现两次"),
    ("*", "do_sample", "按概率随机抽取词元；否则取概率最高的"),
    ("*", "max_new_tokens", "最多生成多少个新词元"),
    ("*", "max_length", "提示与新词元合计最多多少个"),
    ("*", "stop", "在这段文本之前停止；多个用逗号分隔"),
    // 训练
    ("*", "epochs", "遍历训练样本的轮数"),
    ("*", "steps", "优化器步数，代替轮数"),
    ("*", "batch", "一次前向计算的样本数"),
    ("*", "accum", "梯度累积：一步累加多少批的梯度"),
    ("*", "lr", "最高学习率；不给时适配器用 2e-4，全部权重用 5e-5"),
    ("*", "schedule", "预热之后学习率如何下降"),
    ("*", "warmup", "学习率上升阶段占总步数的比例"),
    ("*", "weight_decay", "把权重拉向零的力度（权重衰减）；偏置与归一化层除外"),
    ("*", "clip", "梯度范数的上限（梯度裁剪）"),
    ("*", "eval_every", "每隔多少步看一次验证样本"),
    ("*", "optimizer", "把梯度变成更新的方法：adamw 每个权重占 8 字节，sgd 带动量时占 4 字节，adafactor 几乎不占"),
    ("*", "momentum", "sgd：上一步有多少带入下一步；不给时为 0"),
    ("*", "beta1", "adamw：梯度均值移动的快慢；不给时为 0.9"),
    ("*", "beta2", "adamw：梯度平方均值移动的快慢；不给时为 0.999"),
    ("*", "eps", "adamw：避免除以 0 的小数；不给时为 1e-8"),
    ("*", "label_smoothing", "每个目标中平摊到整个词表的份额（标签平滑）；验证时不使用"),
    ("*", "patience", "连续多少次验证没有改善就结束训练（早停）；之后恢复最好的权重"),
    ("*", "threshold", "验证损失至少下降这么多才算改善"),
    ("train", "best", "回到验证损失最低的那一步的权重"),
    ("train", "seed", "样本顺序与 dropout 的种子；不给时用会话的种子"),
    ("train", "dtype", "训练时冻结权重的类型；适配器总是 f32"),
    ("*", "save_every", "每隔多少步写一次检查点，被杀死的训练由此继续；不给时大约每半分钟一次"),
    (
        "*",
        "recompute",
        "少保留前向计算的结果，在反向传播时重新计算（梯度检查点）：`layer` 逐层，`N` 每 N 层，`off` 不用；`auto` 仅在内存需要时使用",
    ),
    ("*", "memory", "训练时本进程最多占用的内存，例如 1.5GB"),
    ("train", "resume", "继续被停止的训练；另一个进程的训练由同样的 `%load`、`%data`、`%lora` 找到"),
    ("pretrain", "fresh", "即使同一行命令曾被中断也重新开始"),
    ("pretrain", "files", "文本文件；多个用逗号分隔"),
    ("pretrain", "name", "给模型起的名字"),
    ("pretrain", "vocab", "词表的词元数"),
    ("pretrain", "layers", "注意力与 MLP 块的层数"),
    ("pretrain", "hidden", "残差流的宽度"),
    ("pretrain", "heads", "注意力头数"),
    ("pretrain", "kv_heads", "键值头数；不给时与注意力头数相同"),
    ("pretrain", "inner", "MLP 的内部宽度；不给时为 8/3 倍宽度，取整到 32"),
    ("pretrain", "context", "上下文的位置数"),
    ("pretrain", "block", "一个训练样本的词元数"),
    ("pretrain", "val", "留作验证的文本比例"),
    ("pretrain", "epochs", "遍历文本的轮数"),
    ("pretrain", "lr", "最高学习率；不给时为 1e-3"),
    ("pretrain", "seed", "初始权重、样本顺序的种子；不给时用会话的种子"),
    // 其余
    ("runs", "show", "要显示的训练：由什么构成、过程如何、各层的梯度"),
    ("runs", "overlay", "画进同一张图的训练"),
    ("runs", "plot", "画什么：loss 损失；lr 学习率；grad_norm 梯度范数；ratio 更新与权重之比；speed 每秒词元数；all 全部"),
    ("runs", "drop", "移出列表的训练；其记录移到一旁，不会删除"),
    ("load", "model", "名字、目录或文件"),
    ("load", "dtype", "权重在内存中的类型；不给时量化的权重保持量化"),
    ("load", "device", "放到哪里：`cpu`、`cuda`、`metal`、`auto`"),
    ("save", "dir", "要写入的目录"),
    ("save", "merged", "写出合并了适配器的整个模型"),
    ("generate", "prompt", "文本的开头"),
    ("generate", "seed", "这次生成的种子"),
    ("chat", "message", "你说的话"),
    ("chat", "system", "模型应扮演的角色；会开始新的对话"),
    ("chat", "new", "开始新的对话"),
    ("chat", "seed", "这次生成的种子"),
    ("next", "prompt", "到目前为止的文本"),
    ("next", "top", "显示多少个词元"),
    ("tokens", "text", "文本"),
    ("data", "file", "文件或已知的数据集"),
    ("data", "val", "留作验证的样本比例"),
    ("data", "template", "各行如何组织成文本：模型有对话模板时用它，否则用 Alpaca 模板"),
    ("data", "block", "纯文本每块的词元数"),
    ("data", "max_length", "把样本截短到这么多词元；最多为模型的上下文"),
    ("data", "limit", "只读前面这么多行"),
    ("data", "seed", "划分训练与验证的种子"),
    ("data", "show", "显示多少个样本"),
    ("lora", "r", "矩阵的秩"),
    ("lora", "alpha", "缩放：增量乘以 alpha / r"),
    ("lora", "target", "目标线性层的名字，用逗号分隔；`all-linear` 表示全部；不给时用该系列的默认选择"),
    ("lora", "dropout", "训练时丢弃输入的比例"),
    ("lora", "seed", "初始 A 的种子；不给时用会话的种子"),
    ("lora", "detach", "取下适配器"),
    ("eval", "metric", "评估什么"),
    ("eval", "file", "文本文件"),
    ("eval", "stride", "窗口每次前移的词元数；不给时为半个窗口"),
    ("eval", "max_length", "窗口的词元数；不给时为 512 或模型的上下文"),
    ("eval", "limit", "只看前面这么多窗口或样本"),
    ("quant", "format", "每个权重的位数：f16、bf16 为 16，q8_0 8.5，q6_k 6.6，q5_1 6，q5_k、q5_0 5.5，q4_1 5，q4_k、q4_0 4.5"),
    ("device", "device", "`cpu`、`cuda`、`cuda:1`、`metal`、`auto`"),
    ("seed", "seed", "新的种子"),
    ("history", "n", "显示多少条，最新的在最后"),
    ("history", "grep", "只显示包含这段文字的"),
    ("clear", "wait", "等到下一次输出时再清除，避免闪烁"),
    ("input", "prompt", "在回答之前显示的文字"),
    ("input", "password", "不显示输入的内容"),
    ("lang", "lang", "`en` 或 `zh`"),
    ("help", "magic", "魔法命令，可带 `%`"),
];
