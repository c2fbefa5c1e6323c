//! Adapters on the embedding table and the output head, as a person sees them.

use insta::assert_snapshot;

use crate::harness::world::World;

const BEGIN: &str = "%load llama-tied-tiny\n%data rows.jsonl val=0.25 show=0 --json\n";
const TRAIN: &str = "%train steps=2 batch=2 lr=1e-2 --json\n";

#[test]
fn an_adapter_on_both_ends_of_a_tied_model() {
    let world = World::with(&["llama-tied-tiny"]);
    let code = format!(
        "{BEGIN}%lora r=2 target=q_proj,embed_tokens,lm_head\n{TRAIN}%eval ppl\n%merge\n%eval ppl\n%unmerge\n%eval ppl\n%adapters spectrum=true"
    );
    assert_snapshot!(world.said(&code), @"
    lora r=2 q_proj,embed_tokens,lm_head: 4 modules, 864 trainable parameters, 4.46 % of the model
    ppl 464.727 (loss 6.1415, 21 tokens; learned tokens of the validation examples, token-weighted)
    lora is in the weights of 4 matrices now; `%unmerge` takes it out
    the output head was the embedding table and is one of its own now, 15.4 kB more: so the other of the two stays what it was
    ppl 464.727 (loss 6.1415, 21 tokens; learned tokens of the validation examples, token-weighted)
    the weights are as they were; lora is attached
    ppl 464.727 (loss 6.1415, 21 tokens; learned tokens of the validation examples, token-weighted)
    singular values of lora r=2 q_proj,embed_tokens,lm_head
                           1     2
    embed_tokens       █3.12 █2.80
    0.self_attn.q_proj ·0.52 ·0.22
    1.self_attn.q_proj ·0.57 ·0.22
    lm_head            ░0.84 ·0.76
    0.2157 ··░░▒▒▓▓██ 3.122
    ↓ layer   → singular value
    layer                            largest  smallest  directions in use
    ───────────────────────────────  ───────  ────────  ─────────────────
    model.embed_tokens                3.1220    2.7966  2.0 / 2
    model.layers.0.self_attn.q_proj   0.5201    0.2230  1.5 / 2
    model.layers.1.self_attn.q_proj   0.5714    0.2157  1.5 / 2
    lm_head                           0.8368    0.7595  2.0 / 2
    ");
}

#[test]
fn a_head_trained_whole_is_saved_with_its_adapter() {
    let world = World::with(&["llama-tied-tiny"]);
    let code = format!(
        "{BEGIN}%lora r=2 whole=lm_head\n{TRAIN}%eval ppl\n%save out --json\n%adapters drop=lora --json\n%load out --json\n%eval ppl\n%info --json"
    );
    assert_snapshot!(world.said(&code), @"
    lora r=2 q_proj,v_proj whole=lm_head: 5 modules, 4288 trainable parameters, 22.15 % of the model
    ppl 199.656 (loss 5.2966, 21 tokens; learned tokens of the validation examples, token-weighted)
    ppl 199.656 (loss 5.2966, 21 tokens; learned tokens of the validation examples, token-weighted)
    ");
    assert_snapshot!(world.fail("%load llama-tied-tiny\n%lora whole=norm"), @"
    error: `whole` cannot be `norm`: one or both of embed_tokens, lm_head
      %lora whole=norm
    hint: `%lora?` shows what it takes
    ");
    assert_snapshot!(world.fail("%load llama-tied-tiny\n%lora target=lm_head whole=lm_head"), @"
    error: `whole` cannot be `lm_head`: `lm_head` cannot be trained whole and have matrices beside it
      %lora target=lm_head whole=lm_head
    hint: `%lora?` shows what it takes
    ");
}
