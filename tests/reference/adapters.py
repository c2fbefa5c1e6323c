"""Adapters as PEFT writes them, and their golden values in each folder: lora/, rslora/, dora/ of gpt2-tiny and llama-tiny, patterns/ of
both (chosen layers, ranks and alphas of their own), lora/ on every linear layer of the other families; ends/, ends-dora/, whole/: on the embedding
table and the head, tied and not."""
import json

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file

from steps import SETTINGS, run
from tiny import FIXTURES, load, labels_of, short, token_ids, write_json

TARGETS = {"gpt2-tiny": ["c_attn", "c_proj"], "llama-tiny": ["q_proj", "v_proj", "down_proj"]}
MERGED = {
    "gpt2-tiny": ["transformer.h.1.attn.c_attn", "transformer.h.0.mlp.c_proj"],
    "llama-tiny": ["model.layers.1.self_attn.v_proj", "model.layers.0.mlp.down_proj"],
}
KINDS = {"lora": {}, "rslora": {"use_rslora": True}, "dora": {"use_dora": True}}
ALL = {
    "gpt_neox-tiny": ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
    "mistral-tiny": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
}
ALL["qwen2-tiny"] = ALL["qwen3-tiny"] = ALL["mistral-tiny"]
PATTERNS = {
    "gpt2-tiny": {"target_modules": r".*\.(attn\.c_(attn|proj)|mlp\.c_fc)", "exclude_modules": r".*\.h\.1\.attn\.c_proj", "use_dora": True,
                  "rank_pattern": {r"0\.attn\.c_attn": 5, "c_attn": 2}, "alpha_pattern": {"c_fc": 7}},
    "llama-tiny": {"target_modules": ["q_proj", "self_attn.o_proj", "down_proj", "up_proj"], "exclude_modules": ["up_proj"],
                   "layers_to_transform": [1], "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"mlp.down_proj": 2.5, "q_proj": 4},
                   "use_rslora": True, "use_dora": True},
}
ENDS = {  # (model, folder): settings, modules whose merged weights are kept
    ("gpt2-tiny", "ends"): ({"target_modules": ["c_attn", "wte", "lm_head"]}, ["transformer.wte", "lm_head"]),
    ("gpt2-tiny", "ends-dora"): ({"target_modules": ["wte", "lm_head"], "use_dora": True}, ["transformer.wte", "lm_head"]),
    ("gpt2-tiny", "whole"): ({"target_modules": ["c_attn"], "modules_to_save": ["wte"]}, []),
    ("llama-tiny", "ends"): ({"target_modules": ["q_proj", "embed_tokens", "lm_head"], "use_rslora": True}, ["model.embed_tokens"]),
    ("llama-tiny", "whole"): ({"target_modules": ["q_proj", "embed_tokens"], "modules_to_save": ["lm_head"]}, []),
    ("llama-tied-tiny", "ends-dora"): (
        {"target_modules": ["down_proj", "embed_tokens", "lm_head"], "use_rslora": True, "use_dora": True}, ["model.embed_tokens", "lm_head"]),
    ("gpt_neox-tiny", "ends"): ({"target_modules": r".*\.(embed_in|dense)|lm_head", "rank_pattern": {"lm_head": 4}}, []),
}


