"""P-Tuning, prompt tuning and prefix tuning as PEFT computes them: MODEL/KIND/{adapter_config.json, adapter_model.safetensors, golden.*}."""
import json

import numpy as np
import torch
from peft import PeftModel, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file

from steps import SETTINGS, run
from tiny import FIXTURES, load, labels_of, short, token_ids, write_json

TOKENS = 3
KINDS = {
    "p-tuning-mlp": lambda **common: PromptEncoderConfig(encoder_hidden_size=7, **common),
    "p-tuning-lstm": lambda **common: PromptEncoderConfig(encoder_reparameterization_type="LSTM", encoder_hidden_size=5, **common),
    "prompt": lambda **common: PromptTuningConfig(**common),
    "prefix": lambda **common: PrefixTuningConfig(**common),
    "prefix-projection": lambda **common: PrefixTuningConfig(prefix_projection=True, encoder_hidden_size=6, **common),
}
CASES = {  # llama-tiny and qwen2-tiny share a head of keys between two of queries
    "gpt2-tiny": list(KINDS),
    "llama-tiny": ["p-tuning-mlp", "prefix", "prefix-projection"],
    "qwen2-tiny": ["p-tuning-lstm", "prompt", "prefix-projection"],
}
SIZES = {"embedding": 0.6, "transform": 0.5, "mlp_head": 0.5, "lstm_head": 0.5}


def saved(key):
    """A parameter's name without the adapter's."""
    return key.replace(".default", "")


def build(name, kind, dtype=torch.float32):
    """The model with a prompt encoder whose numbers come from numpy, large enough that every one of them shows."""
    model = get_peft_model(load(name, dtype), KINDS[kind](task_type="CAUSAL_LM", num_virtual_tokens=TOKENS))
    random = np.random.default_rng(51)
    with torch.no_grad():
        for key, value in sorted(model.named_parameters()):
            if "prompt_encoder" in key:
                size = next(size for part, size in SIZES.items() if part in key)
                value.copy_(torch.from_numpy(random.normal(0.0, size, tuple(value.shape)).astype(np.float32)))
    model.peft_config["default"].base_model_name_or_path = name
    return model.to(dtype).eval()


def write_adapter(name, kind, model):
    """PEFT's folder, and a look that PEFT itself reads back what it wrote."""
    folder = FIXTURES / name / kind
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    settings = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True))
    return PeftModel.from_pretrained(load(name), folder).eval()


def tokens_only(kind, logits):
    """Logits of the tokens; PEFT also gives those of prompts that are embeddings."""
    return logits if "prefix" in kind else logits[:, TOKENS:]


@torch.no_grad()
def greedy(kind, model, ids, count):
    """The likeliest tokens, each from a pass over all that is there."""
    new = []
    for _ in range(count):
        logits = tokens_only(kind, model(torch.tensor([ids + new])).logits)
        new.append(int(logits[0, -1].argmax()))
    return new


@torch.no_grad()
def mutants(name, kind, model, ids):
    """What a prefix done wrong would give: positions that begin at 0; keys that were rotated like those of tokens."""
    if "prefix" not in kind:
        return {}
    base = model.get_base_model()
    wrong = {"unshifted": base(ids, past_key_values=model.get_prompt(len(ids)), position_ids=torch.arange(ids.shape[1])[None]).logits}
    if name != "gpt2-tiny":
        from transformers.models.llama.modeling_llama import apply_rotary_pos_emb
        cache = model.get_prompt(len(ids))
        cos, sin = base.model.rotary_emb(cache.layers[0].keys, torch.arange(TOKENS)[None])
        for layer in cache.layers:
            layer.keys = apply_rotary_pos_emb(layer.keys, layer.keys, cos, sin)[0]
        wrong["rotated"] = base(ids, past_key_values=cache).logits
    return wrong


def golden(name, kind):
    """Start, logits, loss and gradients of one encoder, and five steps of training it."""
    model = build(name, kind)
    ids = token_ids(name, 52, 2, 10)
    labels = labels_of(ids, 53)
    named = {saved(key): value for key, value in model.named_parameters() if value.requires_grad}
    tensors = {f"start.{key}": value.detach().clone() for key, value in named.items()}
    with torch.no_grad():
        logits = tokens_only(kind, model(ids).logits)
        plain = model.get_base_model()(ids).logits
        again = tokens_only(kind, write_adapter(name, kind, model)(ids).logits)
    assert (logits - plain).abs().max() > 0.5 and (logits - again).abs().max() < 1e-5
    for what, wrong in mutants(name, kind, model, ids).items():
        difference = (wrong - logits).abs().max().item()
        assert difference > 0.05, (name, kind, what, difference)
        print(f"{name} {kind}: {what} differs by {difference:.2f}")
    loss = model(ids, labels=labels).loss
    loss.backward()
    assert all(value.grad.abs().max() > 1e-4 for value in named.values())
    tensors |= {"ids": ids, "labels": labels, "logits": logits[:, [0, 5, 9]].contiguous(), "loss": loss.detach()}
    tensors |= {f"grad.{key}": value.grad for key, value in named.items()}
    prompt = ids[0, :4].tolist()
    return tensors, {"loss": short(loss.detach()), "tokens": TOKENS, "prompt": prompt, "greedy": greedy(kind, model, prompt, 8)}


def main():
    for name, kinds in CASES.items():
        for kind in kinds:
            tensors, notes = golden(name, kind)
            notes["settings"] = SETTINGS
            notes["training"], final, ids, labels = run(lambda dtype: build(name, kind, dtype), name, 1, 54)
            tensors |= {"training.ids": ids, "training.labels": labels}
            tensors |= {f"training.final.{saved(key)}": value for key, value in final.items()}
            tensors = {key: value.to(torch.int32) if value.dtype == torch.int64 and "labels" not in key else value
                       for key, value in tensors.items()}
            save_file(dict(sorted(tensors.items())), FIXTURES / name / kind / "golden.safetensors")
            write_json(FIXTURES / name / kind / "golden.json", notes)
            print(f"{name} {kind}: loss {notes['loss']}, noise {notes['training']['noise']}")


if __name__ == "__main__":
    main()
