"""How long a model of 500 MB takes from its folder, beside reading the file and beside Python; what a second process costs. Asserts nothing.

    python3 benches/load.py target/release/lantern

The folder has GPT-2's shape, names and tokenizer (124M, f32) and random weights; it is made once, under target/ (FOLDER names another place).
PYTHON names an interpreter with numpy, torch and transformers (default: this one). ROUNDS (default 5): all sides take turns, after one round to
warm the file cache; the medians are printed.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = os.environ.get("PYTHON", sys.executable)
ROUNDS = int(os.environ.get("ROUNDS", "5"))
FOLDER = Path(os.environ.get("FOLDER", HERE.parent / "target/gpt2-124m"))

FIRST_TOKEN = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
ids = tokenizer("Hello", return_tensors="pt")
print(tokenizer.decode(model.generate(**ids, max_new_tokens=1, do_sample=False, pad_token_id=0)[0]))
"""


def timed(command):
    """Seconds of the wall clock, seconds of the processor, what it printed."""
    before = os.times()
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall = time.perf_counter() - begun
    after = os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system, done.stdout


def row(what, values, beside=None):
    middle = statistics.median(values)
    ratio = f"{middle / statistics.median(beside):>9.2f}x" if beside else ""
    print(f"{what:<52} {middle * 1e3:>9.0f} ms{ratio}   ({min(values) * 1e3:.0f} to {max(values) * 1e3:.0f})", flush=True)


def loads(binary, python):
    weights = FOLDER / "model.safetensors"
    read, copied, load, load_work, first, first_work, theirs = ([] for _ in range(7))
    for n in range(ROUNDS + 1):
        one = timed(["sh", "-c", f"cat '{weights}' >/dev/null"])[0]
        begun = time.perf_counter()
        weights.read_bytes()
        into = time.perf_counter() - begun
        _, work, out = timed([binary, "-c", f"%load {FOLDER} --json"])
        seconds = json.loads(out)["seconds"]
        token = timed([binary, "-c", f"%load {FOLDER}\n%generate Hello max_new_tokens=1"])
        peer = timed([PYTHON, "-c", FIRST_TOKEN, str(FOLDER)])[0] if python else 0.0
        if n:
            for values, value in zip((read, copied, load, load_work, first, first_work, theirs), (one, into, seconds, work, *token[:2], peer)):
                values.append(value)
    size = weights.stat().st_size
    row(f"cat of the weights ({size / 1e6:.0f} MB, in the file cache)", read)
    row("read into memory, by Python", copied)
    row("%load, as it says; beside cat", load, read)
    row("    beside reading into memory", load, copied)
    row("    processor time of the whole program", load_work)
    row("process start to first token", first)
    row("    processor time", first_work)
    if python:
        row("the same by transformers; beside Lantern's", theirs, first)
    else:
        print("transformers: skipped, not in", PYTHON)


def second_process(binary):
    """Memory of a process that loads what another one has loaded: its own pages, and its share of all."""
    if not Path("/proc/self/smaps_rollup").exists():
        return print("memory of a second process: skipped, no /proc")
    with tempfile.NamedTemporaryFile() as flag:
        wait = f"!echo ready; while [ -e {flag.name} ]; do sleep 0.1; done"
        first = subprocess.Popen([binary, "-c", f"%load {FOLDER}\n{wait}"], stdout=subprocess.PIPE, text=True)
        while (line := first.stdout.readline()) and "ready" not in line:
            pass
        _, _, out = timed([binary, "-c", f"%load {FOLDER}\n%generate Hello max_new_tokens=1\n!cat /proc/$PPID/smaps_rollup"])
    first.wait()
    kilobytes = {name: int(number) for name, number in re.findall(r"^(Rss|Pss|Private_Dirty): +(\d+) kB", out, re.M)}
    print("a second process with the same model: " + ", ".join(f"{name} {number / 1e3:.0f} MB" for name, number in kilobytes.items()))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = str(Path(sys.argv[1]).resolve())
    if not (FOLDER / "model.safetensors").exists():
        subprocess.run([PYTHON, HERE / "gpt2_folder.py", FOLDER], check=True)
    python = subprocess.run([PYTHON, "-c", "import torch, transformers"], capture_output=True).returncode == 0
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before; medians of {ROUNDS}")
    loads(binary, python)
    second_process(binary)


if __name__ == "__main__":
    main()
