"""golden.safetensors and golden.json of each model: logits, hidden states, loss, every gradient, greedy tokens, perplexity."""
import torch
from safetensors.torch import save_file

from tiny import FIXTURES, MODELS, labels_of, load, short, token_ids, write_json

LENGTHS = (4, 9, 17)  # of the prompts that are continued
PAD = 5


def forwards(name, model):
    """Logits of a batch, of a short row alone, and of that row left-padded in the batch."""
    ids, row = token_ids(name, 21, 2, 12), token_ids(name, 22, 7)
    out = model(ids, output_hidden_states=True)
    padded = torch.stack([ids[0], torch.cat([torch.zeros(PAD, dtype=torch.long), row])])
    mask = torch.ones_like(padded)
    mask[1, :PAD] = 0
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    together = model(padded, attention_mask=mask, position_ids=positions).logits
    alone = model(row[None]).logits[0]
    assert (together[1, PAD:] - alone).abs().max() < 1e-4 and (together[0] - out.logits[0]).abs().max() < 1e-4
    together[1, :PAD] = 0  # what stands under padding has no meaning
    tensors = {"ids": ids, "logits": out.logits, "short_ids": row, "short_logits": alone}
    tensors |= {"padded_ids": padded, "padded_mask": mask, "padded_logits": together}
    return tensors | {f"hidden.{layer}": state for layer, state in enumerate(out.hidden_states)}


def gradients(model, ids, labels):
    """The loss, averaged over the labels that count after the shift by one, and the gradient of every parameter."""
    model.zero_grad()
    loss = model(ids, labels=labels).loss
    loss.backward()
    return loss.detach(), {key: value.grad.clone() for key, value in model.named_parameters()}


def continuation(model, prompt, count):
    """The greedy continuation of a prompt, and the smallest lead of a chosen token over the next best one."""
    out = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=count, eos_token_id=None,
                         pad_token_id=0, use_cache=True, output_logits=True, return_dict_in_generate=True)
    best = torch.cat(out.logits).topk(2, dim=-1).values
    return out.sequences[0, prompt.shape[1]:].tolist(), (best[:, 0] - best[:, 1]).min().item()


@torch.no_grad()
def greedy(name, model, count=32):
    """Greedy continuations that no rounding can turn (lead > 0.005) and that meet no special token, so that no stop rule matters."""
    rows = []
    for length in LENGTHS:
        for seed in range(100, 400):
            prompt = token_ids(name, seed, 1, length)
            new, lead = continuation(model, prompt, count)
            if lead > 5e-3 and min(new) >= 3 and len(set(new)) >= 6:
                rows.append({"prompt": prompt[0].tolist(), "new": new, "lead": round(lead, 4)})
                break
    assert len(rows) == len(LENGTHS), name
    return rows


@torch.no_grad()
def perplexity(model, ids, window, stride):
    """transformers' docs/source/en/perplexity.md, with its `valid - 1`; and the same windows with every scored token counted."""
    total, count, scored, previous, length = 0.0, 0, 0, 0, ids.shape[1]
    exact = 0.0
    for begin in range(0, length, stride):
        end = min(begin + window, length)
        targets = ids[:, begin:end].clone()
        targets[:, : -(end - previous)] = -100
        loss = model(ids[:, begin:end], labels=targets).loss.double().item()
        valid = int((targets != -100).sum())
        really = int((targets[:, 1:] != -100).sum())
        total, count = total + loss * (valid - 1), count + valid - 1
        exact, scored = exact + loss * really, scored + really
        previous = end
        if end == length:
            break
    power = lambda nll, n: round(float(torch.tensor(nll / n, dtype=torch.float64).exp()), 6)
    return {"window": window, "stride": stride, "nll": round(total, 6), "n": count, "ppl": power(total, count),
            "scored_nll": round(exact, 6), "scored": scored, "scored_ppl": power(exact, scored)}


def main():
    for name in MODELS:
        model = load(name)
        with torch.no_grad():
            tensors = forwards(name, model)
        labels = labels_of(tensors["ids"], 23)
        loss, grads = gradients(model, tensors["ids"], labels)
        tensors |= {"labels": labels, "loss": loss} | {f"grad.{key}": value for key, value in grads.items()}
        save_file({key: value.contiguous() for key, value in sorted(tensors.items())}, FIXTURES / name / "golden.safetensors")
        text = token_ids(name, 24, 1, 150)
        write_json(FIXTURES / name / "golden.json", {
            "loss": short(loss), "greedy": greedy(name, model), "perplexity_ids": text[0].tolist(),
            "perplexity": [perplexity(model, text, 32, stride) for stride in (32, 16, 8)],
        })
        print(f"{name}: loss {loss:.4f}, smallest gradient norm {min(value.norm().item() for value in grads.values()):.2e}")


if __name__ == "__main__":
    main()
