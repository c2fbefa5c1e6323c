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
    at the ends       embed_tokens, lm_head
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
    at the ends       wte, lm_head
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
    at the ends       embed_tokens, lm_head
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
    at the ends       embed_tokens, lm_head
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

/// A cache as Python lays it out: a whole model, one of a kind that is not known, one cut short, one that no memory holds, and a data set.
#[test]
fn what_the_hub_cache_holds_is_listed() {
    let world = World::with(&["llama-tiny"]);
    let put = |id: &str, files: &[(&str, &[u8])]| {
        let shelf = world.home().join(format!(".cache/huggingface/hub/{id}"));
        for folder in ["blobs", "refs", "snapshots/c0ffee"] {
            std::fs::create_dir_all(shelf.join(folder)).unwrap();
        }
        std::fs::write(shelf.join("refs/main"), "c0ffee").unwrap();
        for (name, content) in files {
            let blob = format!("blob-of-{name}");
            std::fs::write(shelf.join("blobs").join(&blob), content).unwrap();
            #[cfg(unix)]
            std::os::unix::fs::symlink(format!("../../blobs/{blob}"), shelf.join("snapshots/c0ffee").join(name)).unwrap();
            #[cfg(not(unix))]
            std::fs::copy(shelf.join("blobs").join(&blob), shelf.join("snapshots/c0ffee").join(name)).unwrap();
        }
        shelf
    };
    let read = |name: &str| std::fs::read(world.path("llama-tiny").join(name)).unwrap();
    let (config, weights, tokenizer) = (read("config.json"), read("model.safetensors"), read("tokenizer.json"));
    let card = b"---\nlicense: mit\n---\n# A tiny llama\n";
    put(
        "models--an-owner--tiny",
        &[("README.md", card), ("config.json", &config), ("model.safetensors", &weights), ("tokenizer.json", &tokenizer)],
    );
    put("models--an-owner--seer", &[("config.json", b"{\"model_type\": \"vit\"}"), ("model.safetensors", b"x"), ("tokenizer.json", b"{}")]);
    put("models--an-owner--cut", &[("config.json", &config), ("tokenizer.json", &tokenizer)]);
    let huge = put("models--an-owner--huge", &[("config.json", &config), ("model.safetensors", b""), ("tokenizer.json", &tokenizer)]);
    // A file of 4 TB that takes no room.
    std::fs::File::options().write(true).open(huge.join("blobs/blob-of-model.safetensors")).unwrap().set_len(4 << 40).unwrap();
    std::fs::create_dir_all(world.home().join(".cache/huggingface/hub/datasets--an-owner--text")).unwrap();
    let table: String =
        world.run("%models").lines().filter(|line| !line.contains(": ")).map(|line| format!("{}\n", line.trim_end())).collect();
    assert_snapshot!(table, @"
    model             size  licence            place               fits here
    ─────────────  ───────  ─────────────────  ──────────────────  ────────────
    spark           6.3 MB  MIT OR Apache-2.0  ships with Lantern  yes
    smollm2        98.4 MB  Apache-2.0         to be fetched       yes
    an-owner/cut    4.6 kB                     not all here        no
    an-owner/huge   4.4 TB                     here                no
    an-owner/seer     30 B                     here                not loadable
    an-owner/tiny  99.5 kB  mit                here                yes
    ");
    let rows = world.json("%models --json")["models"].clone();
    let fits: Vec<_> = rows.as_array().unwrap().iter().filter(|row| row["fits"] == true).map(|row| row["name"].clone()).collect();
    assert_eq!(fits, ["spark", "smollm2", "an-owner/tiny"]);
    world.run("%load an-owner/tiny");
}

#[test]
fn the_model_that_ships_loads_and_writes() {
    let world = World::with(&[]);
    let written = world.json("%load spark\n%generate \"Once upon a time\" max_new_tokens=8 --json");
    assert!(!written["text"].as_str().unwrap().trim().is_empty(), "{written}");
    assert!(world.json("%models --json")["models"][0]["path"].is_string());
}
