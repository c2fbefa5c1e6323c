//! Models, adapters and files that are not what they should be.

use insta::assert_snapshot;

use super::llama;
use crate::harness::world::World;

#[test]
fn files_that_are_missing() {
    let world = llama();
    assert_snapshot!(world.fail("%load ./nowhere/model"), @"
    error: there is no file or folder `./nowhere/model`
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
    assert_snapshot!(world.fail("%load llama-tiny\n%data alpaca"), @"
    error: there is no data set `alpaca`: neither a known name nor a file
      %data alpaca
    hint: did you mean `alpaca-en`? `%data alpaca-en`
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
    assert_snapshot!(world.fail("%load text.txt"), @"
    error: `text.txt` cannot be read as model weights: neither .gguf nor .safetensors
    hint: `%load?` says what can be read; a file that was cut short must be fetched again
    ");
    world.write("llama-tiny/tokenizer.json", "{bad");
    assert_snapshot!(world.fail("%load llama-tiny"), @"
    error: the tokenizer in `llama-tiny/tokenizer.json` cannot be read: key must be a string at line 1 column 2
    hint: `%load FOLDER` reads the model's own tokenizer.json
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
    assert_snapshot!(world.fail_in("zh", "%load ./nowhere/model"), @"
    错误: 没有文件或目录 `./nowhere/model`
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
    hint: `%load?` says what can be read; a file that was cut short must be fetched again
    ");
    cut("llama-tiny/model.safetensors", |_| 4);
    assert_snapshot!(world.fail("%load llama-tiny"), @"
    error: `llama-tiny/model.safetensors` cannot be read as model weights: header too small
    hint: `%load?` says what can be read; a file that was cut short must be fetched again
    ");
    cut("llama-q8_0.gguf", |n| n - 1000);
    assert_snapshot!(world.fail("%load llama-q8_0.gguf"), @"
    error: `llama-q8_0.gguf` cannot be read as model weights: tensor needs 1088 bytes at offset 86400, only 344 remaining in file
    hint: `%load?` says what can be read; a file that was cut short must be fetched again
    ");
    cut("llama-q8_0.gguf", |_| 100);
    assert_snapshot!(world.fail("%load llama-q8_0.gguf"), @"
    error: `llama-q8_0.gguf` cannot be read as model weights: gguf: header declares 20 tensors and 25 metadata entries, needs at least 805 bytes, only 76 remaining
    hint: `%load?` says what can be read; a file that was cut short must be fetched again
    ");
}

#[test]
fn a_gguf_of_another_kind() {
    use candle_core::quantized::gguf_file::Value;
    let world = World::with(&["llama-gguf/llama-q8_0.gguf"]);
    regguf(&world, "mamba.gguf", "general.architecture", Value::String("mamba2".to_owned()));
    assert_snapshot!(families(&world.fail("%load mamba.gguf")), @"
    error: this model's architecture is `mamba2`; known here: <families>
    hint: %models
    ");
    regguf(&world, "pieces.gguf", "tokenizer.ggml.model", Value::String("llama".to_owned()));
    assert_snapshot!(world.fail("%load pieces.gguf"), @"
    error: the tokenizer in `pieces.gguf` cannot be read: it does not hold one score and one type a token
    hint: `%load FOLDER` reads the model's own tokenizer.json
    ");
    assert_snapshot!(world.fail_in("zh", "%load pieces.gguf"), @"
    错误: `pieces.gguf` 的分词器无法读取：其中没有每个词元的分数和类型
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
    assert_snapshot!(families(&with("\"model_type\": \"llama\"", "\"model_type\": \"rwkv\"")), @"
    error: this model's architecture is `rwkv`; known here: <families>
    hint: %models
    ");
    assert_snapshot!(with("{", ""), @"
    error: `llama-tiny/config.json` does not describe a model: trailing characters at line 2 column 18
    hint: `%load?` says what a folder must hold
    ");
}

#[test]
fn targets_of_another_family() {
    let world = World::with(&["gpt2-tiny"]);
    assert_snapshot!(world.fail("%load gpt2-tiny\n%lora target=query_key_value"), @"
    error: no layer is called `query_key_value`; this model has c_attn, c_proj, c_fc, wte, lm_head
      %lora target=query_key_value
    hint: did you mean `c_attn`? `%lora target=c_attn`
    ");
    assert_snapshot!(world.fail("%load gpt2-tiny\n%lora target=zzzzzzzzzzzz"), @"
    error: no layer is called `zzzzzzzzzzzz`; this model has c_attn, c_proj, c_fc, wte, lm_head
      %lora target=zzzzzzzzzzzz
    hint: did you mean `c_attn`? `%lora target=c_attn`
    ");
    assert_snapshot!(world.fail_in("zh", "%load gpt2-tiny\n%lora target=query_key_value"), @"
    错误: 没有叫 `query_key_value` 的层；这个模型有 c_attn, c_proj, c_fc, wte, lm_head
      %lora target=query_key_value
    提示: 是不是 `c_attn`？`%lora target=c_attn`
    ");
}

#[test]
fn an_adapter_for_another_model() {
    let world = World::with(&["gpt2-tiny", "llama-tiny"]);
    assert_snapshot!(world.fail("%load llama-tiny/lora"), @"
    error: `llama-tiny/lora` is an adapter, and no model is loaded to put it on
    hint: its base model first: `%load llama-tiny`, then `%load llama-tiny/lora`
    ");
    assert_snapshot!(world.fail("%load gpt2-tiny\n%load llama-tiny/lora"), @"
    error: `llama-tiny/lora` is not an adapter for this model: `model.layers.0.mlp.down_proj`: `gpt2-tiny` has no such layer
      %load llama-tiny/lora
    hint: `%info` shows the layers of this model; `%load` the model that the adapter was made for
    ");
    world.write("llama-tiny/rslora/adapter_config.json", "{bad");
    assert_snapshot!(world.fail("%load llama-tiny\n%load llama-tiny/rslora"), @"
    error: `llama-tiny/rslora` is not an adapter for this model: key must be a string at line 1 column 2
      %load llama-tiny/rslora
    hint: `%info` shows the layers of this model; `%load` the model that the adapter was made for
    ");
    std::fs::remove_file(world.path("llama-tiny/lora/adapter_model.safetensors")).unwrap();
    assert_snapshot!(world.fail("%load llama-tiny\n%load llama-tiny/lora"), @"
    error: there is no file or folder `llama-tiny/lora/adapter_model.safetensors`
      %load llama-tiny/lora
    hint: `!ls` shows what is here
    ");
}

/// The list of families grows; that it names what there is is enough.
fn families(text: &str) -> String {
    let line = text.lines().find(|line| line.contains("known here: ")).unwrap_or_default();
    let list = line.split_once("known here: ").map_or("", |(_, list)| list);
    assert!(["llama", "gpt2"].iter().all(|family| list.contains(family)), "{text}");
    text.replace(list, "<families>")
}
