"""Compares the fixtures with freshly made ones: `python same.py FIXTURES MADE`.

On the machine that made them the bytes are equal; on another CPU last digits may differ, so numbers are compared, not bytes.
"""
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

ALLOWED = 1e-3  # of the largest number beside it: training drives rounding apart


def differences(old, new, place):
    """(place, difference over the largest) of all numbers of two JSON values; shapes, keys and texts must be equal."""
    if isinstance(old, dict):
        assert old.keys() == new.keys(), place
        for key in old:
            yield from differences(old[key], new[key], f"{place}/{key}")
    elif isinstance(old, list) and not all(isinstance(x, float) for x in old):
        assert len(old) == len(new), place
        for i, pair in enumerate(zip(old, new)):
            yield from differences(*pair, f"{place}/{i}")
    elif isinstance(old, (list, float)) and not any(part in place for part in ("noise", "difference")):
        yield place, apart(np.array(old), np.array(new), place)
    elif not isinstance(old, float):
        assert old == new, (place, old, new)


def apart(old, new, place):
    """The largest difference as a share of the largest number."""
    assert old.shape == new.shape and old.dtype == new.dtype, place
    if old.size == 0 or np.array_equal(old, new):
        return 0.0
    return float(np.abs(old.astype(np.float64) - new).max() / max(np.abs(old).max(), 1e-9))


def compare(old, new):
    """All differences of a file."""
    if old.suffix == ".safetensors":
        a, b = load_file(old), load_file(new)
        assert a.keys() == b.keys(), old
        # The key's part of GPT-2's bias has no gradient: AdamW steps on rounding there.
        return [(key, apart(a[key], b[key], key)) for key in a if not (".final." in key and "c_attn.bias" in key)]
    if old.suffix == ".json":
        return list(differences(json.loads(old.read_text()), json.loads(new.read_text()), ""))
    assert old.read_bytes() == new.read_bytes(), old
    return []


def main(fixtures, made):
    fixtures, made = Path(fixtures), Path(made)
    files = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    same, worst = 0, (0.0, "")
    for file in files:
        if (fixtures / file).read_bytes() == (made / file).read_bytes():
            same += 1
            continue
        worst = max([worst] + [(difference, f"{file} {key}") for key, difference in compare(fixtures / file, made / file)])
    print(f"{len(files)} fixtures made again: {same} to the byte, the others within {worst[0]:.1e} {worst[1]}")
    assert worst[0] <= ALLOWED, worst


if __name__ == "__main__":
    main(*sys.argv[1:])
