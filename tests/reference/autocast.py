"""MODEL/autocast.json: how far the loss and the gradients of golden.safetensors move under torch's autocast to bf16."""
import torch
from safetensors.torch import load_file

from tiny import FIXTURES, load, short, write_json


def main():
    for name in ("gpt2-tiny", "llama-tiny", "qwen3-tiny"):
        golden = load_file(FIXTURES / name / "golden.safetensors")
        model = load(name)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(golden["ids"], labels=golden["labels"]).loss
        loss.backward()
        pairs = [(value.grad, golden[f"grad.{key}"]) for key, value in model.named_parameters()]
        squares = lambda tensors: sum(tensor.double().square().sum() for tensor in tensors)
        share = (squares(a - b for a, b in pairs) / squares(b for _, b in pairs)).sqrt().item()
        notes = {"loss": short(loss.item()), "loss_f32": short(golden["loss"].item()), "share": float(f"{share:.3e}")}
        write_json(FIXTURES / name / "autocast.json", notes)
        print(f"{name}: {notes}")


if __name__ == "__main__":
    main()