def saved(key):
    """A parameter's name as PEFT's file has it: without the adapter's name."""
    return key.replace(".modules_to_save", "").replace(".default", "").replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def write_adapter(name, kind, settings):
    """An adapter with B non-zero (and DoRA's magnitudes off the row norms), so that it changes the model."""
    config = LoraConfig(task_type="CAUSAL_LM", r=3, lora_alpha=5, lora_dropout=0.0, fan_in_fan_out=name == "gpt2-tiny", **settings)
    model = get_peft_model(load(name), config)
    random = np.random.default_rng(41)
    with torch.no_grad():
        for key, value in sorted(model.named_parameters()):
            if "lora_magnitude_vector" in key:
                value.mul_(torch.from_numpy(random.normal(1.0, 0.1, tuple(value.shape)).astype(np.float32)))
            elif "modules_to_save" in key:
                value.add_(torch.from_numpy(random.normal(0.0, 0.2, tuple(value.shape)).astype(np.float32)))
            elif "lora_" in key:
                value.copy_(torch.from_numpy(random.normal(0.0, 0.2, tuple(value.shape)).astype(np.float32)))
    model.base_model.peft_config["default"].base_model_name_or_path = name
    # Of its own accord PEFT writes a frozen table beside matrices on `embed_tokens` and `lm_head`; one folder has them.
    model.save_pretrained(FIXTURES / name / kind, save_embedding_layers=(name, kind) == ("llama-tiny", "ends"))
    (FIXTURES / name / kind / "README.md").unlink(missing_ok=True)
    settings = json.loads((FIXTURES / name / kind / "adapter_config.json").read_text())
    for key in ["target_modules", "exclude_modules"]:
        if isinstance(settings[key], list):
            settings[key].sort()  # a set in PEFT: its order changes from run to run
    (FIXTURES / name / kind / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True))


def open_adapter(name, kind, dtype=torch.float32):
    """The adapter read back from its folder, trainable."""
    model = PeftModel.from_pretrained(load(name, dtype), FIXTURES / name / kind, is_trainable=True)
    return model.to(dtype).eval()


def untie(model):
    """A head of its own, as PEFT advises before a merge: else adding to the head changes the embeddings too."""
    head = model.get_output_embeddings()
    head = getattr(head, "base_layer", head)
    if head.weight is getattr(model.get_input_embeddings(), "base_layer", model.get_input_embeddings()).weight:
        head.weight = torch.nn.Parameter(head.weight.detach().clone())


def golden(name, kind):
    """Logits, loss, gradients and merged weights of one adapter."""
    model = open_adapter(name, kind)
    merged = MERGED.get(name, []) if kind in KINDS else ENDS[name, kind][1] if (name, kind) in ENDS else []
    ids = token_ids(name, 42, 2, 12)
    labels = labels_of(ids, 43)
    with torch.no_grad():
        logits = model(ids).logits
        with model.disable_adapter():
            plain = model(ids).logits
    assert (logits - plain).abs().max() > 0.5
    loss = model(ids, labels=labels).loss
    loss.backward()
    grads = {f"grad.{saved(key)}": value.grad for key, value in model.named_parameters() if value.requires_grad}
    assert all(value.abs().max() > 1e-4 for value in grads.values())
    if (name, kind) in ENDS:
        untie(model)
    whole = model.merge_and_unload()
    with torch.no_grad():
        whole_logits = whole(ids).logits
    assert (whole_logits - logits).abs().max() < 1e-4
    tensors = {"ids": ids, "labels": labels, "logits": logits, "base_logits": plain, "loss": loss.detach(), "merged_logits": whole_logits} | grads
    return tensors | {f"merged.{path}.weight": whole.get_submodule(path).weight.detach().contiguous() for path in merged}


def write(name, kind, settings, trained):
    write_adapter(name, kind, settings)
    tensors = golden(name, kind)
    notes = {"loss": short(tensors["loss"]), "targets": settings["target_modules"]}
    if trained:
        build = lambda dtype: open_adapter(name, kind, dtype)
        notes["settings"] = SETTINGS
        notes["training"], final, ids, labels = run(build, name, 1, 44)
        tensors |= {"training.ids": ids, "training.labels": labels}
        tensors |= {f"training.final.{saved(key)}": value for key, value in final.items()}
        print(name, notes["training"])
    save_file(dict(sorted(tensors.items())), FIXTURES / name / kind / "golden.safetensors")
    write_json(FIXTURES / name / kind / "golden.json", notes)
    print(f"{name} {kind}: loss {notes['loss']}")


def main():
    for name, targets in TARGETS.items():
        for kind, settings in KINDS.items():
            write(name, kind, {"target_modules": targets} | settings, trained=True)
        write(name, "patterns", PATTERNS[name], trained=False)
    for name, targets in ALL.items():
        write(name, "lora", {"target_modules": targets}, trained=False)
    for (name, kind), (settings, _) in ENDS.items():
        write(name, kind, settings, trained=name != "gpt_neox-tiny")


if __name__ == "__main__":
    main()
