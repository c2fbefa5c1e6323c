"""scaler.json: what torch's GradScaler does with patterns of overflow; stopping.json: when transformers' EarlyStoppingCallback stops."""
from types import SimpleNamespace

import numpy as np
import torch
from transformers import EarlyStoppingCallback, TrainerControl, TrainerState

from tiny import FIXTURES, short, write_json


def scales(pattern, interval):
    """The scale and the count of good steps after each update; whether the optimizer's step was left out."""
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=65536.0, growth_factor=2.0, backoff_factor=0.5, growth_interval=interval)
    rows, before = [], parameter.detach().clone()
    for overflow in pattern:
        optimizer.zero_grad()
        gradient = torch.full((3,), 0.5) * (1.0 if scaler._scale is None else scaler.get_scale())
        if overflow:
            gradient[1] = {1: torch.inf, 2: -torch.inf, 3: torch.nan}[overflow]
        scaler.scale(torch.zeros(1))  # makes the scale
        parameter.grad = gradient
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        skipped = bool((parameter.detach() == before).all())
        before = parameter.detach().clone()
        rows.append([scaler.get_scale(), scaler._get_growth_tracker(), int(skipped)])
    return rows


def stop(losses, patience, threshold):
    """The validation, from 1, that ends the run; null without. The order of the two updates is Trainer._maybe_log_save_evaluate's."""
    args = SimpleNamespace(greater_is_better=False, metric_for_best_model="loss")
    callback, state = EarlyStoppingCallback(patience, threshold), TrainerState()
    for i, loss in enumerate(losses):
        control = TrainerControl()
        callback.on_evaluate(args, state, control, {"eval_loss": loss})
        if state.best_metric is None:
            state.best_metric = float("inf")
        if np.less(loss, state.best_metric):
            state.best_metric = loss
        if control.should_training_stop:
            return i + 1
    return None


def main():
    random = np.random.default_rng(5)
    patterns = [
        ([0] * 12, 5), ([1] * 6, 5), ([0, 0, 0, 1, 0, 0, 0, 0, 0, 0], 5), ([0, 1] * 6, 1), ([2, 0, 3, 0, 0, 0], 2), ([1] * 60 + [0] * 3, 2),
        ([int(x) for x in random.integers(0, 4, 40) * (random.random(40) < 0.2)], 3),
    ]
    cases = [{"pattern": pattern, "interval": interval, "rows": scales(pattern, interval)} for pattern, interval in patterns]
    write_json(FIXTURES / "scaler.json", cases)
    stops = []
    for _ in range(40):
        losses = [short(x) for x in np.round(3 - 0.1 * np.arange(12) + random.normal(0, 0.25, 12), 3)]
        patience, threshold = int(random.integers(1, 4)), float(random.choice([0.0, 0.05, 0.2]))
        stops.append({"losses": losses, "patience": patience, "threshold": threshold, "stop": stop(losses, patience, threshold)})
    write_json(FIXTURES / "stopping.json", stops)
    print(f"scaler: {len(cases)} patterns; stopping: {sum(case['stop'] is not None for case in stops)} of {len(stops)} stop")


if __name__ == "__main__":
    main()
