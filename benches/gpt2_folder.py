"""Makes a folder with GPT-2's shape (124M, f32, about 500 MB), its names, its tokenizer and random weights: `python gpt2_folder.py DIR`.

Needs numpy. Times of loading do not depend on what the weights say.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

import numpy

TOKENIZER = Path(__file__).resolve().parent.parent / "tests/fixtures/gpt2-tokenizer"
CONFIG = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "vocab_size": 50257,
    "n_ctx": 1024,
    "n_positions": 1024,
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "layer_norm_epsilon": 1e-5,
    "bos_token_id": 50256,
    "eos_token_id": 50256,
    "torch_dtype": "float32",
}


def shapes():
    yield "wte.weight", (50257, 768)
    yield "wpe.weight", (1024, 768)
    for i in range(12):
        for norm in ("ln_1", "ln_2"):
            yield f"h.{i}.{norm}.weight", (768,)
            yield f"h.{i}.{norm}.bias", (768,)
        for name, inn, out in (("attn.c_attn", 768, 2304), ("attn.c_proj", 768, 768), ("mlp.c_fc", 768, 3072), ("mlp.c_proj", 3072, 768)):
            yield f"h.{i}.{name}.weight", (inn, out)
            yield f"h.{i}.{name}.bias", (out,)
    yield "ln_f.weight", (768,)
    yield "ln_f.bias", (768,)


def make(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes():
        size = 4 * int(numpy.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = numpy.random.default_rng(0)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes():
            numbers = random.standard_normal(shape, dtype=numpy.float32) * numpy.float32(0.02)
            file.write((numbers + 1 if ".ln_" in name and name.endswith("weight") or name == "ln_f.weight" else numbers).tobytes())
    (folder / "config.json").write_text(json.dumps(CONFIG))
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(TOKENIZER / name, folder)


if __name__ == "__main__":
    make(sys.argv[1])
