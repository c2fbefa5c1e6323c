"""tests/fixtures/blocks.safetensors: ggml's block formats by the gguf package, byte for byte.

For q4_0, q4_1, q5_0, q5_1 and q8_0 `NAME.bytes` is `values` packed by the package. It cannot pack k formats: their bytes are drawn, the scales
(f16) kept small and finite. `NAME.values` is what the package reads out of the bytes, always [ROWS, 256].
"""
import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Kind
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file

from tiny import FIXTURES

ROWS = 12
PACKED = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
# Where a block keeps its f16 scales.
DRAWN = {"Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}


def values(random):
    """Rows of several sizes, one of zeros, one with an outlier, one of one sign."""
    rows = random.normal(0, 0.3, (ROWS, 256)).astype(np.float32)
    rows[1] = 0
    rows[2, 77] = -9
    rows[3] = np.abs(rows[3])
    rows[4] *= 1e-4
    rows[5] *= 100
    return rows


def drawn(random, kind):
    """One block of 256 a row."""
    _, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (ROWS, size), dtype=np.uint8)
    for at in DRAWN[kind.name]:
        blocks[:, at:at + 2] = random.normal(0, 0.01, ROWS).astype(np.float16).view(np.uint8).reshape(ROWS, 2)
    return blocks


def main():
    random = np.random.default_rng(31)
    rows = values(random)
    tensors = {"values": rows}
    for name in (*PACKED, *DRAWN):
        kind = Kind[name]
        blocks = quantize(rows, kind) if name in PACKED else drawn(random, kind)
        tensors[f"{name.lower()}.bytes"] = blocks
        tensors[f"{name.lower()}.values"] = dequantize(blocks, kind)
    save_file({key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in tensors.items()}, FIXTURES / "blocks.safetensors")


if __name__ == "__main__":
    main()
