"""Training with each method, Lantern beside PEFT and transformers: tokens/s and peak memory of the whole process. Asserts nothing.

    python3 benches/training.py target/release/lantern [METHOD…]

PYTHON names an interpreter with torch, transformers and peft; without it only Lantern is measured. The peer has the shape of
SmolLM2-135M in f32 with random weights (for QLoRA bitsandbytes' nf4): speed and memory do not depend on what the weights say. Every
row is a process of its own on THREADS (default 2) threads; both sides take the same batches of BATCH rows of LENGTH tokens, all learned.
STEPS (default 4) are timed after one that is not. ROUNDS (default 1) takes turns and prints the best speed and the lowest peak: what else runs on the machine only slows.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREADS = os.environ.get("THREADS", "2")
PYTHON = os.environ.get("PYTHON", sys.executable)
ROUNDS = int(os.environ.get("ROUNDS", "1"))
BATCH, LENGTH, STEPS = 4, 128, int(os.environ.get("STEPS", "4"))

F32 = "%load smollm2 dtype=f32"
# Method: what Lantern attaches and adds to %train, and what the peer is asked for.
METHODS = {
    "lora": (F32, "%lora r=16 target=q_proj,v_proj", "", "lora"),
    "lora, recomputed": (F32, "%lora r=16 target=q_proj,v_proj", "recompute=1", "lora recompute"),
    "dora": (F32, "%lora r=16 target=q_proj,v_proj dora=true", "", "dora"),
    "p-tuning, mlp": (F32, "%ptune n=20", "", "ptune"),
    "p-tuning, lstm": (F32, "%ptune n=20 encoder=lstm", "", "ptune lstm"),
    "prompt": (F32, "%ptune method=prompt n=20", "", "prompt"),
    "prefix": (F32, "%ptune method=prefix n=20", "", "prefix"),
    "prefix, recomputed": (F32, "%ptune method=prefix n=20", "recompute=1", "prefix recompute"),
    "full": (F32, "", "", "full"),
    "qlora, nf4": (F32 + "\n%quant nf4", "%lora r=16 target=q_proj,v_proj", "", "lora nf4"),
}

PEER = r"""
import sys, tempfile, time, torch
from peft import LoraConfig, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM
method, threads, batch, length, steps = sys.argv[1].split(), *map(int, sys.argv[2:6])
torch.set_num_threads(threads); torch.manual_seed(0)
config = LlamaConfig(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                     vocab_size=49152, tie_word_embeddings=True, max_position_embeddings=8192, use_cache=False)
if "nf4" in method:
    folder = sys.argv[6]
    packed = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
    model = LlamaForCausalLM.from_pretrained(folder, quantization_config=packed, device_map="cpu", dtype=torch.float32)
else:
    model = LlamaForCausalLM(config)
lora = dict(r=16, lora_alpha=32, target_modules=["q_proj", "v_proj"])
made = {"lora": lambda: LoraConfig(task_type="CAUSAL_LM", **lora), "dora": lambda: LoraConfig(task_type="CAUSAL_LM", use_dora=True, **lora),
        "ptune": lambda: PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=20,
                                             encoder_reparameterization_type="LSTM" if "lstm" in method else "MLP"),
        "prompt": lambda: PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=20),
        "prefix": lambda: PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=20)}
if "recompute" in method:
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
if method[0] in made:
    model = get_peft_model(model, made[method[0]]())
model.train()
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=1e-4)
ids = torch.randint(3, 49000, (batch, length + 1))
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

# A folder for bitsandbytes, which packs what it loads.
FOLDER = r"""
import sys, torch
from transformers import LlamaConfig, LlamaForCausalLM
torch.manual_seed(0)
LlamaForCausalLM(LlamaConfig(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                             vocab_size=49152, tie_word_embeddings=True, max_position_embeddings=8192)).save_pretrained(sys.argv[1])
"""


