//! %adapters, %merge, %unmerge, %full, and the names that %lora, %load and %save take.

use insta::assert_snapshot;

use crate::harness::world::World;

const BEGIN: &str = "%load llama-tiny\n%data rows.jsonl val=0.25 show=0 --json\n";
const TRAIN: &str = "%train steps=2 batch=2 lr=1e-2 --json\n";

#[test]
fn a_trained_adapter_waits_under_its_name() {
    let world = World::with(&["llama-tiny"]);
    let code = format!("{BEGIN}%lora r=2 name=poet\n{TRAIN}%lora r=4 dora=true\n%adapters\n%save out name=poet --json\n%adapters poet");
    assert_snapshot!(world.said(&code), @"
    lora r=2 q_proj,v_proj: 4 modules, 448 trainable parameters, 1.93 % of the model
    dora r=4 q_proj,v_proj: 4 modules, 992 trainable parameters, 4.28 % of the model
    name  method                  trained  state     saved
    ────  ──────────────────────  ───────  ────────  ─────────
    dora  dora r=4 q_proj,v_proj      992  attached
    poet  lora r=2 q_proj,v_proj      448  detached  not saved
    name  method                  trained  state     saved
    ────  ──────────────────────  ───────  ────────  ─────
    poet  lora r=2 q_proj,v_proj      448  attached
    ");
    assert_snapshot!(world.said(&format!("{BEGIN}%load out\n%load out name=second\n%adapters\n%adapters drop=out")), @"
    attached lora r=2 q_proj,v_proj to llama-tiny
    attached lora r=2 q_proj,v_proj to llama-tiny
    name    method                  trained  state     saved
    ──────  ──────────────────────  ───────  ────────  ─────
    second  lora r=2 q_proj,v_proj      448  attached
    out     lora r=2 q_proj,v_proj      448  detached
    name    method                  trained  state     saved
    ──────  ──────────────────────  ───────  ────────  ─────
    second  lora r=2 q_proj,v_proj      448  attached
    ");
    assert_snapshot!(world.fail(&format!("{BEGIN}%lora name=poet --json\n{TRAIN}%lora name=poet")), @"
    error: the adapter `poet` was trained and is not saved: it is not replaced
      %lora name=poet
    hint: `%save DIR name=poet` first, or `%adapters drop=poet`, or choose another name
    ");
    assert_snapshot!(world.fail(&format!("{BEGIN}%lora name=poet --json\n%adapters pot")), @"
    error: there is no adapter called `pot`
      %adapters pot
    hint: did you mean `poet`? `%adapters` lists them all
    ");
    assert_snapshot!(world.fail(&format!("{BEGIN}%lora name=a/b")), @"
    error: `name` cannot be `a/b`: letters, digits and - _ . +
      %lora name=a/b
    hint: `%lora?` shows what it takes
    ");
}

#[test]
fn a_merged_adapter_can_be_taken_out() {
    let world = World::with(&["llama-tiny", "llama-gguf/llama-q8_0.gguf"]);
    let code = format!("{BEGIN}%lora r=2 name=poet --json\n{TRAIN}%eval ppl\n%merge\n%eval ppl\n%adapters\n%unmerge\n%eval ppl");
    assert_snapshot!(world.said(&code), @"
    ppl 349.146 (loss 5.8555, 21 tokens; learned tokens of the validation examples, token-weighted)
    poet is in the weights of 4 matrices now; `%unmerge` takes it out
    ppl 349.146 (loss 5.8555, 21 tokens; learned tokens of the validation examples, token-weighted)
    name  method                  trained  state   saved
    ────  ──────────────────────  ───────  ──────  ─────────
    poet  lora r=2 q_proj,v_proj      448  merged  not saved
    the weights are as they were; poet is attached
    ppl 349.146 (loss 5.8555, 21 tokens; learned tokens of the validation examples, token-weighted)
    ");
    assert_snapshot!(world.said("%load llama-q8_0.gguf\n%lora r=2 target=all-linear --json\n%merge"), @"
    lora is in the weights of 14 matrices now; `%unmerge` takes it out
    14 packed matrices are dense f32 now, 205 kB more: packed again, they would lose part of what the adapter added
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%unmerge"), @"
    error: no adapter is merged
      %unmerge
    hint: %merge
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%ptune n=2 --json\n%merge"), @"
    error: `p-tuning n=2 mlp` stands before the tokens, not in the weights: it cannot be merged into them
      %merge
    hint: `%save DIR` writes it as it is; a LoRA can be merged
    ");
}

#[test]
fn a_spectrum_has_as_many_values_as_the_rank() {
    let world = World::with(&["llama-tiny"]);
    let found = world.json(&format!("{BEGIN}%lora r=3 --json\n{TRAIN}%adapters spectrum=true --json"));
    let layers = found["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 4);
    for layer in layers {
        let values: Vec<f64> = layer["values"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        assert!(values.len() == 3 && values.windows(2).all(|pair| pair[0] >= pair[1]) && values[2] > 0.0, "{values:?}");
    }
    assert_snapshot!(world.said(&format!("{BEGIN}%lora r=2 dora=true target=q_proj --json\n%adapters spectrum=true")), @"
    singular values of dora r=2 q_proj
                        1  2
    0.self_attn.q_proj ▒0 ▒0
    1.self_attn.q_proj ▒0 ▒0
    -1 ··░░▒▒▓▓██ 1
    ↓ layer   → singular value
    layer                            largest  smallest  directions in use
    ───────────────────────────────  ───────  ────────  ─────────────────
    model.layers.0.self_attn.q_proj   0.0000    0.0000  0.0 / 2
    model.layers.1.self_attn.q_proj   0.0000    0.0000  0.0 / 2
    DoRA scales each output as well: these are the values of its low-rank part
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%ptune n=2 --json\n%adapters spectrum=true"), @"
    error: `p-tuning n=2 mlp` adds nothing to any weights: it has no singular values
      %adapters spectrum=true
    hint: `%lora` and its relatives have them
    ");
}

#[test]
fn full_says_what_it_trains() {
    let world = World::with(&["llama-tiny"]);
    assert_snapshot!(world.said("%load llama-tiny\n%full\n%full freeze=0,embeddings\n%full freeze=norms,mlp"), @"
    full fine-tuning: all 23.2 k parameters are trained
    full fine-tuning: 11.6 k of 23.2 k parameters are trained (50.1 %); frozen: 0,embeddings
    full fine-tuning: 13.8 k of 23.2 k parameters are trained (59.6 %); frozen: norms,mlp
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%full freeze=5"), @"
    error: `freeze` cannot be `5`: blocks 0 to 1, or parts: embeddings, head, norms, biases, model, embed_tokens, layers, input_layernorm, self_attn, q_proj, k_proj, v_proj, o_proj, post_attention_layernorm, mlp, gate_proj, up_proj, down_proj, norm, lm_head
      %full freeze=5
    hint: `%full?` shows what it takes
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%lora layers=0-x"), @"
    error: `layers` cannot be `0-x`: numbers by commas, or a range: `0,1` or `0-3`
      %lora layers=0-x
    hint: `%lora?` shows what it takes
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%lora target=q_proj layers=7"), @"
    error: there is no layer 7; the model has 2, counted from 0
      %lora target=q_proj layers=7
    hint: `%info` shows the layers
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%lora target=q_proj exclude=self_attn.q_proj"), @"
    error: `target` cannot be `q_proj`: `exclude` and `layers` leave no layer of it
      %lora target=q_proj exclude=self_attn.q_proj
    hint: `%lora?` shows what it takes
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%lora rank_pattern=q_proj:x"), @"
    error: `rank_pattern` cannot be `q_proj:x`: write NAME:NUMBER, by commas: `c_attn:8`
      %lora rank_pattern=q_proj:x
    hint: `%lora?` shows what it takes
    ");
}
