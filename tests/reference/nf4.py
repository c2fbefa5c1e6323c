"""tests/fixtures/nf4.safetensors: NF4 (single and double quantisation) and INT8 by bitsandbytes on the CPU, byte for byte.

`CASE.values` packed in blocks of B gives `CASE.B.codes` and `CASE.B.absmax`; `CASE.B.read` is what bitsandbytes reads out of them. `nested.*` are
scales quantised once more; `offset` is torch's mean, whose last bit depends on the machine that adds. `int8.*` are rows as `Int8Params` stores them.
"""
import bitsandbytes.functional as bnb
import numpy as np
import torch
from bitsandbytes.nn import Int8Params
from safetensors.torch import save_file

from tiny import FIXTURES

CASES = {"ties": (64,), "zeros": (64,), "odd": (64, 32), "huge": (64,), "tiny": (64,), "rows": (64, 32, 128, 4096)}


def ties():
    """Numbers at each middle between two codes and beside it, in blocks whose scale is 1, then 0.3 and -7."""
    code = bnb.get_4bit_type("nf4", "cpu").numpy()
    middles = (code[:-1] + code[1:]) / np.float32(2)
    up, down = np.nextafter(middles, np.float32(2)), np.nextafter(middles, np.float32(-2))
    block = np.concatenate([[1.0], middles, up, down, code, [0.0, -0.0]]).astype(np.float32)
    return np.concatenate([block, block * np.float32(0.3), block * np.float32(-7)])


def values(random, case):
    normal = random.normal(0, 0.3, 320).astype(np.float32)
    if case == "ties":
        return ties()
    if case == "zeros":
        # A block of zeros, one with a single number, a tail of zeros.
        return np.concatenate([np.zeros(64), [0.5], np.zeros(63), np.zeros(20)]).astype(np.float32)
    if case == "odd":
        return normal[:77]
    if case == "huge":
        return np.concatenate([normal[:64] * np.float32(1e38), normal[:5] * np.float32(3e38)])
    if case == "tiny":
        # Below the smallest scale that bitsandbytes divides by, and below the smallest normal number.
        return np.concatenate([normal[:64] * np.float32(1e-38), normal[:64] * np.float32(1e-41), normal[:9] * np.float32(1e-39)])
    # Rows of 100: blocks cross them.
    return normal.reshape(-1)[:300]


def nested(random):
    scales = np.abs(random.normal(0.2, 0.06, 300)).astype(np.float32)
    scales[256:] = 0.25
    scales = torch.from_numpy(scales)
    offset = scales.mean()
    codes, state = bnb.quantize_blockwise(scales - offset, blocksize=256)
    read = bnb.dequantize_blockwise(codes, state) + offset
    return {"scales": scales, "offset": offset.reshape(1), "codes": codes, "absmax": state.absmax, "map": state.code, "read": read}


def double(random):
    """The whole way, on numbers whose scales have an exact mean. Rows are whole blocks: else the AVX-512 kernel of 0.50.2 takes a wrong scale."""
    rows = random.normal(0, 0.3, (4, 128)).astype(np.float32)
    rows = (np.round(rows * 1024) / 1024).astype(np.float32)
    codes, state = bnb.quantize_4bit(torch.from_numpy(rows), compress_statistics=True, quant_type="nf4")
    inner = {"scales": state.absmax, "absmax": state.state2.absmax, "offset": state.offset.reshape(1)}
    return {"values": torch.from_numpy(rows), "codes": codes.flatten(), **inner, "read": bnb.dequantize_4bit(codes, state)}


def int8(random):
    rows = random.normal(0, 0.3, (8, 37)).astype(np.float32)
    rows[1] = 0
    rows[2, 5] = -9
    rows[3] = np.arange(37) - 18.5
    rows[3, 0] = 127
    rows[4] *= 1e-3
    rows[5] *= 1000
    packed = Int8Params(torch.from_numpy(rows), requires_grad=False, has_fp16_weights=False).to("cpu")
    return {"values": torch.from_numpy(rows), "codes": packed.CB.view(torch.uint8), "absmax": packed.SCB, "read": bnb.int8_vectorwise_dequant(packed.CB, packed.SCB)}


def main():
    random = np.random.default_rng(41)
    tensors = {"code": bnb.get_4bit_type("nf4", "cpu")}
    for case, blocks in CASES.items():
        numbers = torch.from_numpy(values(random, case))
        tensors[f"{case}.values"] = numbers
        for block in blocks:
            codes, state = bnb.quantize_4bit(numbers, blocksize=block, quant_type="nf4")
            tensors |= {f"{case}.{block}.codes": codes.flatten(), f"{case}.{block}.absmax": state.absmax}
            tensors[f"{case}.{block}.read"] = bnb.dequantize_4bit(codes, state).flatten()
    for name, part in (("nested", nested(random)), ("double", double(random)), ("int8", int8(random))):
        tensors |= {f"{name}.{key}": value for key, value in part.items()}
    save_file({key: value.contiguous() for key, value in tensors.items()}, FIXTURES / "nf4.safetensors")


if __name__ == "__main__":
    main()
