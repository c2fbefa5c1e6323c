"""training.safetensors and training.json of each model: full fine-tuning, plain and with two micro batches a step."""
from safetensors.torch import save_file

from steps import SETTINGS, groups, run
from tiny import FIXTURES, TRAINED, load, write_json


def main():
    for name in TRAINED:
        build = lambda dtype: load(name, dtype)
        decays, others, _ = groups(load(name))
        notes, tensors = {"settings": SETTINGS, "decay": decays, "no_decay": others}, {}
        for road, micro, seed in (("plain", 1, 31), ("accumulated", 2, 33)):
            notes[road], final, ids, labels = run(build, name, micro, seed)
            tensors |= {f"{road}.ids": ids, f"{road}.labels": labels}
            tensors |= {f"{road}.final.{key}": value for key, value in final.items()}
            print(f"{name} {road}: {notes[road]['losses']}, noise {notes[road]['loss_noise']} {notes[road]['noise']}")
        save_file(tensors, FIXTURES / name / "training.safetensors")
        write_json(FIXTURES / name / "training.json", notes)


if __name__ == "__main__":
    main()