def measured(command, cwd, env=None):
    """What a process printed, and its highest resident memory in bytes."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env={**os.environ, **(env or {})})
    said = {}
    readers = [threading.Thread(target=lambda name=name, pipe=pipe: said.update({name: pipe.read()}))
               for name, pipe in (("out", child.stdout), ("err", child.stderr))]
    [reader.start() for reader in readers]
    _, status, usage = os.wait4(child.pid, 0)
    [reader.join() for reader in readers]
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        lines = (said["err"].strip() or said["out"].strip()).splitlines()
        raise RuntimeError(next((line for line in reversed(lines) if "rror" in line), lines[-1] if lines else f"status {status}")[:100])
    return said["out"], usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def lantern(binary, method, folder):
    load, attach, options, _ = METHODS[method]
    cells = Path(folder) / "cells.txt"
    data = f"%data text.txt block={LENGTH} val=0 show=0"
    # One step more than the peer times: ours are averaged over all, the first with what is made once among them.
    cells.write_text(f"{load}\n{data}\n{attach}\n%train steps={STEPS + 1} batch={BATCH} lr=1e-4 {options} --json\n", encoding="utf-8")
    out, peak = measured([binary, "run", cells], folder, {"RAYON_NUM_THREADS": THREADS})
    result = json.loads([line for line in out.splitlines() if line.startswith("{")][-1])
    return result["tokens_per_second"], peak


def peer(method, folder):
    asked = METHODS[method][3]
    plain = Path(folder) / "plain"
    if "nf4" in asked and not plain.exists():
        measured([PYTHON, "-c", FOLDER, str(plain)], folder)
    out, peak = measured([PYTHON, "-W", "ignore", "-c", PEER, asked, THREADS, str(BATCH), str(LENGTH), str(STEPS), str(plain)], folder)
    return float(out.split()[-1]), peak


def best(take):
    """The highest speed and the lowest peak of the rounds, or what went wrong."""
    found = []
    for _ in range(ROUNDS):
        try:
            found.append(take())
        except (RuntimeError, OSError, LookupError, ValueError) as failed:
            return None, str(failed)
    return (max(speed for speed, _ in found), min(peak for _, peak in found)), ""


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    binary, methods = str(Path(sys.argv[1]).resolve()), sys.argv[2:] or list(METHODS)
    both = subprocess.run([PYTHON, "-c", "import torch, transformers, peft"], capture_output=True).returncode == 0
    print(f"SmolLM2-135M, batch {BATCH} of {LENGTH} tokens, AdamW, {platform.machine()}, {THREADS} threads, load {os.getloadavg()[0]:.1f} before\n")
    print(f"{'':<20} {'tokens/s':>9} {'PEFT':>9} {'ratio':>7}   {'peak GB':>7} {'PEFT':>7} {'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        text = (ROOT / "tutorials/data/text/us-declaration.txt").read_text(encoding="utf-8")
        (Path(folder) / "text.txt").write_text(text * 4, encoding="utf-8")
        for method in methods:
            ours, why = best(lambda: lantern(binary, method, folder))
            theirs, reason = best(lambda: peer(method, folder)) if both else (None, "no torch, transformers and peft")
            def show(at, scale, digits):
                a, b = ours and ours[at] / scale, theirs and theirs[at] / scale
                ratio = (a / b if at == 0 else b / a) if a and b else None
                return [f"{x:.{digits}f}" if x else "-" for x in (a, b)] + [f"{ratio:.2f}x" if ratio else "-"]
            speed, memory = show(0, 1, 0), show(1, 1e9, 2)
            print(f"{method:<20} {speed[0]:>9} {speed[1]:>9} {speed[2]:>7}   {memory[0]:>7} {memory[1]:>7} {memory[2]:>7}"
                  + "".join(f"   {who}: {said}" for who, said in (("Lantern", why), ("peer", reason if both else "")) if said), flush=True)
    print("\nratio: how many times faster, how many times less memory Lantern takes")


if __name__ == "__main__":
    main()
