"""MODEL/optimizers.json: five steps on the windows of training.py, with torch's SGD, transformers' Adafactor and its label smoothing."""
import numpy as np
import torch
from torch import nn
from transformers import get_scheduler
from transformers.optimization import Adafactor
from transformers.trainer_pt_utils import LabelSmoother

from steps import CLIP, DECAY, RATE, STEPS, WARMUP, groups, windows
from tiny import FIXTURES, load, numbers, write_json

EVERY = 7  # of each parameter's numbers, row by row, one in this many is kept
SMOOTHING = 0.15
BETAS, EPS = (0.8, 0.95), 1e-5

ROADS = {
    "sgd": (lambda groups: torch.optim.SGD(groups, lr=RATE), {"optimizer": "sgd", "momentum": 0.0}),
    "momentum": (lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=0.9), {"optimizer": "sgd", "momentum": 0.9}),
    # What the Trainer makes of optim=adafactor.
    "adafactor": (lambda groups: Adafactor(groups, lr=RATE, scale_parameter=False, relative_step=False), {"optimizer": "adafactor"}),
    "betas": (lambda groups: torch.optim.AdamW(groups, lr=RATE, betas=BETAS, eps=EPS),
              {"optimizer": "adamw", "beta1": BETAS[0], "beta2": BETAS[1], "eps": EPS}),
    "smoothed": (lambda groups: torch.optim.AdamW(groups, lr=RATE, betas=BETAS, eps=EPS),
                 {"optimizer": "adamw", "beta1": BETAS[0], "beta2": BETAS[1], "eps": EPS, "label_smoothing": SMOOTHING}),
}


def window_loss(model, ids, labels, smoothing):
    """Backward over the micro batches of one step, as the Trainer does with and without a label smoother."""
    scored = int((labels[..., 1:] != -100).sum())
    total = 0.0
    for batch, target in zip(ids, labels):
        if smoothing:
            loss = LabelSmoother(epsilon=smoothing)(model(batch), target, shift_labels=True, num_items_in_batch=torch.tensor(scored))
        else:
            loss = model(batch, labels=target, num_items_in_batch=torch.tensor(scored)).loss
        loss.backward()
        total += loss.detach()
    return total


def train(model, name, make, smoothing):
    ids, labels = windows(name, 33, 2)
    decays, others, named = groups(model)
    rows = [{"params": [named[key] for key in decays], "weight_decay": DECAY},
            {"params": [named[key] for key in others], "weight_decay": 0.0}]
    optimizer = make(rows)
    scheduler = get_scheduler("linear", optimizer, num_warmup_steps=WARMUP, num_training_steps=STEPS)
    losses, norms, rates = [], [], []
    for batch, target in zip(ids, labels):
        optimizer.zero_grad()
        losses.append(window_loss(model, batch, target, smoothing))
        norms.append(nn.utils.clip_grad_norm_(list(named.values()), CLIP))
        rates.append(round(scheduler.get_last_lr()[0], 9))
        optimizer.step()
        scheduler.step()
    final = {key: numbers(value.detach().flatten()[::EVERY]) for key, value in named.items()}
    return {"losses": numbers(torch.stack(losses)), "grad_norms": numbers(torch.stack(norms)), "rates": rates}, final


def main():
    for name in ("gpt2-tiny", "llama-tiny"):
        notes = {"every": EVERY}
        for road, (make, settings) in ROADS.items():
            if (name, road) == ("gpt2-tiny", "adafactor"):
                # Its key bias has a true gradient of 0. Adafactor makes steps of full size of that rounding, and their size sets the rate of
                # the query's and value's part of the same bias: noise of 1e-9 moves the losses by 2e-3.
                continue
            smoothing = settings.get("label_smoothing", 0.0)
            record, final = train(load(name), name, make, smoothing)
            _, exact = train(load(name, torch.float64), name, make, smoothing)
            noise = max(np.abs(np.array(final[key]) - np.array(exact[key])).max() for key in final if not key.endswith("c_attn.bias"))
            assert noise < 2e-5, (name, road, noise)
            notes[road] = {"settings": settings, **record, "final": final}
            print(f"{name} {road}: {record['losses']}, noise {noise:.1e}")
        write_json(FIXTURES / name / "optimizers.json", notes)


if __name__ == "__main__":
    main()
