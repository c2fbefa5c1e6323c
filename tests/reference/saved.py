"""Loads what Lantern saved (tests/parity/saved.rs) with transformers and PEFT and compares the logits: `python saved.py FOLDER`."""
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tiny import FIXTURES

ALLOWED = 1e-4


def model(folder):
    """Every weight from the file: transformers would fill what is missing with noise and only warn."""
    loaded, report = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"], report
    return loaded.eval()


@torch.no_grad()
def main(saved):
    for place in sorted(Path(saved).iterdir()):
        ours = load_file(place / "logits.safetensors")
        logits = {"model": model(place / "model")(ours["ids"]).logits, "merged": model(place / "merged")(ours["ids"]).logits}
        logits["adapter"] = PeftModel.from_pretrained(model(place / "model"), place / "adapter").eval()(ours["ids"]).logits
        for kind, theirs in logits.items():
            difference = (theirs - ours[kind]).abs().max().item()
            print(f"{place.name} {kind}: transformers and Lantern differ by {difference:.1e} (allowed {ALLOWED:.0e})")
            assert difference <= ALLOWED
        assert (logits["adapter"] - logits["model"]).abs().max() > 0.5
        text = "Hello, 12 tokens? (no)"
        first, second = (AutoTokenizer.from_pretrained(folder)(text)["input_ids"] for folder in (FIXTURES / place.name, place / "model"))
        assert first == second, place


if __name__ == "__main__":
    main(*sys.argv[1:])
