"""schedules.json: the factor on the learning rate before each step, from transformers' get_scheduler."""
import torch
from transformers import get_scheduler

from tiny import FIXTURES, write_json


def factors(kind, warmup, total):
    """The factor that step 0, 1, … total - 1 are taken with."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    rows = []
    for _ in range(total):
        rows.append(round(scheduler.get_last_lr()[0], 12))
        optimizer.step()
        scheduler.step()
    return rows


def main():
    cases = [
        {"schedule": name, "warmup": warmup, "total": total, "factors": factors(kind, warmup, total)}
        for name, kind in (("linear", "linear"), ("cosine", "cosine"), ("constant", "constant_with_warmup"))
        for warmup, total in ((0, 1), (0, 7), (2, 5), (3, 20), (5, 5), (10, 50))
    ]
    write_json(FIXTURES / "schedules.json", cases)
    print(f"schedules: {len(cases)} cases")


if __name__ == "__main__":
    main()
