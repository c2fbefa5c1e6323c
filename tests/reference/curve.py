"""curve.json: 200 AdamW steps of transformers on the model that ships (models/spark) over an essay of this repository.

The batches are plain: the text's ids in rows of 64, four rows a step, the text over and over. `ids` is their checksum, so that a test
knows it trained on the same.
"""
import zlib

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, get_scheduler

from steps import groups
from tiny import FIXTURES, short, write_json

ROOT = FIXTURES.parent.parent
TEXT = ROOT / "tutorials/data/text/us-declaration.txt"
STEPS, ROWS, WIDTH, RATE, WARMUP, DECAY = 200, 4, 64, 1e-3, 10, 0.1


def batches():
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models/spark")
    ids = tokenizer(TEXT.read_text(encoding="utf-8"), add_special_tokens=False).input_ids
    rows = [ids[at : at + WIDTH + 1] for at in range(0, len(ids) - WIDTH, WIDTH)]
    flat = [rows[i % len(rows)] for i in range(STEPS * ROWS)]
    checksum = zlib.crc32(b"".join(int(x).to_bytes(4, "little") for row in flat for x in row))
    return torch.tensor(flat).reshape(STEPS, ROWS, WIDTH + 1), checksum, len(rows)


def main():
    torch.set_num_threads(1)
    ids, checksum, rows = batches()
    model = AutoModelForCausalLM.from_pretrained(ROOT / "models/spark", dtype=torch.float32, attn_implementation="eager").eval()
    decays, others, named = groups(model)
    optimizer = torch.optim.AdamW([{"params": [named[key] for key in decays], "weight_decay": DECAY},
                                   {"params": [named[key] for key in others], "weight_decay": 0.0}], lr=RATE)
    scheduler = get_scheduler("cosine", optimizer, num_warmup_steps=WARMUP, num_training_steps=STEPS)
    losses = []
    for batch in ids:
        optimizer.zero_grad()
        loss = model(batch, labels=batch).loss
        loss.backward()
        nn.utils.clip_grad_norm_(list(named.values()), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(short(loss.item()))
    settings = {"steps": STEPS, "rows": ROWS, "width": WIDTH, "lr": RATE, "warmup": WARMUP, "weight_decay": DECAY, "rows_of_text": rows}
    write_json(FIXTURES / "curve.json", {"settings": settings, "ids": checksum, "losses": losses})
    print(f"curve: {losses[0]} to {losses[-1]}")


if __name__ == "__main__":
    main()
