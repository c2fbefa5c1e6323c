"""The tiny models of tests/fixtures: their table, their seeded weights, and how the other scripts load them.

Everything is off its default on purpose: transformers initialises biases to 0 and norm weights to 1, against which a model
that drops them would pass. Matrices and biases are N(0, 0.3), norm weights N(1, 0.3).
"""
import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

logging.disable_progress_bar()
logging.set_verbosity_error()

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "attention_dropout": 0.0,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "hidden_act": "silu", "hidden_size": 32, "initializer_range": 0.02,
    "intermediate_size": 48, "max_position_embeddings": 64, "mlp_bias": False, "num_attention_heads": 4,
    "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 3e-3, "rope_theta": 500.0, "rope_scaling": None,
    "tie_word_embeddings": False, "torch_dtype": "float32", "use_cache": True, "vocab_size": 120,
}


def llama_like(architecture, family, **changes):
    """A config of a family that differs from llama by a few keys."""
    config = dict(LLAMA, architectures=[architecture], model_type=family)
    for key in ("attention_bias", "mlp_bias"):
        del config[key]
    config.update(changes)
    return config


GPT2 = {
    "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "activation_function": "gelu_new", "attn_pdrop": 0.0,
    "bos_token_id": 0, "embd_pdrop": 0.0, "eos_token_id": 0, "initializer_range": 0.02, "layer_norm_epsilon": 2e-3, "n_ctx": 64,
    "n_embd": 24, "n_head": 3, "n_layer": 2, "n_positions": 64, "resid_pdrop": 0.0, "torch_dtype": "float32", "vocab_size": 97,
}
GPT_NEOX = {
    "architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "attention_dropout": 0.0, "bos_token_id": 0, "eos_token_id": 0,
    "hidden_act": "gelu", "hidden_dropout": 0.0, "hidden_size": 24, "initializer_range": 0.02, "intermediate_size": 72,
    "layer_norm_eps": 2e-3, "max_position_embeddings": 64, "num_attention_heads": 3, "num_hidden_layers": 2,
    "rotary_emb_base": 500, "rotary_pct": 0.5, "tie_word_embeddings": False, "torch_dtype": "float32",
    "use_parallel_residual": True, "vocab_size": 97,
}
# llama-tiny spells rope as the hub's files do, llama-tied-tiny as transformers 5 writes it.
TIED = {k: v for k, v in LLAMA.items() if k not in ("rope_theta", "rope_scaling")}
TIED |= {"tie_word_embeddings": True, "rope_parameters": {"rope_theta": 700.0, "rope_type": "default"}, "rms_norm_eps": 2e-3}

# Llama 3's rope, with an original context below the 12 tokens of the goldens: wavelengths from 6.3 to 353 lie in all three bands.
LLAMA3 = LLAMA | {
    "head_dim": 16, "rope_theta": 100.0, "tie_word_embeddings": True, "rope_scaling": {
        "factor": 4.0, "high_freq_factor": 1.25, "low_freq_factor": 0.4, "original_max_position_embeddings": 10, "rope_type": "llama3"},
}

MODELS = {  # folder: (seed, config)
    "gpt2-tiny": (11, GPT2),
    "llama-tiny": (12, LLAMA),
    "llama-tied-tiny": (13, TIED),
    "qwen2-tiny": (14, llama_like("Qwen2ForCausalLM", "qwen2", tie_word_embeddings=True, use_sliding_window=False)),
    "qwen3-tiny": (15, llama_like("Qwen3ForCausalLM", "qwen3", attention_bias=False, head_dim=16)),
    "mistral-tiny": (16, llama_like("MistralForCausalLM", "mistral", sliding_window=5)),
    "gpt_neox-tiny": (17, GPT_NEOX),
    "llama3-tiny": (19, LLAMA3),
}
FIRST = ("gpt2-tiny", "llama-tiny", "llama-tied-tiny")
TRAINED = FIRST + ("gpt_neox-tiny", "qwen2-tiny", "qwen3-tiny")


