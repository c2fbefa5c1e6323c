"""mutants.json: what each model would say at the last position with one thing wrong, to prove that the goldens notice it.

Each mutant is the same transformers model with one config value, one group of weights or one function changed.
"""
import re
from contextlib import contextmanager

import torch

from tiny import FIXTURES, MODELS, is_norm_weight, load, token_ids, write_json

LEAST = 0.015  # in the largest difference of a logit; the goldens are held to 1e-4


def interleaved(q, k, cos, sin, *_, **__):
    """Rope on neighbouring pairs (2i, 2i + 1) where the model pairs i with i + half."""
    half = cos.shape[-1] // 2
    cos = cos[..., :half].repeat_interleave(2, -1).unsqueeze(1)
    sin = sin[..., :half].repeat_interleave(2, -1).unsqueeze(1)

    def turn(x):
        moved, rest = x[..., : 2 * half], x[..., 2 * half:]
        other = torch.stack((-moved[..., 1::2], moved[..., 0::2]), -1).flatten(-2)
        return torch.cat((moved * cos + other * sin, rest), -1)

    return turn(q), turn(k)


def striped(states, count):
    """Query head j reads key head j mod n where the model reads j / group."""
    return states.repeat(1, count, 1, 1)


@contextmanager
def patched(model, attribute, function):
    """The modelling module of this model with one function replaced."""
    module = __import__(type(model).__module__, fromlist=["x"])
    kept = getattr(module, attribute)
    setattr(module, attribute, function)
    yield
    setattr(module, attribute, kept)


def config(**changes):
    """A mutant by config."""
    return lambda name, ids: load(name, **changes)(ids).logits


def theta(name, ids):
    """Rope with the customary 10000."""
    parameters = dict(load(name).config.rope_parameters, rope_theta=10000.0)
    return load(name, rope_parameters=parameters)(ids).logits


def scaling(**changes):
    """Llama 3's rope with other numbers; without any: not scaled at all."""
    def run(name, ids):
        parameters = load(name).config.rope_parameters | (changes or {"rope_type": "default"})
        return load(name, rope_parameters=parameters)(ids).logits
    return run


def function(attribute, replacement):
    """A mutant by a replaced function."""
    def run(name, ids):
        model = load(name)
        with patched(model, attribute, replacement):
            return model(ids).logits
    return run


@torch.no_grad()
def weights(pattern, value):
    """A mutant whose parameters of that name all hold one value."""
    def run(name, ids):
        model, touched = load(name), 0
        for key, parameter in model.named_parameters():
            if re.search(pattern, key):
                parameter.fill_(value)
                touched += 1
        assert touched, (name, pattern)
        return model(ids).logits
    return run


def norms(name, ids):
    """All norm weights 1."""
    model = load(name)
    for key, parameter in model.named_parameters():
        if is_norm_weight(key):
            parameter.fill_(1.0)
    return model(ids).logits


def thirds(name, ids):
    """GPT-NeoX's fused projection read as [q | k | v] where each head holds its own q, k, v."""
    model = load(name)
    heads = model.config.num_attention_heads
    for layer in model.gpt_neox.layers:
        fused = layer.attention.query_key_value
        for parameter in (fused.weight, fused.bias):
            shape = parameter.shape
            parameter.copy_(parameter.view(3, heads, -1, *shape[1:]).transpose(0, 1).reshape(shape))
    return model(ids).logits


ROPE = {"theta_default": theta, "rope_interleaved": function("apply_rotary_pos_emb", interleaved)}
NORMS = {"norms_one": norms}
LLAMA = ROPE | NORMS | {
    "eps_default": config(rms_norm_eps=1e-6), "gqa_striped": function("repeat_kv", striped), "gelu_for_silu": config(hidden_act="gelu"),
}
MUTANTS = {
    "gpt2-tiny": NORMS | {
        "no_bias": weights(r"bias$", 0.0), "no_norm_bias": weights(r"ln_.*bias$", 0.0), "gelu_erf": config(activation_function="gelu"),
        "eps_default": config(layer_norm_epsilon=1e-5), "no_positions": weights(r"wpe", 0.0), "unscaled": config(scale_attn_weights=False),
        "heads_2": config(n_head=2),
    },
    "llama-tiny": LLAMA,
    "llama-tied-tiny": LLAMA,
    "qwen2-tiny": LLAMA | {"no_bias": weights(r"bias$", 0.0)},
    "qwen3-tiny": LLAMA | {"no_head_norm": weights(r"[qk]_norm", 1.0)},
    "mistral-tiny": LLAMA | {"no_window": config(sliding_window=None), "window_6": config(sliding_window=6)},
    "llama3-tiny": LLAMA | {
        "unscaled": scaling(), "factor_8": scaling(factor=8.0), "low_1": scaling(low_freq_factor=1.0), "high_4": scaling(high_freq_factor=4.0),
        "original_8192": scaling(original_max_position_embeddings=8192), "original_16": scaling(original_max_position_embeddings=16),
    },
    "gpt_neox-tiny": ROPE | NORMS | {
        "no_bias": weights(r"bias$", 0.0), "gelu_new": config(hidden_act="gelu_new"), "eps_default": config(layer_norm_eps=1e-5),
        "sequential": config(use_parallel_residual=False), "qkv_in_thirds": thirds,
    },
}


@torch.no_grad()
def main():
    table = {}
    for name in MODELS:
        ids = token_ids(name, 21, 2, 12)
        right = load(name)(ids).logits
        table[name] = {}
        for mutant, run in MUTANTS[name].items():
            logits = run(name, ids)
            difference = (logits - right)[:, -1].abs().max().item()
            print(f"{name} {mutant}: {difference:.4f}")
            table[name][mutant] = {"difference": round(difference, 4), "last": [[round(x, 4) for x in row] for row in logits[:, -1].tolist()]}
        assert torch.equal(load(name)(ids).logits, right)
    write_json(FIXTURES / "mutants.json", table)
    weak = [(name, mutant) for name, rows in table.items() for mutant, row in rows.items() if row["difference"] < LEAST]
    assert not weak, weak


if __name__ == "__main__":
    main()
