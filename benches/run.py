"""Lantern beside its peers on this machine, in one run: prints times, speeds and ratios, asserts nothing.

    python3 benches/run.py target/release/lantern

PYTHON names an interpreter with torch, transformers and peft (default: this one); what is missing is skipped with a word.
ROUNDS (default 3) is how often the speeds are taken; the peers take turns, so that a busy machine hurts all alike.
The peers have the shape of SmolLM2-135M in f32 with random weights: speed does not depend on what the weights say.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ROUNDS = int(os.environ.get("ROUNDS", "3"))
THREADS = os.environ.get("RAYON_NUM_THREADS") or str(os.cpu_count())
PYTHON = os.environ.get("PYTHON", sys.executable)
# Training: rows of one length, so that both sides take the same tokens.
BATCH, STEPS, NEW = 8, 6, 64

# PROMPT tokens in, NEW tokens out, greedy, after a warm-up.
GENERATE = """
import sys, time, torch
from transformers import LlamaConfig, LlamaForCausalLM
threads, prompt, new = map(int, sys.argv[1:])
torch.set_num_threads(threads); torch.manual_seed(0)
config = LlamaConfig(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                     vocab_size=49152, tie_word_embeddings=True, max_position_embeddings=8192)
model = LlamaForCausalLM(config).eval()
ids = torch.randint(3, 49000, (1, prompt))
def run(n):
    with torch.no_grad():
        model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, min_new_tokens=n, do_sample=False, pad_token_id=0)
run(4)
begun = time.perf_counter(); run(new)
print(new / (time.perf_counter() - begun))
"""

# LoRA r=16 on q_proj and v_proj, AdamW, clipping; BATCH rows of LENGTH tokens.
TRAIN = """
import sys, time, torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM
threads, batch, length, steps = map(int, sys.argv[1:])
torch.set_num_threads(threads); torch.manual_seed(0)
config = LlamaConfig(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                     vocab_size=49152, tie_word_embeddings=True, max_position_embeddings=8192)
model = get_peft_model(LlamaForCausalLM(config), LoraConfig(r=16, lora_alpha=32, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
model.train()
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=1e-4)
ids = torch.randint(3, 49000, (batch, length))
def step():
    optimizer.zero_grad()
    model(input_ids=ids, labels=ids).loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
step()
begun = time.perf_counter()
for _ in range(steps): step()
print(batch * length * steps / (time.perf_counter() - begun))
"""


def seconds(command, env=None):
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=env)
    return time.perf_counter() - begun


def results(binary, cells, cwd):
    """The JSON lines that cells with --json print."""
    script = Path(cwd) / "cells.txt"
    script.write_text(cells, encoding="utf-8")
    done = subprocess.run([binary, "run", script], capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-400:] or done.stdout[-400:])
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def peer(script, *arguments):
    done = subprocess.run([PYTHON, "-c", script, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return float(done.stdout.split()[-1])


def row(what, unit, ours, name, theirs, less_is_better):
    """Prints the medians and how many times better ours is."""
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    ratio = theirs / ours if less_is_better else ours / theirs
    print(f"{what:<34} {ours:>10.3g} {theirs:>10.3g} {ratio:>8.2f}x   {unit}, beside {name}", flush=True)


def skip(what, why):
    print(f"{what:<34} skipped: {why}", flush=True)


def start(binary):
    lantern, python, ipython = [], [], []
    shell = [PYTHON, "-m", "IPython", "--no-banner", "--quick", "-c", "pass"]
    has_ipython = subprocess.run(shell, capture_output=True).returncode == 0
    for _ in range(max(5, ROUNDS)):
        lantern.append(seconds([binary, "-c", "%help"]))
        python.append(seconds([PYTHON, "-c", "pass"]))
        if has_ipython:
            ipython.append(seconds(shell))
    row("program start to its end", "s", lantern, "python -c pass", python, True)
    if has_ipython:
        row("", "s", lantern, "ipython -c pass", ipython, True)


def kernels(binary):
    python = ROOT / "target/jupyter-venv/bin/python"
    if not python.exists():
        return skip("kernel ready", "no target/jupyter-venv; `cargo test --release --workspace` makes it")
    print(flush=True)
    with tempfile.TemporaryDirectory() as home:
        subprocess.run([binary, "kernel", "install", "--prefix", home], check=True, capture_output=True)
        env = {**os.environ, "JUPYTER_PATH": f"{home}/share/jupyter", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        subprocess.run([python, HERE / "kernel_start.py"], env=env, stderr=subprocess.DEVNULL, check=False)


def has(modules):
    return subprocess.run([PYTHON, "-c", f"import {modules}"], capture_output=True).returncode == 0


def generate(binary, folder):
    what = f"generate, {NEW} tokens, smollm2"
    cell = f"# %%\n%generate \"The history of the world is\" max_new_tokens={NEW} --json\n"
    if not has("torch, transformers"):
        found = results(binary, "%load smollm2\n" + cell * 2, folder)
        return skip(what, f"no torch and transformers in {PYTHON}; Lantern alone: {found[-1]['tokens_per_second']:.1f} tokens/s")
    for dtype in ["", " dtype=f32"]:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(results(binary, f"%load smollm2{dtype}\n" + cell * 2, folder)[-1]["tokens_per_second"])
            theirs.append(peer(GENERATE, THREADS, 8, NEW))
        row(what + (" f32" if dtype else " q4_1"), "tokens/s", ours, "transformers f32", theirs, False)


def train(binary, folder):
    what = f"LoRA step, batch {BATCH}, smollm2"
    # Plain text in blocks: every row is full.
    length = 64
    shutil.copy(ROOT / "tutorials/data/text/us-declaration.txt", folder)
    cells = f"%load smollm2\n%data us-declaration.txt block={length} val=0\n%lora r=16 target=q_proj,v_proj\n" \
            f"%train steps={STEPS} batch={BATCH} --json\n"
    if not has("torch, transformers, peft"):
        found = results(binary, cells, folder)
        return skip(what, f"no torch, transformers and peft in {PYTHON}; Lantern alone: {found[-1]['tokens_per_second']:.0f} tokens/s")
    ours, theirs, peak = [], [], 0
    for _ in range(ROUNDS):
        found = results(binary, cells, folder)[-1]
        ours.append(found["tokens_per_second"])
        peak = max(peak, found["peak_rss_bytes"])
        theirs.append(peer(TRAIN, THREADS, BATCH, length, STEPS))
    row(what, "tokens/s", ours, "PEFT", theirs, False)
    print(f"{'':<34} peak memory of Lantern's run: {peak / 1e9:.2f} GB")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = str(Path(sys.argv[1]).resolve())
    load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    print(f"{platform.machine()}, {THREADS} threads{load}; medians; the ratio is how many times better Lantern is\n")
    print(f"{'':<34} {'Lantern':>10} {'peer':>10} {'ratio':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for part in (lambda: start(binary), lambda: generate(binary, folder), lambda: train(binary, folder), lambda: kernels(binary)):
            try:
                part()
            except (RuntimeError, OSError, LookupError, ValueError, subprocess.CalledProcessError) as failed:
                skip("this part", str(failed))


if __name__ == "__main__":
    main()
