//! %device, %seed, %status, %history, %clear, %input, %lang, %lsmagic, %help, `!command`, `%name?`.

use std::io::Write;
use std::process::Stdio;

use insta::assert_snapshot;

use crate::harness::world::World;

#[test]
fn device_and_seed() {
    let world = World::with(&[]);
    assert_snapshot!(world.run("%device cpu\n%seed\n%seed 7\n%seed"), @"
    device        cpu
    threads       2
    CPU features  <features>
    memory free   <bytes>
    seed 42
    seed 7
    seed 7
    ");
}

#[test]
fn status_names_what_is_there() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.run("%status\n%load llama-tiny\n%lora r=4 --json\n%data rows.jsonl show=0 --json\n%status"), @r#"
    model        -
    adapter      -
    data         -
    memory used  <bytes>
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    {"modules":4,"parameters":896,"r":4,"alpha":32}
    {"layout":"instruction","train":11,"val":1,"tokens":352,"learned":86,"cut":0,"dropped":0}
    model        llama-tiny
    adapter      lora r=4 q_proj,v_proj
    data         rows.jsonl
    memory used  <bytes>
    "#);
}

#[test]
fn history_lasts_and_is_searched() {
    let world = World::with(&[]);
    world.run("%seed 1");
    world.run("!echo two\n!echo lines");
    assert_snapshot!(world.run("%history"), @"
    1/1: %seed 1
    2/1: !echo two
        !echo lines
    ");
    assert_snapshot!(world.run("%history 1"), @"3/1: %history");
    assert_snapshot!(world.run("%history grep=seed"), @"1/1: %seed 1");
}

#[test]
fn commands_stream_and_clear_prints_nothing() {
    let world = World::with(&[]);
    assert_snapshot!(world.run("%clear\n!echo one; echo two\n%clear wait=true"), @"
    one
    two
    ");
}

#[test]
fn input_asks() {
    let world = World::with(&[]);
    let ask = |code: &str, answer: &str| {
        let mut child = world.lantern(&["-c", code]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        world.masked(&child.wait_with_output().unwrap()).0
    };
    assert_snapshot!(ask("%input \"Your name?\"", "Ada\n"), @"
    Your name?
    Ada
    ");
    assert_snapshot!(ask("%input Word? --json --password", "secret\n"), @r#"
    Word?
    {"text":"secret"}
    "#);
}

#[test]
fn the_language_is_remembered() {
    let world = World::with(&[]);
    assert_snapshot!(world.run("%lang"), @"messages are in English");
    assert_snapshot!(world.run("%lang zh"), @"消息使用中文");
    assert_snapshot!(world.run("%lang"), @"消息使用中文");
    let english = world.lantern(&["--lang", "en", "-c", "%lang"]).output().unwrap();
    assert_eq!(world.masked(&english).0, "messages are in English\n");
    let variable = world.lantern(&["-c", "%lang"]).env("LANTERN_LANG", "en").output().unwrap();
    assert_eq!(world.masked(&variable).0, "messages are in English\n");
}

#[test]
fn lsmagic_lists_all() {
    let world = World::with(&[]);
    assert_snapshot!(world.run("%lsmagic"), @"
    topic     magic      what it does
    ────────  ─────────  ─────────────────────────────────────────────────────────
    model     %load      Load a model, or an adapter onto the model that is loaded
    model     %unload    Drop the model and give its memory back
    model     %models    List the models that can be loaded by name
    model     %info      Describe the loaded model
    model     %save      Save the adapter, or the model with its tokenizer
    generate  %generate  Let the model write on from a prompt
    generate  %chat      Talk to the model in its own chat template
    generate  %next      Show which tokens the model expects next
    generate  %tokens    Show how a text is cut into tokens
    data      %data      Read a data set for training and evaluation
    train     %lora      Attach a fresh LoRA adapter
    train     %ptune     Attach virtual tokens that learn in front of every text
    train     %full      Choose full fine-tuning, with parts that stay frozen
    train     %adapters  List the adapters of the session, or switch to one
    train     %merge     Add the attached adapter to the weights
    train     %unmerge   Take the adapter that was merged last out of the weights
    train     %train     Train the adapter on the data, or all weights without one
    train     %pretrain  Train a model from nothing on text
    train     %compare   Train with several methods and set them side by side
    train     %lr        Find a learning rate: the loss while the rate rises
    train     %runs      Show past training runs and their curves
    evaluate  %eval      Measure the model
    evaluate  %quant     Store the weights in fewer bits, in place
    session   %device    Show or choose the device that computes
    session   %seed      Show or set the seed of all random numbers
    session   %status    Show what the session holds
    session   %attach    Show the running cell here too, or else the last one
    session   %captured  Show again what `%%capture` kept
    session   %history   Show past cells
    session   %clear     Clear the output of this cell
    session   %input     Ask the person for a line of text
    session   %lang      Show or set the language of messages and help
    session   %lsmagic   List all magics
    session   %help      Explain a magic, or how to begin
    In the first line of a cell: `%%rust`, `%%time`, `%%capture NAME`
    `%train?` explains one; `!ls` runs a command of the system
    ");
    let ran = world.lantern(&["--lang", "zh", "-c", "%lsmagic"]).output().unwrap();
    assert_snapshot!(world.masked(&ran).0, @"
    主题  魔法命令   作用
    ────  ─────────  ──────────────────────────────────────────────
    模型  %load      加载模型，或把适配器加载到当前模型上
    模型  %unload    卸载模型并归还内存
    模型  %models    列出可以按名字加载的模型
    模型  %info      介绍已加载的模型
    模型  %save      保存适配器，或模型及其分词器
    生成  %generate  让模型从提示接着写下去
    生成  %chat      用模型自己的对话模板与它对话
    生成  %next      显示模型预测的下一个词元
    生成  %tokens    显示一段文本如何切分成词元
    数据  %data      读取用于训练和评估的数据集
    训练  %lora      附加一个新的 LoRA 适配器
    训练  %ptune     附加在每段文本之前学习的虚拟词元
    训练  %full      选择全量微调，可冻结一部分
    训练  %adapters  列出会话中的适配器，或切换到其中一个
    训练  %merge     把附加的适配器并入权重
    训练  %unmerge   从权重中取出最后并入的适配器
    训练  %train     在数据上训练适配器；没有适配器时训练全部权重
    训练  %pretrain  从零开始在文本上训练模型
    训练  %compare   用几种方法训练并对比
    训练  %lr        寻找学习率：学习率逐步升高时的损失
    训练  %runs      显示以前的训练及其曲线
    评估  %eval      评估模型
    评估  %quant     就地用更少的位数存放权重（量化）
    会话  %device    显示或选择计算设备
    会话  %seed      显示或设置所有随机数的种子
    会话  %status    显示会话中有什么
    会话  %attach    在这里也显示本会话正在运行的（或上一个）单元格
    会话  %captured  再次显示 `%%capture` 保留的输出
    会话  %history   显示以前的单元格
    会话  %clear     清除这个单元格的输出
    会话  %input     请人输入一行文字
    会话  %lang      显示或设置消息和帮助的语言
    会话  %lsmagic   列出所有魔法命令
    会话  %help      解释一个魔法命令，或说明如何开始
    写在单元格首行：`%%rust`, `%%time`, `%%capture NAME`
    `%train?` 解释一个命令；`!ls` 运行系统命令
    ");
}

#[test]
fn help_explains() {
    let world = World::with(&[]);
    assert_snapshot!(world.run("%help"), @"
    Lantern keeps a language model loaded while you look at it, tune it and measure it.

      %load spark                     load a small model that ships with Lantern
      %generate Once upon a time      let it write
      %next The capital of France is  see what it expects next
      %data FILE, %lora, %train       teach it something
      %eval ppl, %quant q4_0, %save   measure it, shrink it, keep it

    %lsmagic lists everything; %train? explains one magic; Ctrl-C stops what is running and keeps what it learned.
    ");
    assert_snapshot!(world.run("%quant?"), @"
    %quant — Store the weights in fewer bits, in place

    Prints size and perplexity before and after, and how far each matrix moved. The embedding table and the head stay finer: q8_0, or q6_k with a k format, and bf16 with nf4 and int8, as bitsandbytes' users keep them. nf4 and int8 are bitsandbytes' own, byte for byte. Blocks of a k format hold 256 numbers; a matrix whose rows they do not divide takes q5_0, q5_1 or q8_0 instead, and is named. Load the model again to get its own weights back.

    Options
      FORMAT   Bits a weight: f16 and bf16 16, int8 8, q8_0 8.5, q6_k 6.6, q5_1 6, q5_k and q5_0 5.5, q4_1 5, q4_k, q4_0 and nf4 4.5 [f32, f16, bf16, int8, nf4, q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, q4_1, q4_0]
      --dq     Quantise the scales of nf4 too: 4.13 bits a weight
      block=N  Weights of nf4 that share a scale: 32, 64 (if not given), 128 … 4096
      --json   Print the result as one line of JSON

    Examples
      %quant q8_0
      %quant q4_k
      %quant bf16
      %quant nf4 dq=true
    ");
    assert_eq!(world.run("%help train"), world.run("%train?"));
    assert_eq!(world.run("?lora"), world.run("%help %lora"));
    let ran = world.lantern(&["--lang", "zh", "-c", "%lora?"]).output().unwrap();
    assert_snapshot!(world.masked(&ran).0, @"
    %lora — 附加一个新的 LoRA 适配器

    模型被冻结；每个目标旁边的两个小矩阵负责学习：y = W x + B A x · alpha / r。B 从零开始，所以在 `%train` 之前输出不变。训练过的适配器会以原名保留：`%adapters` 列出全部。

    选项
      r=N                   矩阵的秩 (默认: 16)
      alpha=X               缩放：增量乘以 alpha / r (默认: 32) (也可写作: lora_alpha)
      target=TARGET         目标层的名字，用逗号分隔；`all-linear` 表示块内的全部线性层；输出头和词嵌入表也可以用名字选择；也可以是匹配整个路径的正则表达式；不给时用该系列的默认选择 (也可写作: target_modules)
      whole=TARGET          输出头或词嵌入表的名字：与矩阵一起整体训练，并随之保存 (也可写作: modules_to_save)
      exclude=TARGET        排除的层，写法同 `target` (也可写作: exclude_modules)
      layers=N              块的编号，用逗号分隔：`0,1` 或 `0-3` (也可写作: layers_to_transform)
      --rslora              按 alpha / sqrt(r) 缩放：高秩与低秩学得一样快 (也可写作: use_rslora)
      --dora                除方向外还学习每个输出的长度（DoRA） (也可写作: use_dora)
      rank_pattern=NAME:N   个别模块的秩：`c_attn:8,mlp.c_proj:4`
      alpha_pattern=NAME:X  个别模块的 alpha：`c_attn:16`
      dropout=SHARE         训练时丢弃输入的比例 (默认: 0) (也可写作: lora_dropout)
      seed=N                初始 A 的种子；不给时用会话的种子
      name=NAME             适配器的名称；不给时用 `lora`、`dora` 等
      --detach              取下适配器
      --json                把结果打印成一行 JSON

    示例
      %lora
      %lora r=16 alpha=32 target=c_attn dropout=0.1
      %lora r=8 target_modules=q_proj,v_proj
      %lora dora=true target=all-linear layers=0-3 rank_pattern=down_proj:4
      %lora rslora=true r=64 alpha=16 name=wide
      %lora target=all-linear,lm_head,embed_tokens
      %lora target=all-linear whole=lm_head
      %lora detach=true
    ");
}