def is_norm_weight(name):
    """Whether a parameter is the weight of a LayerNorm or RMSNorm."""
    return name.endswith("weight") and any(part in name for part in ("norm", ".ln_"))


def draw(model, seed):
    """Fills every parameter from numpy's PCG64 in the order of the names, so that torch's generator plays no part."""
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            mean = 1.0 if is_norm_weight(name) else 0.0
            parameter.copy_(torch.from_numpy(random.normal(mean, 0.3, tuple(parameter.shape)).astype(np.float32)))
    return part_gelus(model)


@torch.no_grad()
def part_gelus(model):
    """Moves the last MLP of a GELU model to inputs around -2.5, where the two GELUs differ most for their size, and scales it up.

    They never differ by more than 5e-4; with N(0, 0.3) throughout, the wrong one moves the logits by only 1e-3.
    """
    for up, down in (("h.1.mlp.c_fc", "h.1.mlp.c_proj"), ("layers.1.mlp.dense_h_to_4h", "layers.1.mlp.dense_4h_to_h")):
        modules = dict(model.base_model.named_modules())
        if up in modules:
            modules[up].weight.mul_(0.3)
            modules[up].bias.sub_(2.5)
            modules[down].weight.mul_(32.0)
    return model


def write_model(name):
    """Writes config.json and model.safetensors of one folder in the hub's layout."""
    seed, config = MODELS[name]
    folder = FIXTURES / name
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config)
    model = draw(AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), attn_implementation="eager"), seed)
    tensors = {key: value.detach().contiguous() for key, value in sorted(model.named_parameters())}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def load(name, dtype=torch.float32, **changes):
    """A model of tests/fixtures; `changes` overrides config values."""
    folder = FIXTURES / name
    config = AutoConfig.from_pretrained(folder)
    for key, value in changes.items():
        assert hasattr(config, key), f"{name} has no {key}"
        setattr(config, key, value)
    model = AutoModelForCausalLM.from_pretrained(folder, config=config, attn_implementation="eager", dtype=dtype)
    return model.eval()


def token_ids(name, seed, *shape):
    """Token ids that avoid the three special tokens at the start of every vocabulary; `name` may be its size."""
    vocabulary = name if isinstance(name, int) else MODELS[name][1]["vocab_size"]
    return torch.from_numpy(np.random.default_rng(seed).integers(3, vocabulary, shape))


def labels_of(ids, seed):
    """The ids with a masked start of its own length in each row, and one masked token in the middle of the first row."""
    labels = ids.clone()
    random = np.random.default_rng(seed)
    for row in labels.reshape(-1, labels.shape[-1]):
        row[: int(random.integers(1, 8))] = -100
    labels.reshape(-1, labels.shape[-1])[0, 9] = -100
    return labels


def short(value):
    """A float32 as the shortest decimal that reads back as the same float32; infinities as null."""
    value = np.float32(value)
    return float(str(value)) if np.isfinite(value) else None


def numbers(tensor):
    """A tensor as nested lists of short decimals."""
    if tensor.dim() == 0:
        return short(tensor.item())
    return [numbers(row) for row in tensor]


def write_json(path, value):
    """JSON with short lists kept on one line."""
    path.write_text(layout(value) + "\n", encoding="utf-8")


def layout(value, indent=0):
    """One line where it fits in 140 columns or holds only numbers, else one entry a line."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    flat = isinstance(value, list) and not any(isinstance(item, (dict, list, str)) for item in value)
    if not isinstance(value, (dict, list)) or flat or (indent and len(line) + indent <= 138):
        return line
    space = " " * (indent + 2)
    if isinstance(value, dict):
        rows = [f"{space}{json.dumps(key, ensure_ascii=False)}: {layout(item, indent + 2)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"
    rows = [space + layout(item, indent + 2) for item in value]
    return "[\n" + ",\n".join(rows) + "\n" + " " * indent + "]"
