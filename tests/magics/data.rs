//! %data, %eval, %quant.

use insta::assert_snapshot;

use crate::harness::world::World;

#[test]
fn data_shows_counts_lengths_and_masks() {
    let world = World::with(&["llama-tiny", "gpt2-tiny"]);
    assert_snapshot!(world.run("%load llama-tiny\n%data rows.jsonl val=0.25"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    data                   rows.jsonl (instruction, chat)
    train                  9
    validation             3
    tokens                 352
    learned                86 (24 %)
    cut to length          0
    dropped                0
    in both train and val  0
    length of the examples
    █a train   █b validation
    28 … 30 a ████████████████████████████████████████████████████████████████████ 7
            b █████████████████████████████▏                                       3
    30 … 32 a ███████████████████▍                                                 2
            b                                                                      0
            tokens
    … ignored   […] learned
    <|im_start|>user⏎
    say 1<|im_end|>⏎
    <|im_start|>assistant⏎
    [it is 1<|im_end|>]⏎
    ");
    assert_snapshot!(world.run("%load gpt2-tiny\n%data text.txt block=16 show=0"), @"
    loaded gpt2-tiny: gpt2, 18.4 k parameters, 73.4 kB in <time>
    data                   text.txt (text, -)
    train                  5
    validation             1
    tokens                 87
    learned                81 (93 %)
    cut to length          0
    dropped                0
    in both train and val  0
    length of the examples
    █a train   █b validation
    7 … 9   a █████████████████                                                    1
            b                                                                      0
    9 … 11  a                                                                      0
            b                                                                      0
    11 … 13 a                                                                      0
            b                                                                      0
    13 … 15 a                                                                      0
            b                                                                      0
    15 … 17 a ████████████████████████████████████████████████████████████████████ 4
            b █████████████████                                                    1
            tokens
    ");
}

#[test]
fn perplexity_names_its_method() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.run("%load llama-tiny\n%eval ppl text.txt stride=16\n%data rows.jsonl show=0\n%eval ppl"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
    ppl 592.795 (loss 6.3848, 74 tokens; strided (transformers documentation), window 64)
    data                   rows.jsonl (instruction, chat)
    train                  11
    validation             1
    tokens                 352
    learned                86 (24 %)
    cut to length          0
    dropped                0
    in both train and val  0
    length of the examples
    █a train   █b validation
    28 … 30 a ████████████████████████████████████████████████████████████████████ 9
            b ███████▌                                                             1
    30 … 32 a ███████████████▏                                                     2
            b                                                                      0
            tokens
    ppl 620.227 (loss 6.4301, 7 tokens; learned tokens of the validation examples, token-weighted)
    ");
}

/// Rows of 256: whole blocks. A matrix that the format cannot take is named.
#[test]
fn a_k_format_writes_and_learns() {
    let world = World::with(&["llama-gguf/llama-q8_0.gguf"]);
    world.write("text.txt", crate::harness::world::TEXT.repeat(40));
    let made = "%pretrain text.txt layers=1 hidden=256 heads=4 vocab=280 block=16 batch=2 steps=1";
    let out = world.run(&format!("{made}\n%quant q4_k\n%info\n%generate The max_new_tokens=4\n%lora r=2\n%train steps=2 batch=2"));
    assert!(out.contains("(q4_k + q5_0)") && out.contains("4 tokens") && out.contains("2 steps"), "{out}");
    let out = world.run("%load llama-q8_0.gguf\n%quant q5_k");
    let said = |start: &str| out.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{out}"));
    let named = "model.layers.*.mlp.down_proj.weight (128), model.layers.*.mlp.gate_proj.weight (64), ";
    assert!(said("q5_1 instead of q5_k for 14 matrices, since 256 does not divide their rows: ").contains(named), "{out}");
    let end = "q8_0 instead of q6_k for 1 matrices, since 256 does not divide their rows: model.embed_tokens.weight (64)";
    assert_eq!(said("q8_0 "), end);
}

#[test]
fn quant_says_what_it_cost() {
    let world = World::with(&["llama-gguf/llama-q8_0.gguf", "llama-tiny"]);
    assert_snapshot!(world.run("%load llama-q8_0.gguf\n%quant f16\n%quant q4_0"), @"
    loaded llama-q8_0: llama, 77.6 k parameters, 83.4 kB in <time>
            before  after
    ────  ────────  ──────────────────
    size   83.4 kB  156 kB (×1.87)
    ppl   1529.296  1529.263 (+0.00 %)
    how far the matrices moved
    █ matrices
    0.01956 … 0.02133 ███████████████████████████████████████████████████████████ 15
                      relative error, %
            before  after
    ────  ────────  ──────────────────
    size    156 kB  48.6 kB (÷3.21)
    ppl   1529.263  1530.804 (+0.10 %)
    how far the matrices moved
    █ matrices
    0 … 0.7283     ████▍                                                           1
    0.7283 … 1.457                                                                 0
    1.457 … 2.185                                                                  0
    2.185 … 2.913                                                                  0
    2.913 … 3.642                                                                  0
    3.642 … 4.37                                                                   0
    4.37 … 5.098                                                                   0
    5.098 … 5.826                                                                  0
    5.826 … 6.555                                                                  0
    6.555 … 7.283                                                                  0
    7.283 … 8.011                                                                  0
    8.011 … 8.74   ██████████████████████████████████████████████████████████████ 14
                   relative error, %
    ");
    assert_snapshot!(world.run("%load llama-tiny\n%quant bf16\n%info"), @"
    loaded llama-tiny: llama, 23.2 k parameters, 92.8 kB in <time>
           before  after
    ────  ───────  ─────────────────
    size  92.8 kB  46.7 kB (÷1.99)
    ppl   599.230  599.309 (+0.01 %)
    how far the matrices moved
    █ matrices
    0.1462 … 0.1608 ████▏                                                          1
    0.1608 … 0.1755 █████████████████████████████████████████████████████████████ 15
                    relative error, %
    model             llama-tiny (llama)
    parameters        23.2 k
    memory used       46.7 kB (bf16)
    device            cpu
    layers            2
    hidden size       32
    heads / KV heads  4 / 2
    vocabulary        120
    context           64
    adapter targets   q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj
    at the ends       embed_tokens, lm_head
    ");
}

#[test]
fn a_stream_trains_without_being_read_whole() {
    let world = World::with(&["llama-tiny"]);
    let rows: String = (0..40).map(|i| format!("{{\"text\":\"the quick brown fox {i} jumps over it\"}}\n")).collect();
    world.write("big.jsonl", rows);
    let out = world.run("%load llama-tiny\n%data big.jsonl stream=true show=0");
    assert!(out.contains("train                  36\n") && out.contains("validation             4\n"), "{out}");
    assert!(out.contains("(from 36 rows)"), "{out}");
    let code = "%load llama-tiny\n%data big.jsonl stream=true show=0\n%lora r=2\n%train steps=4 batch=3 --json";
    let (first, again) = (world.json(code), world.json(code));
    assert_eq!(first["loss"], again["loss"]);
    assert!(world.fail("%load llama-tiny\n%data rows.jsonl split=test").contains("`split` cannot be `test`"));
    assert!(
        world
            .fail("%load llama-tiny\n%data rows.jsonl column=words")
            .contains("there is no column `words`; there are: instruction, output")
    );
}

#[test]
fn parquet_says_which_columns_it_takes() {
    let world = World::with(&["llama-tiny"]);
    world.write("q.parquet", std::fs::read(crate::harness::world::fixture("parquet/snappy.parquet")).unwrap());
    let out = world.run("%load llama-tiny\n%data q.parquet show=0 column=answer");
    assert!(out.contains("q.parquet (text, -)") && out.contains("columns                answer\n"), "{out}");
}

#[test]
fn packed_models_are_saved_packed_and_in_shards() {
    let world = World::with(&["llama-tiny", "llama-gguf/llama-q8_0.gguf"]);
    let out = world.run("%load llama-tiny\n%quant nf4 dq=true block=32\n%save packed max_shard=9kB\n%load packed\n%info");
    assert!(out.contains("model-00002-of-0000") && out.contains("model.safetensors.index.json"), "{out}");
    assert!(out.contains("(nf4+dq)"), "{out}");
    let out = world.run("%load llama-q8_0.gguf\n%save wide");
    assert!(out.contains("q8_0 has no layout on the hub"), "{out}");
    assert!(world.fail("%load llama-tiny\n%quant q8_0 dq=true").contains("only with nf4"));
    assert!(world.fail("%load llama-tiny\n%quant nf4 block=48").contains("32, 64, 128, 256"));
    assert!(world.fail("%load llama-tiny\n%save x max_shard=some").contains("bytes such as 500MB or 2GB"));
}
