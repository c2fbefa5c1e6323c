//! What is wrong, what is allowed, what to type next: the whole message of each.

use std::path::Path;

use insta::assert_snapshot;

use crate::harness::world::{Room, World, fixture};

fn llama() -> World {
    World::with(&["llama-tiny"])
}

#[test]
fn files_that_are_missing() {
    let world = llama();
    assert_snapshot!(world.fail("%load nowhere/model"), @"
    error: there is no file or folder `nowhere/model`
    hint: `!ls` shows what is here
    ");
    assert_snapshot!(world.fail("%load smolm2"), @"
    error: there is no model `smolm2`: neither a name that ships nor a folder or .gguf file
    hint: did you mean `smollm2`? `%models` lists what there is
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%data nothing.jsonl"), @"
    error: there is no file or folder `nothing.jsonl`
      %data nothing.jsonl
    hint: `!ls` shows what is here
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%eval ppl nothing.txt"), @"
    error: there is no file or folder `nothing.txt`
      %eval ppl nothing.txt
    hint: `!ls` shows what is here
    ");
    assert_snapshot!(world.fail("%pretrain nothing.txt"), @"
    error: there is no file or folder `nothing.txt`
    hint: `!ls` shows what is here
    ");
    std::fs::remove_file(world.path("llama-tiny/tokenizer.json")).unwrap();
    assert_snapshot!(world.fail("%load llama-tiny"), @"
    error: no tokenizer in `llama-tiny` (looked for tokenizer.json, vocab.json + merges.txt)
    hint: copy the model's tokenizer.json there and repeat the command
    ");
    std::fs::remove_file(world.path("llama-tiny/config.json")).unwrap();
    assert_snapshot!(world.fail("%load llama-tiny"), @"
    error: there is no file or folder `llama-tiny/config.json`
    hint: `!ls` shows what is here
    ");
    assert_snapshot!(world.fail_in("zh", "%load nowhere/model"), @"
    错误: 没有文件或目录 `nowhere/model`
    提示: `!ls` 查看这里有什么
    ");
}

#[test]
fn weights_that_are_cut_short() {
    let world = World::with(&["llama-tiny", "llama-gguf/llama-q8_0.gguf"]);
    let cut = |name: &str, keep: fn(usize) -> usize| {
        let bytes = std::fs::read(world.path(name)).unwrap();
        world.write(name, &bytes[..keep(bytes.len())]);
    };
    cut("llama-tiny/model.safetensors", |n| n / 2);
    assert_snapshot!(world.fail("%load llama-tiny"), @"
    error: `llama-tiny/model.safetensors` cannot be read as model weights: incomplete metadata, file not fully covered
    hint: the file may be cut short: fetch it again
    ");
    cut("llama-tiny/model.safetensors", |_| 4);
    assert_snapshot!(world.fail("%load llama-tiny"), @"
    error: `llama-tiny/model.safetensors` cannot be read as model weights: header too small
    hint: the file may be cut short: fetch it again
    ");
    cut("llama-q8_0.gguf", |n| n - 1000);
    assert_snapshot!(world.fail("%load llama-q8_0.gguf"), @"
    error: `llama-q8_0.gguf` cannot be read as model weights: tensor needs 1088 bytes at offset 86400, only 344 remaining in file
    hint: the file may be cut short: fetch it again
    ");
    cut("llama-q8_0.gguf", |_| 100);
    assert_snapshot!(world.fail("%load llama-q8_0.gguf"), @"
    error: `llama-q8_0.gguf` cannot be read as model weights: gguf: header declares 20 tensors and 25 metadata entries, needs at least 805 bytes, only 76 remaining
    hint: the file may be cut short: fetch it again
    ");
}

#[test]
fn a_gguf_of_another_kind() {
    use candle_core::quantized::gguf_file::Value;
    let world = World::with(&["llama-gguf/llama-q8_0.gguf"]);
    regguf(&world, "mamba.gguf", "general.architecture", Value::String("mamba2".to_owned()));
    assert_snapshot!(world.fail("%load mamba.gguf"), @"
    error: this model's architecture is `mamba2`; known here: llama, mistral, qwen2, qwen3, gpt2
    hint: %models
    ");
    regguf(&world, "pieces.gguf", "tokenizer.ggml.model", Value::String("llama".to_owned()));
    assert_snapshot!(world.fail("%load pieces.gguf"), @"
    error: the tokenizer in `pieces.gguf` cannot be read: its vocabulary is SentencePiece, which is not read from GGUF: load the same model's folder with tokenizer.json
    hint: `%load FOLDER` reads the model's own tokenizer.json
    ");
    assert_snapshot!(world.fail_in("zh", "%load pieces.gguf"), @"
    错误: `pieces.gguf` 的分词器无法读取：它的词表是 SentencePiece，不能从 GGUF 读取：请加载同一模型带 tokenizer.json 的目录
    提示: `%load 目录` 读取模型自己的 tokenizer.json
    ");
}

/// llama-q8_0.gguf with one value of its metadata changed.
fn regguf(world: &World, name: &str, key: &str, value: candle_core::quantized::gguf_file::Value) {
    use candle_core::Device;
    use candle_core::quantized::gguf_file::{Content, write};
    let mut file = std::fs::File::open(world.path("llama-q8_0.gguf")).unwrap();
    let content = Content::read(&mut file).unwrap();
    let mut metadata = content.metadata.clone();
    assert!(metadata.insert(key.to_owned(), value).is_some(), "{key} was not there");
    let tensors: Vec<_> = content.tensor_infos.keys().map(|t| (t.as_str(), content.tensor(&mut file, t, &Device::Cpu).unwrap())).collect();
    let metadata: Vec<_> = metadata.iter().map(|(k, v)| (k.as_str(), v)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(k, v)| (*k, v)).collect();
    write(&mut std::fs::File::create(world.path(name)).unwrap(), &metadata, &tensors).unwrap();
}

#[test]
fn a_config_that_lies() {
    let world = llama();
    let config = std::fs::read_to_string(world.path("llama-tiny/config.json")).unwrap();
    let with = |from: &str, to: &str| {
        assert!(config.contains(from), "{from}");
        world.write("llama-tiny/config.json", config.replace(from, to));
        world.fail("%load llama-tiny")
    };
    assert_snapshot!(with("\"hidden_size\": 32", "\"hidden_size\": 64"), @"
    error: `lm_head.weight` has shape [120, 32], but the config asks for [120, 64]
    hint: config and weights belong to different models: fetch both again
    ");
    assert_snapshot!(with("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"), @"
    error: `llama-tiny/model.safetensors` has no tensor `model.layers.2.mlp.gate_proj.weight`
    hint: the file may belong to another model or be cut short: fetch it again
    ");
    assert_snapshot!(with("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3"), @"
    error: `model.layers.0.self_attn.k_proj.weight` has shape [16, 32], but the config asks for [24, 32]
    hint: config and weights belong to different models: fetch both again
    ");
    assert_snapshot!(with("\"num_attention_heads\": 4", "\"num_attention_heads\": 0"), @"
    error: `llama-tiny/config.json` does not describe a model: `num_attention_heads` must be a whole number of at least 1, it is 0
    hint: `%load?` says what a folder must hold
    ");
    assert_snapshot!(with("\"hidden_size\": 32", "\"hidden_size\": \"many\""), @r#"
    error: `llama-tiny/config.json` does not describe a model: `hidden_size` must be a whole number of at least 1, it is "many"
    hint: `%load?` says what a folder must hold
    "#);
    assert_snapshot!(with("\"vocab_size\": 120", "\"vocab_size\": 99999999999"), @"
    error: `llama-tiny/config.json` does not describe a model: `vocab_size` must be a whole number of at least 1, it is 99999999999
    hint: `%load?` says what a folder must hold
    ");
    assert_snapshot!(with("\"model_type\": \"llama\"", "\"model_type\": \"rwkv\""), @"
    error: this model's architecture is `rwkv`; known here: llama, mistral, qwen2, qwen3, gpt2
    hint: %models
    ");
    assert_snapshot!(with("{", ""), @"
    error: `llama-tiny/config.json` does not describe a model: trailing characters at line 2 column 18
    hint: `%load?` says what a folder must hold
    ");
}

#[test]
fn data_that_cannot_be_read() {
    let world = llama();
    let with = |name: &str, content: &[u8]| {
        world.write(name, content);
        world.fail(&format!("%load llama-tiny\n%data {name}"))
    };
    assert_snapshot!(with("empty.jsonl", b""), @"
    error: `empty.jsonl` holds no examples
      %data empty.jsonl
    hint: `%data?` says what a file may hold
    ");
    assert_snapshot!(with("empty.json", b"[]"), @"
    error: `empty.json` holds no examples
      %data empty.json
    hint: `%data?` says what a file may hold
    ");
    assert_snapshot!(with("a.jsonl", b"{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"c\"}\n"), @"
    error: `a.jsonl`, row 2: there is no `output`
      %data a.jsonl
    hint: correct that row, then `%data a.jsonl`
    ");
    assert_snapshot!(with("a.json", b"[{\"instruction\": \"a\", \"output\": \"b\"}, {\"instruction\": \"c\", \"output\": [3]}]"), @"
    error: `a.json`, row 2: `output` is not text
      %data a.json
    hint: correct that row, then `%data a.json`
    ");
    assert_snapshot!(with("b.jsonl", b"{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \n"), @"
    error: `b.jsonl`, row 2: EOF while parsing a value at line 1 column 16
      %data b.jsonl
    hint: correct that row, then `%data b.jsonl`
    ");
    assert_snapshot!(with("c.jsonl", b"{\"head\": \"a\", \"tail\": \"b\"}\n"), @"
    error: `c.jsonl` has fields head, tail
      %data c.jsonl
    hint: use instruction/input/output, messages, prompt/completion, or text; `%data?` explains
    ");
    assert_snapshot!(with("d.jsonl", b"{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"\xff\", \"output\": \"b\"}\n"), @"
    error: `d.jsonl` is not UTF-8 text (line 2)
      %data d.jsonl
    hint: convert it first: `!iconv -f GB18030 -t UTF-8 d.jsonl`
    ");
    assert_snapshot!(with("e.txt", b"\xff\xfe"), @"
    error: `e.txt` is not UTF-8 text (line 1)
      %data e.txt
    hint: convert it first: `!iconv -f GB18030 -t UTF-8 e.txt`
    ");
    assert_snapshot!(with("f.csv", b"instruction,output\na,b\nc\n"), @"
    error: `f.csv`, row 3: 1 field(s), but the header names 2
      %data f.csv
    hint: correct that row, then `%data f.csv`
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%eval ppl e.txt"), @"
    error: `e.txt` is not UTF-8 text (line 1)
      %eval ppl e.txt
    hint: convert it first: `!iconv -f GB18030 -t UTF-8 e.txt`
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%eval ppl empty.jsonl"), @"
    error: `empty.jsonl` holds no examples
      %eval ppl empty.jsonl
    hint: `%data?` says what a file may hold
    ");
    assert_snapshot!(world.fail("%pretrain e.txt"), @"
    error: `e.txt` is not UTF-8 text (line 1)
    hint: convert it first: `!iconv -f GB18030 -t UTF-8 e.txt`
    ");
    assert_snapshot!(world.fail_in("zh", "%load llama-tiny\n%data a.jsonl"), @"
    错误: `a.jsonl` 第 2 行：缺少 `output`
      %data a.jsonl
    提示: 修正这一行，然后 `%data a.jsonl`
    ");
}

#[test]
fn prompts_longer_than_the_context() {
    let world = llama();
    let long = "again and ".repeat(30);
    let with = |magic: &str| world.fail(&format!("%load llama-tiny\n%{magic} {long}")).replace(long.trim_end(), "<long>");
    assert_snapshot!(with("generate"), @"
    error: the prompt has 180 tokens, the model's context holds 64
      %generate <long>
    hint: shorten the prompt; `%tokens TEXT` counts
    ");
    assert_snapshot!(with("chat"), @"
    error: the prompt has 196 tokens, the model's context holds 64
      %chat <long>
    hint: shorten the prompt; `%tokens TEXT` counts
    ");
    assert_snapshot!(with("next"), @"
    error: the prompt has 180 tokens, the model's context holds 64
      %next <long>
    hint: shorten the prompt; `%tokens TEXT` counts
    ");
}

#[test]
fn numbers_out_of_range() {
    let world = llama();
    let with = |line: &str| world.fail(&format!("%load llama-tiny\n%data rows.jsonl\n{line}"));
    assert_snapshot!(with("%lora r=0"), @"
    error: `r` cannot be `0`: a whole number of at least 1 is needed
      %lora r=0
    hint: `%lora?` shows what it takes
    ");
    assert_snapshot!(with("%train lr=NaN"), @"
    error: `lr` cannot be `NaN`: a finite number above 0 is needed
      %train lr=NaN
    hint: `%train?` shows what it takes
    ");
    assert_snapshot!(with("%train lr=inf"), @"
    error: `lr` cannot be `inf`: a finite number above 0 is needed
      %train lr=inf
    hint: `%train?` shows what it takes
    ");
    assert_snapshot!(with("%train epochs=-1"), @"
    error: `epochs` cannot be `-1`: a finite number above 0 is needed
      %train epochs=-1
    hint: `%train?` shows what it takes
    ");
    assert_snapshot!(with("%train batch=100"), @"
    error: batch=100, but there are only 11 training examples
      %train batch=100
    hint: %train batch=11
    ");
    assert_snapshot!(with("%lora dropout=1"), @"
    error: `dropout` cannot be `1`: a number of at least 0 and below 1 is needed
      %lora dropout=1
    hint: `%lora?` shows what it takes
    ");
    assert_snapshot!(with("%generate a temperature=-1"), @"
    error: `temperature` cannot be `-1`: a finite number of at least 0 is needed
      %generate a temperature=-1
    hint: `%generate?` shows what it takes
    ");
    assert_snapshot!(with("%next a top_p=1.5"), @"
    error: `top_p` cannot be `1.5`: a number above 0 and at most 1 is needed
      %next a top_p=1.5
    hint: `%next?` shows what it takes
    ");
    assert_snapshot!(with("%seed -1"), @"
    error: `N` cannot be `-1`: a whole number of at least 0 is needed
      %seed -1
    hint: `%seed?` shows what it takes
    ");
    assert_snapshot!(with("%data rows.jsonl val=1"), @"
    error: `val` cannot be `1`: a number of at least 0 and below 1 is needed
      %data rows.jsonl val=1
    hint: `%data?` shows what it takes
    ");
    assert_snapshot!(with("%history many"), @"
    error: `N` cannot be `many`: a whole number of at least 1 is needed
      %history many
    hint: `%history?` shows what it takes
    ");
    assert_snapshot!(world.fail_in("zh", "%lora r=0"), @"
    错误: `r` 不能是 `0`：需要不小于 1 的整数
    提示: `%lora?` 查看可用的值
    ");
    assert_snapshot!(world.fail_in("zh", "%load llama-tiny\n%data rows.jsonl\n%train batch=100"), @"
    错误: batch=100，但训练样本只有 11 个
      %train batch=100
    提示: %train batch=11
    ");
}

#[test]
fn nothing_to_work_on() {
    let world = llama();
    assert_snapshot!(world.fail("%generate hello"), @"
    error: no model is loaded
    hint: %load spark
    ");
    assert_snapshot!(world.fail("%unload"), @"
    error: no model is loaded
    hint: %load spark
    ");
    assert_snapshot!(world.fail("%save out"), @"
    error: no model is loaded
    hint: %load spark
    ");
    assert_snapshot!(world.fail("%data rows.jsonl"), @"
    error: no model is loaded
    hint: %load spark
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%train"), @"
    error: no data is loaded
      %train
    hint: %data FILE
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%eval ppl"), @"
    error: no data is loaded
      %eval ppl
    hint: %data FILE
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%data"), @"
    error: no data is loaded
      %data
    hint: %data FILE
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%train resume=true"), @"
    error: there is no run to resume
      %train resume=true
    hint: %train
    ");
    assert_snapshot!(world.fail_in("zh", "%generate hello"), @"
    错误: 还没有加载模型
    提示: %load spark
    ");
}

#[test]
fn magics_and_options_that_are_not_there() {
    let world = llama();
    assert_snapshot!(world.fail("%lod spark"), @"
    error: there is no magic `%lod`
    hint: did you mean `%load`? `%lsmagic` lists them all
    ");
    assert_snapshot!(world.fail("%xyzzyplugh"), @"
    error: there is no magic `%xyzzyplugh`
    hint: `%lsmagic` lists them all
    ");
    assert_snapshot!(world.fail("%%bash\necho"), @"
    error: there is no magic `%%bash`
      %%bash
    hint: `%lsmagic` lists them all
    ");
    assert_snapshot!(world.fail("%trian?"), @"
    error: there is no magic `%trian`
      %trian?
      ^^^^^^
    hint: did you mean `%train`? `%lsmagic` lists them all
    ");
    assert_snapshot!(world.fail("%train epoch=3"), @"
    error: `%train` has no option `epoch`
    hint: did you mean `epochs`? `%train?` shows them all
    ");
    assert_snapshot!(world.fail("%train --batch-sise 3"), @"
    error: `%train` has no option `batch-sise`
    hint: did you mean `batch`? `%train?` shows them all
    ");
    assert_snapshot!(world.fail("%lora zzz=3"), @"
    error: `%lora` has no option `zzz`
    hint: `%lora?` shows them all
    ");
    assert_snapshot!(world.fail_in("zh", "%train epoch=3"), @"
    错误: `%train` 没有选项 `epoch`
    提示: 是不是 `epochs`？`%train?` 列出全部
    ");
}

#[test]
fn values_and_words_that_do_not_fit() {
    let world = llama();
    assert_snapshot!(world.fail("%train dtype=f64"), @"
    error: `dtype` cannot be `f64`: use f32, f16, bf16
    hint: `%train?` shows what it takes
    ");
    assert_snapshot!(world.fail("%quant q9"), @"
    error: `FORMAT` cannot be `q9`: use f32, f16, bf16, q8_0, q4_0
    hint: `%quant?` shows what it takes
    ");
    assert_snapshot!(world.fail("%eval bleu"), @"
    error: `METRIC` cannot be `bleu`: use ppl
    hint: `%eval?` shows what it takes
    ");
    assert_snapshot!(world.fail("%lang tlh"), @"
    error: `LANG` cannot be `tlh`: use en, zh
    hint: `%lang?` shows what it takes
    ");
    assert_snapshot!(world.fail("%clear wait=maybe"), @"
    error: `wait` cannot be `maybe`: use true, false
    hint: `%clear?` shows what it takes
    ");
    assert_snapshot!(world.fail("%info json=maybe"), @"
    error: `json` cannot be `maybe`: use true, false
    hint: `%info?` shows what it takes
    ");
    assert_snapshot!(world.fail("%load x device=tpu"), @"
    error: there is no device `tpu`; available: cpu
    hint: %device
    ");
    assert_snapshot!(world.fail("%generate"), @"
    error: `%generate` needs PROMPT
    hint: `%generate?` shows examples
    ");
    assert_snapshot!(world.fail("%quant"), @"
    error: `%quant` needs FORMAT
    hint: `%quant?` shows examples
    ");
    assert_snapshot!(world.fail("%train lr="), @"
    error: `%train` needs a value for `lr`
    hint: `%train?` shows examples
    ");
    assert_snapshot!(world.fail("%train --lr"), @"
    error: `%train` needs a value for `lr`
    hint: `%train?` shows examples
    ");
    assert_snapshot!(world.fail("%train lr=1 lr=2"), @"
    error: `%train`: the option `lr` is given twice
    hint: `%train?` shows how to use it
    ");
    assert_snapshot!(world.fail("%train epochs"), @"
    error: `%train`: `epochs` is an option: write `epochs=N`
    hint: `%train?` shows how to use it
    ");
    assert_snapshot!(world.fail("%train resume"), @"
    error: `%train`: `resume` is an option: write `resume=true`
    hint: `%train?` shows how to use it
    ");
    assert_snapshot!(world.fail("%history 1 2"), @"
    error: `%history`: `2` is one word too many
    hint: `%history?` shows how to use it
    ");
    assert_snapshot!(world.fail("%generate \"abc"), @r#"
    error: `%generate`: the quote " is not closed
    hint: `%generate?` shows how to use it
    "#);
    assert_snapshot!(world.fail("let x = 1;"), @"
    error: this build runs magics and `!commands`; Rust cells come in a later version
    hint: begin a line with `%`; `%lsmagic` lists what there is
    ");
    assert_snapshot!(world.fail("!exit 3"), @"
    error: `exit 3` ended with status 3
    ");
    assert_snapshot!(world.fail("%input Name?"), @"
    error: interrupted: no answer came
    ");
    assert_snapshot!(world.fail_in("zh", "%train lr=1 lr=2"), @"
    错误: `%train`：选项 `lr` 给了两次
    提示: `%train?` 查看用法
    ");
}

#[test]
fn switches_can_be_off() {
    let world = llama();
    assert_eq!(world.run("%clear wait=false json=false"), "");
    assert_eq!(world.run("%clear --json=true"), "{}\n");
}

#[test]
fn targets_of_another_family() {
    let world = World::with(&["gpt2-tiny"]);
    assert_snapshot!(world.fail("%load gpt2-tiny\n%lora target=query_key_value"), @"
    error: no linear layer is called `query_key_value`; this model has c_attn, c_proj, c_fc
      %lora target=query_key_value
    hint: did you mean `c_attn`? `%lora target=c_attn`
    ");
    assert_snapshot!(world.fail("%load gpt2-tiny\n%lora target=zzzzzzzzzzzz"), @"
    error: no linear layer is called `zzzzzzzzzzzz`; this model has c_attn, c_proj, c_fc
      %lora target=zzzzzzzzzzzz
    hint: did you mean `c_attn`? `%lora target=c_attn`
    ");
    assert_snapshot!(world.fail_in("zh", "%load gpt2-tiny\n%lora target=query_key_value"), @"
    错误: 没有叫 `query_key_value` 的线性层；这个模型有 c_attn, c_proj, c_fc
      %lora target=query_key_value
    提示: 是不是 `c_attn`？`%lora target=c_attn`
    ");
}

#[test]
fn an_adapter_for_another_model() {
    let world = World::with(&["gpt2-tiny", "llama-tiny"]);
    assert_snapshot!(world.fail("%load llama-tiny/lora"), @"
    error: no model is loaded
    hint: %load spark
    ");
    assert_snapshot!(world.fail("%load gpt2-tiny\n%load llama-tiny/lora"), @"
    error: `llama-tiny/lora` is not an adapter for this model: `model.layers.0.mlp.down_proj`: `gpt2-tiny` has no such layer
      %load llama-tiny/lora
    hint: `%info` shows the layers of this model; `%load` the model that the adapter was made for
    ");
    std::fs::remove_file(world.path("llama-tiny/lora/adapter_model.safetensors")).unwrap();
    assert_snapshot!(world.fail("%load llama-tiny\n%load llama-tiny/lora"), @"
    error: there is no file or folder `llama-tiny/lora/adapter_model.safetensors`
      %load llama-tiny/lora
    hint: `!ls` shows what is here
    ");
}

#[test]
fn a_block_format_that_does_not_fit() {
    let world = llama();
    assert_snapshot!(world.fail("%load llama-tiny\n%quant q8_0"), @"
    error: `model.layers.0.mlp.down_proj.weight` cannot be quantised: its rows have 48 numbers, blocks hold 32
      %quant q8_0
    hint: `%quant bf16` takes any shape
    ");
}

#[test]
fn a_failed_load_or_quant_leaves_the_model() {
    let room = Room::new();
    room.run(&format!("%load {}\n%lora r=4", fixture("llama-tiny").display()));
    let before = room.json("%info --json");
    let written = room.run("%generate \"Once upon\" max_new_tokens=8").text;
    for bad in ["%load nowhere/model", "%quant q8_0", "%lora target=nothing_like_it"] {
        room.fail(bad);
        assert_eq!(room.json("%info --json"), before, "{bad}");
    }
    room.fail(&format!("%load {}", fixture("gpt2-tiny/lora").display()));
    assert_eq!(room.json("%info --json"), before);
    let again = room.run("%generate \"Once upon\" max_new_tokens=8").text;
    assert_eq!(again.lines().next(), written.lines().next());
}

#[test]
fn places_that_cannot_be_written() {
    let world = llama();
    assert_snapshot!(world.fail("%load llama-tiny\n%save text.txt"), @"
    error: cannot use `<folder>/text.txt`
      %save text.txt
      it is a file: name a new folder
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%save text.txt/model"), @"
    error: cannot use `<folder>/text.txt`
      %save text.txt/model
      File exists (os error 17)
    ");
    std::fs::create_dir(world.path("thesis")).unwrap();
    world.write("thesis/chapter.tex", "x");
    assert_snapshot!(world.fail("%load llama-tiny\n%save thesis"), @"
    error: cannot use `<folder>/thesis`
      %save thesis
      it holds other files (`chapter.tex`), which saving would delete: name a new folder
    ");
    assert_eq!(names(&world.path("thesis")), ["chapter.tex"]);
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A file may not grow beyond a few kB: the write fails in the middle, as on a full disk.
#[cfg(unix)]
#[test]
fn a_save_that_fails_half_way_leaves_the_old_folder() {
    let world = llama();
    world.run("%load llama-tiny\n%save model");
    let (before, all) = (std::fs::read(world.path("model/model.safetensors")).unwrap(), names(&world.path("")));
    let mut command = std::process::Command::new("sh");
    world.freeze(&mut command);
    let script = "trap '' XFSZ; ulimit -f 32; exec \"$0\" -c \"$1\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_lantern"), "%load llama-tiny\n%generate Once max_new_tokens=1\n%save model"]);
    let ran = command.output().unwrap();
    assert_snapshot!(world.masked(&ran).1, @"
    error: cannot use `<folder>/model/model.safetensors`
      %save model
      File too large (os error 27)
    ");
    assert_eq!(std::fs::read(world.path("model/model.safetensors")).unwrap(), before);
    assert_eq!(names(&world.path("")), all, "nothing half-written is left");
}

/// A real full disk, where this machine lets us mount one.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let world = llama();
    std::fs::create_dir(world.path("small")).unwrap();
    let Some(_disk) = Disk::mount(&world.path("small")) else {
        eprintln!("SKIPPED, a file system of 64 kB cannot be mounted here");
        return;
    };
    assert_snapshot!(world.fail("%load llama-tiny\n%save small/model"), @"
    error: the disk is full: `<folder>/small/model/model.safetensors` was not written
      %save small/model
    hint: nothing half-written was left behind; free some space and repeat the command
    ");
    assert!(names(&world.path("small")).is_empty(), "nothing half-written is left");
}

#[cfg(target_os = "linux")]
struct Disk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(at).output();
        mounted.ok().filter(|ran| ran.status.success()).map(|_| Self(at.to_owned()))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).output();
    }
}
