"""The LoRA step of benches/ops.rs in PyTorch and PEFT: GPT-2 124M (random weights), r=16 on c_attn, batch 4 x 128, 2 threads."""
import os, time
import torch
from peft import LoraConfig, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel

torch.set_num_threads(2)
torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))
model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=["c_attn"], fan_in_fan_out=True))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
ids = torch.randint(0, 50257, (4, 128))
best, cpu, n = 1e9, 0.0, 6
for i in range(n + 1):
    start, before = time.time(), sum(os.times()[:2])
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    if i:
        best, cpu = min(best, time.time() - start), cpu + sum(os.times()[:2]) - before
print(f"torch {torch.__version__}: {512 / best:.0f} tokens/s best, {512 / (cpu / n):.0f} per CPU s; loss {loss.item():.4f}")
