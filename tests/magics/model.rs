//! %load, %unload, %models, %info, %save.

use insta::assert_snapshot;

use crate::harness::world::World;

#[test]
fn load_and_info() {
    let world = World::with(&["llama-tiny", "gpt2-tiny", "llama-gguf/llama-q8_0.gguf"]);
    assert_snapshot!(world.run("%load llama-tiny\n%info"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    model             llama-tiny (llama)
    parameters        23.2 k
    memory used       92.8 kB (f32)
    device            cpu
    layers            2
    hidden size       32
    heads / KV heads  4 / 2
    vocabulary        120
    context           64
    adapter targets   q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj
    ");
    assert_snapshot!(world.run("%load gpt2-tiny dtype=bf16\n%info"), @"
    loaded gpt2-tiny: gpt2, 18.4 k parameters, 41.1 kB in <time>
    model             gpt2-tiny (gpt2)
    parameters        18.4 k
    memory used       41.1 kB (bf16)
    device            cpu
    layers            2
    hidden size       24
    heads / KV heads  3 / 3
    vocabulary        97
    context           64
    adapter targets   c_attn, c_proj, c_fc
    ");
    assert_snapshot!(world.run("%load llama-q8_0.gguf\n%info"), @"
    loaded llama-q8_0: llama, 77.6 k parameters, 83.4 kB in <time>
    model             llama-q8_0 (llama)
    parameters        77.6 k
    memory used       83.4 kB (q8_0)
    device            cpu
    layers            2
    hidden size       64
    heads / KV heads  8 / 2
    vocabulary        120
    context           64
    adapter targets   q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj
    ");
}

#[test]
fn unload_says_before_and_after() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.run("%load llama-tiny\n%unload\n%status"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    memory of this process: <bytes> before, <bytes> after
    model        -
    adapter      -
    data         -
    memory used  <bytes>
    ");
}

#[test]
fn save_and_load_again() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.run("%load llama-tiny\n%save copy\n%load copy\n%generate \"Once upon\" max_new_tokens=12"), @r"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    saved copy: tokenizer.json, tokenizer_config.json, model.safetensors, config.json (97.9 kB)
    loaded copy: llama, 23.2 k parameters, 92.8 kB in <time>
    Once upon theLKF\dRd5-%c
    [length reached, max_new_tokens= allows more; 12 tokens, <rate> tokens/s]
    ");
    assert_snapshot!(world.run("%load llama-tiny\n%lora r=4 seed=1\n%save adapter\n%load llama-tiny\n%load adapter\n%info"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    lora r=4 q_proj,v_proj: 4 modules, 896 trainable parameters, 3.86 % of the model
    saved adapter: adapter_config.json, adapter_model.safetensors (5.2 kB)
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    attached lora r=4 q_proj,v_proj to llama-tiny
    model             llama-tiny (llama)
    parameters        23.2 k
    memory used       92.8 kB (f32)
    device            cpu
    layers            2
    hidden size       32
    heads / KV heads  4 / 2
    vocabulary        120
    context           64
    adapter           lora r=4 q_proj,v_proj: 896 (3.86 %)
    adapter targets   q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj
    ");
    assert_snapshot!(world.run("%load llama-tiny\n%load adapter\n%save whole merged=true"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    attached lora r=4 q_proj,v_proj to llama-tiny
    saved whole: tokenizer.json, tokenizer_config.json, model.safetensors, config.json (97.9 kB)
    ");
}

#[test]
fn models_are_listed() {
    let world = World::with(&[]);
    let listed = world.run("%models");
    let row = |name: &str| listed.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{listed}"));
    assert!(row("spark ").contains("  ships with Lantern  ") && row("smollm2 ").contains("  98.4 MB  Apache-2.0 "), "{listed}");
    assert!(row("smollm2 ").contains("  to be fetched  ") && !listed.contains('…'), "{listed}");
    assert!(row("smollm2: ").contains("SmolLM2-135M-Instruct"), "{listed}");
}

#[test]
fn the_model_that_ships_loads_and_writes() {
    let world = World::with(&[]);
    let written = world.json("%load spark\n%generate \"Once upon a time\" max_new_tokens=8 --json");
    assert!(!written["text"].as_str().unwrap().trim().is_empty(), "{written}");
    assert!(world.json("%models --json")["models"][0]["path"].is_string());
}
