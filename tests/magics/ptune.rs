//! %ptune: virtual tokens attached, trained, saved and loaded; what it refuses.

use insta::assert_snapshot;
use serde_json::Value;

use crate::harness::world::World;

#[test]
fn each_method_says_what_it_attached() {
    let world = World::with(&["llama-tiny"]);
    let methods = "%ptune\n%ptune encoder=lstm n=4 hidden=8\n%ptune method=prompt n=6 text=\"say 3\"\n%ptune method=prompt n=2 init=vocab\n\
                   %ptune method=prefix n=4\n%ptune method=prefix n=4 projection=true hidden=8\n%ptune num_virtual_tokens=4 encoder_hidden_size=5\n\
                   %ptune detach=true";
    assert_snapshot!(world.run(&format!("%load llama-tiny\n{methods}")), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    p-tuning n=20 mlp: 3808 trainable parameters, 16.41 % of the model
    saved, it is 640 numbers: the network that makes them is needed for training only
    p-tuning n=4 lstm: 5296 trainable parameters, 22.83 % of the model
    saved, it is 128 numbers: the network that makes them is needed for training only
    prompt n=6: 192 trainable parameters, 0.83 % of the model
    prompt n=2: 64 trainable parameters, 0.28 % of the model
    prefix n=4: 256 trainable parameters, 1.10 % of the model
    prefix n=4 projection: 776 trainable parameters, 3.34 % of the model
    saved, it is 256 numbers: the network that makes them is needed for training only
    p-tuning n=4 mlp: 515 trainable parameters, 2.22 % of the model
    saved, it is 128 numbers: the network that makes them is needed for training only
    no adapter is attached now
    ");
}

/// The loss of `%eval ppl` over the text.
fn loss(world: &World, code: &str) -> f64 {
    let out = world.run(&format!("{code}\n%eval ppl text.txt --json"));
    let line = out.lines().last().unwrap();
    serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64().unwrap()
}

#[test]
fn every_method_learns_is_saved_and_loaded() {
    let world = World::with(&["llama-tiny"]);
    for (method, said) in
        [("encoder=mlp", true), ("encoder=lstm hidden=8", true), ("method=prompt text=say", false), ("method=prefix", false)]
    {
        let made =
            format!("%load llama-tiny\n%data rows.jsonl show=0\n%ptune {method} n=4 seed=3\n%train steps=40 batch=4 lr=3e-2 seed=1 --json");
        let out = world.run(&made);
        let losses: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        let losses: Vec<f64> = losses["losses"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect();
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        assert!(mean(&losses[35..]) < mean(&losses[..5]) - 0.5, "{method}: {losses:?}");

        let folder = method.replace([' ', '='], "-");
        let saved = world.run(&format!("{made}\n%save {folder}\n%generate \"say 3\" max_new_tokens=8\n%eval ppl text.txt --json"));
        let loaded =
            world.run(&format!("%load llama-tiny\n%load {folder}\n%generate \"say 3\" max_new_tokens=8\n%eval ppl text.txt --json"));
        let last_two = |out: &str| out.lines().rev().take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(last_two(&saved), last_two(&loaded), "{method}: the same text and the same loss");
        assert_eq!(saved.contains("not the network that made them"), said, "{saved}");
        assert_eq!(loaded.contains("goes on with the prompts themselves"), said, "{loaded}");
        let plain = loss(&world, "%load llama-tiny");
        assert!((loss(&world, &format!("%load llama-tiny\n%load {folder}")) - plain).abs() > 0.01, "{method} changes something");
        let more = format!("%load llama-tiny\n%load {folder}\n%data rows.jsonl show=0\n%train steps=2 batch=2 --json");
        assert!(world.run(&more).lines().last().unwrap().starts_with("{\"losses\""), "{method}: what was loaded trains on");
    }
}

#[test]
fn a_loaded_prompt_is_described() {
    let world = World::with(&["gpt2-tiny"]);
    assert_snapshot!(world.run("%load gpt2-tiny\n%ptune n=4 encoder=lstm hidden=6\n%save out\n%load out\n%info\n%status"), @"
    loaded gpt2-tiny: gpt2, 18.4 k parameters, 73.4 kB in <time>
    p-tuning n=4 lstm: 3060 trainable parameters, 16.67 % of the model
    saved, it is 96 numbers: the network that makes them is needed for training only
    saved out: adapter_config.json, adapter_model.safetensors (954 B)
    the folder holds the prompts, not the network that made them, as PEFT's does: loaded again, training goes on with the prompts themselves
    attached p-tuning n=4 lstm to gpt2-tiny
    the network that made these prompts is not in the folder: `%train` goes on with the prompts themselves
    model             gpt2-tiny (gpt2)
    parameters        18.4 k
    memory used       73.4 kB (f32)
    device            cpu
    layers            2
    hidden size       24
    heads / KV heads  3 / 3
    vocabulary        97
    context           64
    adapter           p-tuning n=4 lstm: 96 (0.52 %)
    adapter targets   c_attn, c_proj, c_fc
    at the ends       wte, lm_head
    model        gpt2-tiny
    adapter      p-tuning n=4 lstm
    data         -
    memory used  <bytes>
    ");
}

#[test]
fn what_cannot_be_is_refused_with_a_way_out() {
    let world = World::with(&["llama-tiny"]);
    let on = |code: &str| world.fail(&format!("%load llama-tiny --json\n{code}"));
    assert_snapshot!(world.fail("%ptune"), @"
    error: no model is loaded
    hint: %load spark
    ");
    assert_snapshot!(on("%ptune n=64"), @"
    error: `n` cannot be `64`: less than the model's context of 64
      %ptune n=64
    hint: `%ptune?` shows what it takes
    ");
    assert_snapshot!(on("%ptune n=0"), @"
    error: `n` cannot be `0`: a whole number of at least 1 is needed
      %ptune n=0
    hint: `%ptune?` shows what it takes
    ");
    assert_snapshot!(on("%ptune method=soft"), @"
    error: `method` cannot be `soft`: use p-tuning, prompt, prefix
      %ptune method=soft
    hint: `%ptune?` shows what it takes
    ");
    assert_snapshot!(on("%ptune method=prompt n=3 text=\"say it is\""), @r#"
    error: the text has 8 tokens, and there are 3 virtual ones for it
      %ptune method=prompt n=3 text="say it is"
    hint: %ptune method=prompt init=text n=8 text=…
    "#);
    assert_snapshot!(on("%ptune method=prompt init=text"), @"
    error: `%ptune` needs text=TEXT
      %ptune method=prompt init=text
    hint: `%ptune?` shows examples
    ");
    assert_snapshot!(on("%ptune text=hello"), @"
    error: `text` cannot be `hello`: only method=prompt init=text takes one
      %ptune text=hello
    hint: `%ptune?` shows what it takes
    ");
    assert_snapshot!(on("%ptune method=prompt encoder=lstm"), @"
    error: `encoder` cannot be `lstm`: only method=p-tuning has an encoder
      %ptune method=prompt encoder=lstm
    hint: `%ptune?` shows what it takes
    ");
    assert_snapshot!(on("%ptune layers=3"), @"
    error: `layers` cannot be `3`: only encoder=lstm has this
      %ptune layers=3
    hint: `%ptune?` shows what it takes
    ");
    assert_snapshot!(on("%ptune method=prefix hidden=8"), @"
    error: `hidden` cannot be `8`: only method=p-tuning and method=prefix projection=true have a network
      %ptune method=prefix hidden=8
    hint: `%ptune?` shows what it takes
    ");
    assert_snapshot!(on("%ptune projection=true"), @"
    error: `projection` cannot be `true`: only method=prefix has a projection
      %ptune projection=true
    hint: `%ptune?` shows what it takes
    ");
    assert_snapshot!(on("%ptune n=4 --json\n%save out merged=true"), @"
    error: `p-tuning n=4 mlp` stands before the tokens, not in the weights: it cannot be merged into them
      %save out merged=true
    hint: `%save DIR` writes it as it is; a LoRA can be merged
    ");
    assert_snapshot!(on("%ptune n=60 --json\n%generate \"say it is 3\""), @r#"
    error: the prompt has 10 tokens, the model's context holds 4
      %generate "say it is 3"
    hint: shorten the prompt; `%tokens TEXT` counts
    "#);
    assert_snapshot!(on("%data rows.jsonl show=0 --json\n%ptune n=50 --json\n%train steps=1"), @"
    error: the longest example has 31 tokens; with 50 virtual tokens before it, that is more than the context of 64
      %train steps=1
    hint: cut the examples: `%data FILE max_length=14`
    ");
}

/// Data that is read behind virtual tokens is cut to what they leave.
#[test]
fn examples_are_cut_to_the_rest_of_the_context() {
    let world = World::with(&["llama-tiny"]);
    let out = world.run("%load llama-tiny --json\n%ptune n=36 --json\n%data rows.jsonl show=0 --json\n%train steps=1 batch=2 --json");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[2]["cut"], &lines[3]["steps"]), (&Value::from(12), &Value::from(1)), "{out}");
}

#[test]
fn it_speaks_chinese() {
    let world = World::with(&["llama-tiny"]);
    let ran = world.lantern(&["--lang", "zh", "-c", "%ptune?"]).output().unwrap();
    assert_snapshot!(world.masked(&ran).0, @"
    %ptune — 附加在每段文本之前学习的虚拟词元

    模型被冻结；每段文本之前的 n 个不属于任何词元的向量负责学习。`p-tuning` 用一个小网络生成它们，`prompt` 直接学习向量本身，`prefix` 学习每一层的键和值。它们占用上下文的 n 个位置。训练过的适配器会以原名保留。需要比 LoRA 更大的步长：不另给时，`%train` 对有网络的取 lr=1e-3，`prompt` 取 3e-2，`prefix` 取 1e-2。

    选项
      method=NAME    虚拟词元的生成方式 [p-tuning, prompt, prefix] (默认: p-tuning) (也可写作: peft_type)
      n=N            虚拟词元的个数 (默认: 20) (也可写作: num_virtual_tokens)
      encoder=NET    p-tuning：生成提示的网络；不给时为 `mlp` [mlp, lstm] (也可写作: encoder_reparameterization_type)
      hidden=N       网络内部的宽度；不给时与其输出相同 (也可写作: encoder_hidden_size)
      layers=N       p-tuning 的 LSTM：层数；不给时为 2 (也可写作: encoder_num_layers)
      dropout=SHARE  p-tuning 的 LSTM：训练时在层间丢弃的比例 (也可写作: encoder_dropout)
      --projection   prefix：用一个小网络生成键和值 (也可写作: prefix_projection)
      init=START     prompt：从随机数、词表中的词元或 `text` 的词元开始 [random, vocab, text] (也可写作: prompt_tuning_init)
      text=TEXT      prompt：开始时使用的文本，重复到 n 个词元 (也可写作: prompt_tuning_init_text)
      name=WORD      适配器的名称；不给时用方法名 (也可写作: adapter_name)
      seed=N         初始数值的种子；不给时用会话的种子
      --detach       取下适配器
      --json         把结果打印成一行 JSON

    示例
      %ptune
      %ptune n=20 encoder=lstm
      %ptune method=prompt text='Answer in one word:'
      %ptune method=prefix n=8 projection=true
      %ptune detach=true
    ");
    assert_snapshot!(world.fail_in("zh", "%load llama-tiny --json\n%ptune method=prompt n=3 text=\"say it is\""), @r#"
    错误: 文本有 8 个词元，而虚拟词元只有 3 个
      %ptune method=prompt n=3 text="say it is"
    提示: %ptune method=prompt init=text n=8 text=…
    "#);
    assert_snapshot!(world.fail_in("zh", "%load llama-tiny --json\n%ptune n=64"), @"
    错误: `n` 不能是 `64`：小于模型的上下文长度 64
      %ptune n=64
    提示: `%ptune?` 查看可用的值
    ");
}
