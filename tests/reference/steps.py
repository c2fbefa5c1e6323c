"""Five AdamW steps as transformers' Trainer takes them: decay groups, clipping, linear schedule with warm-up, accumulation."""
import torch
from torch import nn
from transformers import get_scheduler
from transformers.trainer_pt_utils import get_parameter_names

from tiny import labels_of, numbers, short, token_ids

STEPS, WARMUP, RATE, DECAY, CLIP = 5, 2, 1e-2, 0.1, 1.0
# trainer.py, get_decay_parameter_names
NO_DECAY = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
SETTINGS = {"steps": STEPS, "warmup": WARMUP, "schedule": "linear", "lr": RATE, "weight_decay": DECAY, "betas": [0.9, 0.999],
            "eps": 1e-8, "clip": CLIP}


def windows(name, seed, micro):
    """Ids and labels [steps, micro batches, 2, 12]; the counts of labels that score differ from batch to batch."""
    ids = token_ids(name, seed, STEPS, micro, 2, 12)
    return ids, labels_of(ids, seed + 1)


def groups(model):
    """The trainable parameters that decay, and those that do not, by name."""
    decays = set(get_parameter_names(model, [nn.LayerNorm], NO_DECAY))
    named = {key: value for key, value in model.named_parameters() if value.requires_grad}
    return [key for key in named if key in decays], [key for key in named if key not in decays], named


def window_loss(model, ids, labels):
    """Backward over the micro batches of one step, each as sum / (all scored tokens of the step)."""
    scored = int((labels[..., 1:] != -100).sum())
    total = 0.0
    for batch, target in zip(ids, labels):
        loss = model(batch, labels=target, num_items_in_batch=torch.tensor(scored)).loss
        loss.backward()
        total += loss.detach()
    return total


def train(model, ids, labels):
    """The record of the steps. The first is taken with a rate of 0: the warm-up starts there."""
    decays, others, named = groups(model)
    optimizer = torch.optim.AdamW(
        [{"params": [named[key] for key in decays], "weight_decay": DECAY}, {"params": [named[key] for key in others], "weight_decay": 0.0}],
        lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    scheduler = get_scheduler("linear", optimizer, num_warmup_steps=WARMUP, num_training_steps=STEPS)
    rates, losses, norms = [], [], []
    for batch, target in zip(ids, labels):
        optimizer.zero_grad()
        losses.append(window_loss(model, batch, target))
        norms.append(nn.utils.clip_grad_norm_(list(named.values()), CLIP))
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    counts = [[int((target[..., 1:] != -100).sum()) for target in row] for row in labels]
    return {"rates": [round(rate, 9) for rate in rates], "losses": numbers(torch.stack(losses)), "grad_norms": numbers(torch.stack(norms)),
            "scored": counts}, {key: value.detach().clone() for key, value in named.items()}


def compare(single, double):
    """How far float32 ends from float64, per parameter: below that no implementation can be held to the golden values.

    AdamW divides by the gradient's own size: where the true gradient is 0 (the key bias of attention) it steps on rounding noise.
    """
    rows = {key: (value.double() - double[key]).abs().max().item() for key, value in single.items()}
    return {key: float(f"{value:.1e}") for key, value in rows.items() if value > 2e-5}


def run(build, name, micro, seed):
    """One training run in float32, and the same in float64 to learn what rounding alone changes."""
    ids, labels = windows(name, seed, micro)
    record, single = train(build(torch.float32), ids, labels)
    exact, double = train(build(torch.float64), ids, labels)
    drift = max(abs(a - b) for a, b in zip(record["losses"], exact["losses"]))
    assert drift < 1e-4, (name, drift)
    return record | {"loss_noise": float(f"{drift:.1e}"), "noise": compare(single, double)}, single, ids, labels
