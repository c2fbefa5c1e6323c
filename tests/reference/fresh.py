"""Writes fresh.json: what transformers makes of a config that is new, for each family: config.json, and mean and deviation of every tensor it draws."""
import json

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tiny import FIXTURES, write_json

# Each option is named as %pretrain names it; the tokenizer has 120 tokens: padding 0, beginning 1, end 2.
SIZES = dict(layers=3, hidden=96, heads=4, inner=160, context=48)
CASES = [
    ("gpt2", SIZES),
    ("gpt2", dict(layers=2, hidden=64, heads=2, context=64, tie=False)),
    ("gpt_neox", SIZES | dict(rotary=0.5)),
    ("gpt_neox", SIZES | dict(tie=False)),
    ("llama", SIZES | dict(kv_heads=2)),
    ("llama", SIZES | dict(head_dim=32, tie=False)),
    ("mistral", SIZES | dict(kv_heads=1, window=7)),
    ("qwen2", SIZES | dict(kv_heads=2, tie=False)),
    ("qwen3", SIZES | dict(kv_heads=2, head_dim=32)),
]
# Where small models differ from transformers' own defaults, and say so in src/model/sizes.rs.
OURS = {"llama": dict(rms_norm_eps=1e-5), "mistral": dict(rms_norm_eps=1e-5)}
NAMES = dict(
    layers="num_hidden_layers", hidden="hidden_size", heads="num_attention_heads", kv_heads="num_key_value_heads", head_dim="head_dim",
    inner="intermediate_size", context="max_position_embeddings", window="sliding_window", rotary="rotary_pct", tie="tie_word_embeddings",
)
GPT2 = dict(layers="n_layer", hidden="n_embd", heads="n_head", inner="n_inner", context="n_positions", tie="tie_word_embeddings")


def arguments(family, options):
    """The config's keyword arguments. What mistral and the qwens would take from their large models is as in llama."""
    options = dict(tie=True) | options
    if family in ("mistral", "qwen2", "qwen3"):
        options = dict(kv_heads=options["heads"]) | options
    if family == "qwen3":
        options = dict(head_dim=options["hidden"] // options["heads"]) | options
    return {(GPT2 if family == "gpt2" else NAMES)[option]: value for option, value in options.items()}


def written(config):
    """What `save_pretrained` puts into config.json."""
    fields = json.loads(config.to_json_string())
    return {key: value for key, value in fields.items() if key not in ("transformers_version", "dtype")}


def moments(config):
    """Shape, mean, standard deviation and rows of zeros of the parameters of a model with this config; of the blocks, the second."""
    torch.manual_seed(7)
    found = {}
    for name, tensor in AutoModelForCausalLM.from_config(config).named_parameters():
        if ".0." in name or ".2." in name:
            continue
        tensor = tensor.detach().double()
        zero = [] if tensor.dim() == 1 else [i for i, row in enumerate(tensor) if not row.any()]
        drawn = tensor[[i for i in range(len(tensor)) if i not in zero]]
        found[name] = {"shape": list(tensor.shape), "mean": round(drawn.mean().item(), 6), "std": round(drawn.std(unbiased=False).item(), 6), "zero": zero}
    return found


def main():
    rows = []
    for family, options in CASES:
        config = AutoConfig.for_model(
            family, vocab_size=120, bos_token_id=1, eos_token_id=2, pad_token_id=0, **arguments(family, options), **OURS.get(family, {}))
        config.architectures = [type(AutoModelForCausalLM.from_config(config)).__name__]
        rows.append({"family": family, "options": options, "config": written(config), "tensors": moments(config)})
    # A range that is not the default reaches every matrix.
    wide = AutoConfig.for_model(**(rows[4]["config"] | {"initializer_range": 0.05}))
    rows.append({"family": "llama", "options": rows[4]["options"], "range": 0.05, "tensors": moments(wide)})
    padded = [name for name, tensor in rows[4]["tensors"].items() if tensor["zero"]]
    assert padded == ["model.embed_tokens.weight"] and not any(tensor["zero"] for tensor in rows[0]["tensors"].values())
    write_json(FIXTURES / "fresh.json", rows)


if __name__ == "__main__":
    main()
