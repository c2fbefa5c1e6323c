"""Loads what Lantern saved (tests/parity/saved.rs) with transformers and PEFT and compares the logits: `python saved.py FOLDER`."""
import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import bitsandbytes
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from fresh import OURS, arguments
from tiny import FIXTURES

ALLOWED = 1e-4


def model(folder):
    """Every weight from the file: transformers would fill what is missing with noise and only warn."""
    loaded, report = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"], report
    return unpacked(loaded.eval())


def unpacked(loaded):
    """NF4 read by bitsandbytes, multiplied by torch: bitsandbytes' own product on a CPU rounds to bfloat16 (0.2 % of the logits)."""
    for name, layer in list(loaded.named_modules()):
        if isinstance(layer, bitsandbytes.nn.Linear4bit):
            dense = torch.nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
            dense.weight.data = bitsandbytes.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()
            if layer.bias is not None:
                dense.bias.data = layer.bias.data.float()
            loaded.set_submodule(name, dense)
    return loaded


def tokens(place):
    """The saved tokenizer says what the one it came from says: a fixture's, or the list of texts beside a .gguf."""
    after = AutoTokenizer.from_pretrained(place / "model")
    if place.name.startswith("fresh-"):
        return made(place, after)
    if "-gguf-" not in place.name:
        text = "Hello, 12 tokens? (no)"
        assert AutoTokenizer.from_pretrained(FIXTURES / place.name.split("+")[0])(text)["input_ids"] == after(text)["input_ids"], place
        return 1
    golden = json.loads((FIXTURES / place.name.rsplit("-", 1)[0] / "golden.json").read_text())
    wrong = [text for text, ids in golden.get("ids", []) if after(text)["input_ids"] != ids]
    assert not wrong, (place, wrong)
    for chat in golden.get("chats", []):
        assert after.apply_chat_template(chat["messages"], tokenize=False, add_generation_prompt=True) == chat["text"], place
    return len(golden.get("ids", []))


def made(place, after):
    """A model that Lantern made from nothing: ids of `tokenizers` itself, and the config that transformers writes for the same sizes."""
    ours = json.loads((place / "made.json").read_text())
    raw = Tokenizer.from_file(str(place / "model" / "tokenizer.json"))
    for text, ids in ours["texts"]:
        assert raw.encode(text).ids == ids == after(text)["input_ids"], (place, text)
    assert len(after) == ours["vocabulary"] and [after.eos_token_id] == ours["eos"], place
    read = AutoConfig.from_pretrained(place / "model")
    own = {name: getattr(read, name) for name in ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id", "architectures")}
    given = arguments(ours["family"], ours["options"])
    if ours["family"] != "gpt2":
        # 8/3 of the width, to a multiple of 32, where the MLP has a gate.
        given["intermediate_size"] = 4 * 48 if ours["family"] == "gpt_neox" else 128
    theirs = AutoConfig.for_model(ours["family"], **given, **OURS.get(ours["family"], {}), **own)
    ignored = ("transformers_version", "dtype", "_name_or_path")
    left, right = ({key: value for key, value in json.loads(config.to_json_string()).items() if key not in ignored} for config in (read, theirs))
    assert {key: left.get(key) for key in right} == right, (place, left, right)
    return len(ours["texts"])


@torch.no_grad()
def main(saved):
    for place in sorted(Path(saved).iterdir()):
        ours = load_file(place / "logits.safetensors")
        logits = {"model": model(place / "model")(ours["ids"]).logits}
        if "adapter" in ours:
            adapted = PeftModel.from_pretrained(model(place / "model"), place / "adapter").eval()(ours["ids"]).logits
            logits["adapter"] = adapted[:, -ours["ids"].shape[1]:]  # PEFT gives those of virtual tokens too
        if "merged" in ours:
            logits["merged"] = model(place / "merged")(ours["ids"]).logits
        for kind in (key for key in ours if key.startswith("adapter.")):
            logits[kind] = PeftModel.from_pretrained(model(place / "model"), place / kind[8:]).eval()(ours["ids"]).logits
        for kind in (key for key in logits if key.startswith("adapter")):
            assert (logits[kind] - logits["model"]).abs().max() > 0.5, kind
        for kind, theirs in logits.items():
            difference = (theirs - ours[kind]).abs().max().item()
            # bitsandbytes' INT8 product rounds the activations to eight bits too; Lantern's does not.
            allowed = 0.05 * ours[kind].abs().max().item() if place.name.endswith("-int8") else ALLOWED
            print(f"{place.name} {kind}: transformers and Lantern differ by {difference:.1e} (allowed {allowed:.0e})")
            assert difference <= allowed
        if not place.name.startswith("wider-"):
            print(f"{place.name}: {tokens(place)} texts have the same ids")


if __name__ == "__main__":
    main(*sys.argv[1:])
