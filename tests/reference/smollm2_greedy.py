"""Writes tests/fixtures/smollm2-greedy.json: the first 16 greedy tokens that transformers gives SmolLM2 in two chats.

    python tests/reference/smollm2_greedy.py PATH/SmolLM2-135M-Instruct.Q4_1.gguf tests/fixtures

The model is LlamaForCausalLM in float32 with the weights of the very file that `%load smollm2` fetches, dequantised by the gguf
package, q and k rows put back into the hub's order (as gguf_models.py does). Prompts are rendered with the file's own template and
tokenised as in smollm2_tokens.py. `lead` is the smallest distance of a chosen logit to the next best: far above what the order of
sums can change. `logits` are those behind the prompt, at every 997th id. Pinned as in requirements.txt.
"""
import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from transformers import LlamaConfig, LlamaForCausalLM

from gguf_models import gguf_name, heads_of, unpermute
from smollm2_tokens import smollm2, turns
from tiny import short, write_json

CHATS = [
    turns(("user", "Explain in 2 sentences what a language model is.")),
    turns(("system", "You answer in lists."), ("user", "Which 3 things does a plant need?")),
]
COUNT = 16


def read(path):
    """The model of the file and nothing else: every tensor is used, every parameter is set."""
    reader = GGUFReader(path)
    field = lambda key: reader.fields["llama." + key].contents()
    config = LlamaConfig(
        hidden_size=field("embedding_length"), num_hidden_layers=field("block_count"), intermediate_size=field("feed_forward_length"),
        num_attention_heads=field("attention.head_count"), num_key_value_heads=field("attention.head_count_kv"),
        max_position_embeddings=field("context_length"), rms_norm_eps=float(field("attention.layer_norm_rms_epsilon")),
        rope_theta=float(field("rope.freq_base")), vocab_size=len(reader.fields["tokenizer.ggml.tokens"].contents()),
        tie_word_embeddings=True, attn_implementation="eager")
    model = LlamaForCausalLM(config).eval()
    stored = {tensor.name: tensor for tensor in reader.tensors}
    with torch.no_grad():
        for key, value in model.named_parameters():
            tensor = stored.pop(gguf_name(key))
            weight, heads = dequantize(tensor.data, tensor.tensor_type), heads_of(key, config)
            value.copy_(torch.from_numpy(np.array(unpermute(weight, heads) if heads else weight)))
    assert not stored, list(stored)
    return model


@torch.no_grad()
def main(path, out):
    torch.set_num_threads(2)
    tokenizer, model = smollm2(path), read(path)
    rows = []
    for messages in CHATS:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        prompt = torch.tensor([tokenizer(text)["input_ids"]])
        made = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=COUNT, eos_token_id=None,
                              pad_token_id=2, output_logits=True, return_dict_in_generate=True)
        new = made.sequences[0, prompt.shape[1]:].tolist()
        best = torch.cat(made.logits).topk(2, dim=-1).values
        assert 2 not in new, "the answer ends before its 16 tokens: choose another question"
        logits = made.logits[0][0]
        rows.append({"messages": messages, "prompt": prompt[0].tolist(), "new": new, "text": tokenizer.decode(new),
                     "lead": round((best[:, 0] - best[:, 1]).min().item(), 4), "logits": [short(x) for x in logits[::997].tolist()]})
        print(repr(rows[-1]["text"]), rows[-1]["lead"])
    write_json(Path(out) / "smollm2-greedy.json", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
