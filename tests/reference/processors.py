"""processors.json: rows of logits through the processors of transformers' generate, alone and in its own order.

The chain is built by transformers itself from a GenerationConfig; -inf is written as null.
"""
import numpy as np
import torch
from transformers import GenerationConfig

from tiny import FIXTURES, load, numbers, write_json

VOCABULARY = 30
UNSET = {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": None}
ALONE = [
    *({"repetition_penalty": value} for value in (1.1, 1.3, 2.0, 0.8)),
    *({"no_repeat_ngram_size": value} for value in (1, 2, 3, 4)),
    *({"temperature": value} for value in (0.1, 0.7, 1.5, 3.0)),
    *({"top_k": value} for value in (1, 3, 10, 29, 30, 50)),
    *({"top_p": value} for value in (0.05, 0.3, 0.5, 0.9, 0.99)),
    *({"min_p": value} for value in (0.01, 0.05, 0.2, 0.5, 1.0)),
]
CHAINS = [
    {},
    {"repetition_penalty": 1.2, "no_repeat_ngram_size": 2},
    {"temperature": 0.7, "top_k": 5},
    {"temperature": 0.7, "top_p": 0.8},
    {"temperature": 1.4, "min_p": 0.1},
    {"top_k": 8, "top_p": 0.6},
    {"top_k": 8, "top_p": 0.9, "min_p": 0.15},
    {"repetition_penalty": 1.3, "temperature": 0.8, "top_k": 20, "top_p": 0.95},
    {"repetition_penalty": 1.1, "no_repeat_ngram_size": 3, "temperature": 0.6, "top_k": 12, "top_p": 0.7, "min_p": 0.05},
    {"no_repeat_ngram_size": 2, "temperature": 2.5, "top_k": 4, "min_p": 0.3},
    {"no_repeat_ngram_size": 1, "top_k": 3},
    {"temperature": 0.2, "top_p": 0.5, "min_p": 0.02},
]


def rows():
    """Two histories with their logits: one random with repeats, one with many equal logits, both with negative ones."""
    random = np.random.default_rng(51)
    spread = np.round(random.normal(0, 2.5, VOCABULARY), 3)
    tied = np.round(random.normal(0, 1.5, VOCABULARY) * 2) / 2
    history = [3, 7, 7, 12, 3, 7, 25, 0, 29, 3, 7]
    return [(history, spread), ([5, 5, 5, 5], tied), ([4], np.round(spread[::-1] * 0.3, 3))]


def chain(model, settings):
    """The processors that transformers would use; without any sampling setting, as for do_sample=True and all of them off."""
    config = GenerationConfig(do_sample=True, **(UNSET | settings))
    return model._get_logits_processor(config, input_ids_seq_length=1, device="cpu", model_kwargs={})


def sound(model, settings, history, given, scores):
    """Whether the answer is the rule's, not the sort's or the rounding's: the same with the vocabulary reversed and with p nudged."""
    if "top_p" not in settings:
        return True
    last = VOCABULARY - 1
    turned = chain(model, settings)(torch.tensor([[last - token for token in history]]), given.flip(0)[None].clone())[0].flip(0)
    answers = [turned]
    for nudge in (-1e-4, 1e-4):
        nudged = settings | {"top_p": settings["top_p"] + nudge}
        answers.append(chain(model, nudged)(torch.tensor([history]), given[None].clone())[0])
    return all(torch.equal(torch.isfinite(answer), torch.isfinite(scores)) for answer in answers)


def main():
    model, cases, unsound = load("gpt2-tiny"), [], 0
    inputs = rows()
    for settings in ALONE + CHAINS:
        for history, logits in inputs:
            given = torch.tensor(logits, dtype=torch.float32)
            scores = chain(model, settings)(torch.tensor([history]), given[None].clone())[0]
            if not sound(model, settings, history, given, scores):
                unsound += 1
                continue
            cases.append({"settings": settings, "ids": history, "logits": numbers(given), "scores": numbers(scores)})
    assert len(cases) >= 60 and all(any(value is not None for value in case["scores"]) for case in cases)
    write_json(FIXTURES / "processors.json", cases)
    print(f"processors: {len(cases)} cases, {unsound} left out because a tie or rounding decides them")


if __name__ == "__main__":
    main()
