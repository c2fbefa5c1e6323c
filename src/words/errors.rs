//! What each error says and the hint that follows it, by the name of its variant.

use super::{Phrase, phrase};

macro_rules! wording {
    ($($name:ident: $en:literal, $zh:literal $(, hint $hint_en:literal, $hint_zh:literal)* ;)*) => {
        /// The message of an error, and its hints: the first whose fields are all known is shown. Unknown names get a message that a test forbids.
        pub fn wording(name: &str) -> (Phrase, &'static [Phrase]) {
            match name {
                $(stringify!($name) => (phrase($en, $zh), const { &[$(phrase($hint_en, $hint_zh)),*] }),)*
                _ => (phrase("something went wrong", "出错了"), &[]),
            }
        }

        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

wording! {
    UnknownMagic: "there is no magic `%{given}`", "没有 `%{given}` 这个魔法命令", hint "did you mean `%{nearest}`? `%lsmagic` lists them all", "是不是 `%{nearest}`？`%lsmagic` 列出全部", hint "`%lsmagic` lists them all", "`%lsmagic` 列出全部";
    UnknownOption: "`%{magic}` has no option `{given}`", "`%{magic}` 没有选项 `{given}`", hint "did you mean `{nearest}`? `%{magic}?` shows them all", "是不是 `{nearest}`？`%{magic}?` 列出全部", hint "`%{magic}?` shows them all", "`%{magic}?` 列出全部";
    BadValue: "`{option}` cannot be `{given}`: {allowed}", "`{option}` 不能是 `{given}`：{allowed}";
    MissingArgument: "`%{magic}` needs {argument}", "`%{magic}` 缺少 {argument}", hint "`%{magic}?` shows examples", "`%{magic}?` 有示例";
    Usage: "`%{magic}`: {cause}", "`%{magic}`：{cause}", hint "`%{magic}?` shows how to use it", "`%{magic}?` 查看用法";
    NoRust: "this build of lantern has no Rust cells (it was built without the feature `rust-cells`)", "这个 lantern 构建时没有启用 `rust-cells`，不能运行 Rust 单元格", hint "begin a line with `%`; `%lsmagic` lists what there is", "行首用 `%`；`%lsmagic` 列出全部";
    NoToolchain: "Rust cells need a Rust toolchain: {cause}", "Rust 单元格需要 Rust 工具链：{cause}", hint "install one from https://rustup.rs; magics work without it", "请从 https://rustup.rs 安装；魔法命令不需要它";
    RustCompile: "{problem}", "{problem}";
    RustFailed: "{cause}", "{cause}";
    RustPanicked: "the cell panicked; its new variables are lost, the model and everything else are as they were", "单元格发生 panic；本单元格的新变量已丢失，模型和其他一切不变";
    RustReturned: "`?` ended the cell; its new variables are lost, the model and everything else are as they were", "`?` 结束了单元格；本单元格的新变量已丢失，模型和其他一切不变";
    RustDied: "the program that runs Rust cells died ({status}); all Rust variables are lost, the model, adapter and run are kept", "运行 Rust 单元格的程序已退出（{status}）；所有 Rust 变量已丢失，模型、适配器和训练保持不变", hint "run the cell again: a new program has started", "请重新运行单元格：新的程序已启动";
    RustInterrupted: "interrupted; the cell did not end by itself, so its program was ended: all Rust variables are lost, the model, adapter and run are kept", "已中断；单元格没有自行结束，其程序已被终止：所有 Rust 变量已丢失，模型、适配器和训练保持不变";
    Occupied: "busy: {doing}", "忙：{doing}", hint "beside it a cell may look (`lab::logits`, `%next`, `%status`) and show; run this one again when that is done, or interrupt it there: what it learned stays", "在它旁边只能查看（`lab::logits`、`%next`、`%status`）和显示；等它完成后再运行这个单元格，或在那边中断它：已学到的会保留";
    InHook: "a hook may look and show while it is called, not run magics, train, generate or hook", "钩子被调用时只能查看和显示，不能运行魔法命令、训练、生成或再挂钩子", hint "keep what you need in a variable, and do the rest after the call", "把需要的内容存入变量，在调用之后再做其余的事";
    HookGone: "a hook did not come back, so the call that it was for has no result", "钩子没有返回，因此它所属的调用没有结果";
    Busy: "the session is busy with another request", "会话正在处理另一个请求", hint "call `lab` from one thread, while its cell runs", "请在单元格运行期间、从一个线程调用 `lab`";
    NoToken: "there is no token {id}; the vocabulary has {vocabulary}", "没有 token {id}；词表共有 {vocabulary} 个", hint "ids are 0 to {vocabulary} - 1; `lab::encode` makes them from text", "编号从 0 到 {vocabulary} - 1；`lab::encode` 由文本得到编号";
    NoLayer: "there is no layer {layer}; the model has {layers}, counted from 0", "没有第 {layer} 层；模型共有 {layers} 层，从 0 起", hint "`%info` shows the layers", "`%info` 显示层数";
    NoActivation: "the model has no activation `{given}`", "模型没有激活值 `{given}`", hint "did you mean {nearest}? `lab::activations()` lists them all", "是不是 {nearest}？`lab::activations()` 列出全部", hint "they go from `layers.0.residual` to `{end}`: `lab::activations()` lists them all", "名字从 `layers.0.residual` 到 `{end}`：`lab::activations()` 列出全部";
    HookShape: "a hook gave `{activation}` the shape {given}, it was {expected}", "钩子把 `{activation}` 的形状改成了 {given}，原来是 {expected}", hint "change the numbers in place: `activation.data_mut()`, `activation.fill(0.0)`", "请就地修改数值：`activation.data_mut()`、`activation.fill(0.0)`";
    NoWeight: "the model has no weight `{given}`", "模型没有权重 `{given}`", hint "did you mean `{nearest}`? `lab::weights()` lists them all", "是不是 `{nearest}`？`lab::weights()` 列出全部", hint "`lab::weights()` lists them all", "`lab::weights()` 列出全部";
    EmptyText: "the text is empty: there is nothing to look at", "文本为空：没有可看的内容", hint "give at least one token", "至少给出一个 token";
    CommandFailed: "`{command}` ended with status {status}", "`{command}` 以状态 {status} 结束";
    NoInput: "this front end cannot ask for input", "这个前端不能请求输入";
    Interrupted: "interrupted: {what}", "已中断：{what}";
    NoValue: "`{given}` has no value", "`{given}` 没有值", hint "a magic has one with `--json`: `%status --json`", "魔法命令加 `--json` 才有值：`%status --json`";
    UnknownCellMagic: "there is no cell magic `%%{given}`", "没有 `%%{given}` 这个单元格魔法命令", hint "did you mean `{nearest}`? `%lsmagic` lists them all", "是不是 `{nearest}`？`%lsmagic` 列出全部", hint "`%lsmagic` lists them all", "`%lsmagic` 列出全部";
    NoCapture: "nothing is kept as `{given}`", "没有以 `{given}` 为名保留的输出", hint "did you mean `%captured {nearest}`? `%captured` lists them all", "是不是 `%captured {nearest}`？`%captured` 列出全部", hint "`%%capture NAME` in the first line of a cell keeps what it shows", "单元格首行写 `%%capture NAME` 可保留其输出";
    RustMemory: "the cell asked for {asked} of memory, and Rust cells may take {limit}: its program was ended and all Rust variables are lost, the model, adapter and run are kept", "单元格请求 {asked} 内存，而 Rust 单元格最多可用 {limit}：其程序已终止，所有 Rust 变量已丢失，模型、适配器和训练保持不变", hint "run the cell with less, or start lantern with LANTERN_RUST_MEMORY=8GB (none: no limit)", "减少用量，或以 LANTERN_RUST_MEMORY=8GB 启动 lantern（none 表示不限）";
    NotFound: "there is no file or folder `{path}`", "没有文件或目录 `{path}`", hint "`!ls` shows what is here", "`!ls` 查看这里有什么";
    Io: "cannot use `{path}`", "无法使用 `{path}`";
    NotUtf8: "`{path}` is not UTF-8 text (line {line})", "`{path}` 不是 UTF-8 文本（第 {line} 行）", hint "convert it first: `!iconv -f GB18030 -t UTF-8 {path} > utf8.txt`", "先转换编码：`!iconv -f GB18030 -t UTF-8 {path} > utf8.txt`";
    DiskFull: "the disk is full: `{path}` was not written", "磁盘已满：`{path}` 没有写入", hint "nothing half-written was left behind; free {needed} and repeat the command", "没有留下写了一半的文件；腾出 {needed} 后重试", hint "nothing half-written was left behind; free some space and repeat the command", "没有留下写了一半的文件；腾出空间后重试";
    NoModel: "no model is loaded", "还没有加载模型", hint "%load spark", "%load spark";
    UnknownModel: "there is no model `{given}`: neither a name that ships nor a folder or .gguf file", "没有模型 `{given}`：既不是自带的名字，也不是目录或 .gguf 文件", hint "did you mean `{nearest}`? `%models` lists what there is", "是不是 `{nearest}`？`%models` 列出全部", hint "`%models` lists what there is", "`%models` 列出全部";
    UnknownFamily: "this model's architecture is `{given}`; known here: {known}", "这个模型的架构是 `{given}`；目前支持：{known}", hint "%models", "%models";
    BadConfig: "`{path}` does not describe a model: {cause}", "`{path}` 不是有效的模型配置：{cause}", hint "`%load?` says what a folder must hold", "`%load?` 说明目录中应有什么";
    BadWeights: "`{path}` cannot be read as model weights: {cause}", "`{path}` 不能作为模型权重读取：{cause}", hint "`%load?` says what can be read; a file that was cut short must be fetched again", "`%load?` 说明可以读取什么；不完整的文件需要重新获取";
    MissingTensor: "`{path}` has no tensor `{tensor}`", "`{path}` 中没有张量 `{tensor}`", hint "the file may belong to another model or be cut short: fetch it again", "文件可能属于另一个模型或不完整：请重新获取";
    WrongShape: "`{tensor}` has shape {given}, but the config asks for {expected}", "`{tensor}` 的形状是 {given}，而配置要求 {expected}", hint "config and weights belong to different models: fetch both again", "配置与权重属于不同的模型：请重新获取两者";
    NoTokenizer: "no tokenizer in `{path}` (looked for {looked_for})", "`{path}` 中没有分词器（找过 {looked_for}）", hint "copy the model's tokenizer.json there and repeat the command", "把模型的 tokenizer.json 复制到那里，再重试";
    BadTokenizer: "the tokenizer in `{path}` cannot be read: {cause}", "`{path}` 的分词器无法读取：{cause}", hint "`%load FOLDER` reads the model's own tokenizer.json", "`%load 目录` 读取模型自己的 tokenizer.json";
    TooBig: "{what} needs {needed}, {available} is free", "{what} 需要 {needed}，可用 {available}", hint "{smaller}", "{smaller}";
    FetchFailed: "cannot fetch {what}", "无法获取 {what}", hint "check the network, or copy the files here and `%load FOLDER`", "检查网络，或把文件拷来后 `%load FOLDER`";
    WrongHash: "`{path}` is not the expected file: its hash is {given}, expected {expected}", "`{path}` 不是预期的文件：哈希值为 {given}，应为 {expected}", hint "it was not kept: repeat the command", "它没有被保留：请重试";
    BadDevice: "there is no device `{given}`; available: {available}", "没有设备 `{given}`；可用：{available}", hint "%device", "%device";
    ContextFull: "the prompt has {tokens} tokens, the model's context holds {context}", "提示有 {tokens} 个词元，模型的上下文只有 {context}", hint "shorten the prompt; `%tokens TEXT` counts", "缩短提示；`%tokens TEXT` 可以计数";
    NoChatTemplate: "`{model}` brings no chat template", "`{model}` 没有对话模板", hint "`%generate` needs none; `%load smollm2` brings one", "`%generate` 不需要模板；`%load smollm2` 自带模板";
    HubMissing: "{url} has no model `{repository}` (HTTP {status}), and there is no such file or folder here", "{url} 上没有模型 `{repository}`（HTTP {status}），本机也没有这个文件或目录", hint "check the spelling of owner/name; `%models` lists what loads by a short name", "检查“所有者/名称”的拼写；`%models` 列出可用短名加载的模型";
    HubDenied: "{url} does not give `{repository}` to you (HTTP {status})", "{url} 拒绝提供 `{repository}`（HTTP {status}）", hint "check the spelling; for a private or gated model accept its terms at {url}/{repository} and start with HF_TOKEN=hf_… (a mirror gets the token only if HF_ENDPOINT names it)", "检查拼写；私有或受限模型请先在 {url}/{repository} 接受条款，并以 HF_TOKEN=hf_… 启动（镜像只有在 HF_ENDPOINT 指定时才会收到令牌）";
    HubFailed: "no server gave `{repository}`: {cause}", "没有服务器能提供 `{repository}`：{cause}", hint "what was fetched is kept: repeat the command, or start with HF_ENDPOINT=https://hf-mirror.com, HF_ENDPOINT=modelscope or HTTPS_PROXY=…, or copy the files here and `%load FOLDER`", "已获取的部分会保留：请重试，或以 HF_ENDPOINT=https://hf-mirror.com、HF_ENDPOINT=modelscope 或 HTTPS_PROXY=… 启动，或把文件拷来后 `%load FOLDER`";
    HubOffline: "`{repository}` is not complete in `{folder}`, and HF_HUB_OFFLINE forbids fetching it", "`{folder}` 中没有完整的 `{repository}`，而 HF_HUB_OFFLINE 禁止联网获取", hint "start without HF_HUB_OFFLINE, or copy the files here and `%load FOLDER`", "去掉 HF_HUB_OFFLINE 再启动，或把文件拷来后 `%load FOLDER`";
    NoWeights: "`{repository}` has no weights that can be loaded: {cause}", "`{repository}` 没有可以加载的权重：{cause}", hint "`%models` lists what loads by a short name", "`%models` 列出可用短名加载的模型";
    AdapterAlone: "`{adapter}` is an adapter, and no model is loaded to put it on", "`{adapter}` 是适配器，但还没有加载可以附加它的模型", hint "its base model first: `%load {base}`, then `%load {adapter}`", "先加载它的基础模型：`%load {base}`，再 `%load {adapter}`", hint "load its base model first, then `%load {adapter}`", "先加载它的基础模型，再 `%load {adapter}`";
    ContextFull: "the prompt has {tokens} tokens, the model's context holds {context}", "提示有 {tokens} 个词元，模型的上下文只有 {context}", hint "shorten the prompt; `%tokens` counts", "缩短提示；`%tokens` 可以计数";
    NoChatTemplate: "`{model}` brings no chat template", "`{model}` 没有对话模板", hint "use `%generate`, or load a chat model: `%load smollm2`", "用 `%generate`，或加载对话模型：`%load smollm2`";
    BadTemplate: "the chat template cannot be filled: {cause}", "对话模板无法填写：{cause}";
    NoData: "no data is loaded", "还没有加载数据", hint "%data FILE", "%data FILE";
    EmptyData: "`{path}` holds no examples", "`{path}` 中没有样本", hint "`%data?` says what a file may hold", "`%data?` 说明文件可以包含什么";
    BadRow: "`{path}`, row {row}: {cause}", "`{path}` 第 {row} 行：{cause}", hint "correct that row, then `%data {path}`", "修正这一行，然后 `%data {path}`";
    UnknownLayout: "`{path}` has fields {given}", "`{path}` 的字段是 {given}", hint "use instruction/input/output, messages, prompt/completion, or text; `%data?` explains", "请使用 instruction/input/output、messages、prompt/completion 或 text；`%data?` 有说明";
    BatchTooBig: "batch={batch}, but there are only {examples} training examples", "batch={batch}，但训练样本只有 {examples} 个", hint "%train batch={examples}", "%train batch={examples}";
    NothingToLearn: "none of the {examples} examples has a token to learn", "{examples} 个样本都没有可学习的词元", hint "`%data?` explains masks and lengths", "`%data?` 说明掩码与长度";
    UnknownData: "there is no data set `{given}`: neither a known name nor a file", "没有数据集 `{given}`：既不是已知的名字，也不是文件", hint "did you mean `{nearest}`? `%data {nearest}`", "是不是 `{nearest}`？`%data {nearest}`";
    NoDataFiles: "`{repository}` has no data files that can be read here; it has: {files}", "`{repository}` 没有此处可读的数据文件；其中有：{files}", hint "read here: .parquet, .json, .jsonl, .csv, .tsv, .txt, also .gz and .zst", "可读：.parquet、.json、.jsonl、.csv、.tsv、.txt，以及 .gz 和 .zst";
    NoTarget: "no layer is called `{given}`; this model has {known}", "没有叫 `{given}` 的层；这个模型有 {known}", hint "did you mean `{nearest}`? `%lora target={nearest}`", "是不是 `{nearest}`？`%lora target={nearest}`", hint "`%lora target=all-linear` takes all inside blocks", "`%lora target=all-linear` 选择块内的全部线性层";
    NotText: "`{path}` holds {layout} rows ({columns}), not running text", "`{path}` 中是 {layout} 行（{columns}），不是连续文本", hint "`%pretrain {path} column=NAME` takes one column as text; `%data` and `%train` learn from rows", "`%pretrain {path} column=列名` 把一列当作文本；`%data` 与 `%train` 可从行中学习";
    NoTarget: "no linear layer is called `{given}`; this model has {known}", "没有叫 `{given}` 的线性层；这个模型有 {known}", hint "did you mean `{nearest}`? `%lora target={nearest}`", "是不是 `{nearest}`？`%lora target={nearest}`", hint "`%lora target=all-linear` takes them all", "`%lora target=all-linear` 选择全部";
    NoAdapter: "no adapter is attached", "还没有附加适配器", hint "%lora", "%lora";
    BadAdapter: "`{path}` is not an adapter for this model: {cause}", "`{path}` 不是这个模型的适配器：{cause}", hint "`%info` shows the layers of this model; `%load` the model that the adapter was made for", "`%info` 显示这个模型的层；请 `%load` 适配器所属的模型";
    NotFinite: "{what} is not finite at step {step}", "{what} 在第 {step} 步不是有限数", hint "the step was not taken; try a lower `lr`", "这一步没有执行；请降低 `lr`";
    NoGradient: "`{tensor}` gets no gradient at step {step}: it would never learn", "`{tensor}` 在第 {step} 步没有梯度：它永远学不到东西";
    NothingToTrain: "there is nothing to train", "没有可训练的参数", hint "%lora", "%lora";
    NoRun: "there is no run to resume", "没有可继续的训练", hint "%train", "%train";
    NotQuantisable: "`{tensor}` cannot be quantised: {cause}", "`{tensor}` 无法量化：{cause}", hint "`%quant bf16` takes any shape", "`%quant bf16` 适用于任何形状";
    AdapterOnQuant: "the weights are {format}; training needs widened weights", "权重是 {format}；训练需要展开的权重";
    BadCheckpoint: "`{path}` is not a run that can go on: {cause}", "`{path}` 不是可以继续的训练：{cause}", hint "`%pretrain … fresh=true`, or `%train` without resume, begins anew and moves it aside", "`%pretrain … fresh=true` 或不带 resume 的 `%train` 会重新开始，并把它移到旁边";
    OtherRun: "the run in `{path}` was made with {what} {expected}; here it is {given}", "`{path}` 中的训练使用的{what}是 {expected}，这里是 {given}", hint "give the lines `%load`, `%data` and `%lora` of that run again, or begin a new one with `%train`", "请重新给出那次训练的 `%load`、`%data` 与 `%lora` 命令，或用 `%train` 开始新的训练";
    NoPastRun: "there is no run {given}; recorded: {known}", "没有编号为 {given} 的训练；已记录：{known}", hint "%runs", "%runs";
    WildRate: "lr={lr} times the adapter's scale {scale} makes {product}: nothing learns outside of {allowed}", "lr={lr} 乘以适配器的缩放 {scale} 得 {product}：超出 {allowed} 就学不到东西", hint "%train lr={usual}", "%train lr={usual}";
    NothingLearned: "all labels of these {rows} rows are masked: there is nothing to learn in them", "这 {rows} 行的标签全部被掩盖：没有可学的内容", hint "`%data?` explains masks and lengths", "`%data?` 说明掩码与长度";
    BadNumber: "{what} is not finite at step {step}, for `{tensor}` holds a number that is not", "第 {step} 步{what}不是有限数，因为 `{tensor}` 中有非有限数", hint "load the model or adapter again; if it comes from a file, the file is damaged", "请重新加载模型或适配器；如果来自文件，说明文件已损坏";
    NotFiniteAt: "{what} is not finite at step {step}: it begins in {place}, in row {row} of batch {batch} (row {data_row} of the data)", "第 {step} 步{what}不是有限数：始于{place}，第 {batch} 批的第 {row} 行（数据的第 {data_row} 行）", hint "the step was not taken; look at that row of the data, and try a lower `lr`", "这一步没有执行；请查看数据的这一行，并降低 `lr`";
    OverLimit: "training needs {needed} in all, `memory=` allows {limit}; {resident} of it is taken before the first step", "训练共需要 {needed}，`memory=` 只允许 {limit}；其中 {resident} 在第一步之前已被占用", hint "{smaller}", "{smaller}";
    LongPrompt: "the text has {tokens} tokens, and there are {n} virtual ones for it", "文本有 {tokens} 个词元，而虚拟词元只有 {n} 个", hint "%ptune method=prompt init=text n={tokens} text=…", "%ptune method=prompt init=text n={tokens} text=…";
    LongExamples: "the longest example has {longest} tokens; with {virtual_tokens} virtual tokens before it, that is more than the context of {context}", "最长的样本有 {longest} 个词元；加上前面的 {virtual_tokens} 个虚拟词元，超过了上下文长度 {context}", hint "cut the examples: `%data FILE max_length={fits}`", "截短样本：`%data FILE max_length={fits}`";
    CannotMerge: "`{adapter}` stands before the tokens, not in the weights: it cannot be merged into them", "`{adapter}` 位于词元之前，而不在权重中：无法合并", hint "`%save DIR` writes it as it is; a LoRA can be merged", "`%save DIR` 按原样保存；LoRA 才可以合并";
    RunReturned: "the run went back to its best weights, those of step {step}: it cannot go on from there", "训练已回到最好的权重（第 {step} 步）：不能从那里继续", hint "`%train` begins a new run with these weights", "`%train` 用这些权重开始新的训练";
    NoBest: "there is no better step to go back to: the weights are those of step {step}, and no earlier validation that was kept was lower", "没有更好的步可以回去：权重属于第 {step} 步，之前保留的验证都不更低", hint "`%data … val=0.1` holds examples out; `%train patience=3` always keeps the best weights", "`%data … val=0.1` 留出验证样本；`%train patience=3` 总是保留最好的权重";
    AdapterTaken: "the adapter `{name}` was trained and is not saved: it is not replaced", "适配器 `{name}` 已训练但未保存：不会被替换", hint "`%save DIR name={name}` first, or `%adapters drop={name}`, or choose another name", "先 `%save 目录 name={name}`，或 `%adapters drop={name}`，或换一个名称";
    AdapterMerged: "the adapter `{name}` is in the weights already", "适配器 `{name}` 已并入权重", hint "`%unmerge` takes it out", "`%unmerge` 可取出";
    NoAdapterNamed: "there is no adapter called `{given}`", "没有名为 `{given}` 的适配器", hint "did you mean `{nearest}`? `%adapters` lists them all", "是不是 `{nearest}`？`%adapters` 列出全部", hint "`%adapters` lists them all", "`%adapters` 列出全部";
    NoSpectrum: "`{adapter}` adds nothing to any weights: it has no singular values", "`{adapter}` 不改变任何权重：没有奇异值", hint "`%lora` and its relatives have them", "`%lora` 一类的适配器才有";
    CannotUnmerge: "the weights were changed since `{name}` was merged: it cannot be taken out", "并入 `{name}` 之后权重已改变：无法取出", hint "`%load` the model again", "重新 `%load` 模型";
    NothingMerged: "no adapter is merged", "没有并入的适配器", hint "%merge", "%merge";
    BadConnection: "`{path}` is not a Jupyter connection file: {cause}", "`{path}` 不是 Jupyter 连接文件：{cause}";
    CannotBind: "cannot listen on {address}", "无法监听 {address}", hint "another kernel may use the address: start a new one from Jupyter", "地址可能被另一个内核占用：请在 Jupyter 中重新启动";
    NotWritable: "`{path}` may not be written by you", "你没有写入 `{path}` 的权限", hint "lantern kernel install --user", "lantern kernel install --user";
    NoKernel: "no kernel `{name}` is installed in {looked_in}", "{looked_in} 中没有安装内核 `{name}`", hint "jupyter kernelspec list", "jupyter kernelspec list";
    NoPrefix: "there is no Python environment to install into", "没有可安装到的 Python 环境", hint "activate one first, or `lantern kernel install --user`", "先激活一个环境，或 `lantern kernel install --user`";
    NoKernelThere: "no kernel answers at {address}", "{address} 没有内核应答", hint "the connection file may be left from a kernel that has ended; `jupyter --runtime-dir` names the folder, the newest kernel-*.json there is the latest one", "连接文件可能属于已结束的内核；`jupyter --runtime-dir` 给出目录，其中最新的 kernel-*.json 是最近启动的内核";
    Internal: "{doing} failed", "{doing} 失败";
}
