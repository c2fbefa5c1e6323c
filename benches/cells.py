"""Rust cells beside evcxr_jupyter on this machine, in one run: medians in seconds, as a front end waits for them. Asserts nothing.

    target/jupyter-venv/bin/python benches/cells.py target/release/lantern [EVCXR_JUPYTER]

EVCXR_JUPYTER is the peer's program (default: the one in PATH; `cargo install evcxr_jupyter --version 0.22.0 --locked`); without it Lantern's
numbers stand alone. ROUNDS (default 20) cells of each kind; the kernels take turns, so that a busy machine hurts both alike. Each has a home
of its own that has seen Rust cells before, as on a second day.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

ROUNDS = int(os.environ.get("ROUNDS", "20"))
# Before the first cell a person reads, or types it.
IDLE = float(os.environ.get("IDLE", "15"))


def spec(folder, name, argv, env):
    place = Path(folder) / "kernels" / name
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": name, "language": "rust", "env": env}), encoding="utf-8")


class Kernel:
    """One kernel and a client of it."""

    def __init__(self, name, folder):
        specs = KernelSpecManager(kernel_dirs=[str(Path(folder) / "kernels")])
        self.manager = KernelManager(kernel_name=name, kernel_spec_manager=specs)
        begun = time.perf_counter()
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=240)
        self.ready = time.perf_counter() - begun

    def cell(self, code):
        """Seconds until the cell is idle again; the text that it printed or is worth."""
        text = []

        def hear(message):
            content = message["content"]
            text.append(content.get("text", ""))
            text.append(content.get("data", {}).get("text/plain", ""))
            text.extend(content.get("traceback", []))

        begun = time.perf_counter()
        reply = self.client.execute_interactive(code, output_hook=hear, timeout=240)
        seconds = time.perf_counter() - begun
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"{code}: {''.join(text)[-400:]}")
        return seconds, "".join(text)

    def memory(self):
        """Resident bytes of the kernel and all that it started, by Linux."""
        parents, resident = {}, {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                lines = dict(line.split(":", 1) for line in (place / "status").read_text(encoding="utf-8").splitlines())
            except OSError:
                continue
            parents[int(place.name)] = int(lines["PPid"])
            resident[int(place.name)] = int(lines.get("VmRSS", "0 kB").split()[0]) * 1024
        family = {self.manager.provisioner.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return sum(resident.get(pid, 0) for pid in family)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


# The number makes each cell another one, so that nothing is answered from what was compiled before.
CELLS = [
    ('println!("{n}");', "println!", True),
    ("let x = {n} + 2; x", "let x = 1 + 2; x", True),
    ("let y{n} = vec![{n}, 2, 3];", "let y = vec![1, 2, 3];", True),
    ('println!("{n} {}", lab::encode("Once")?.len());', "a call of lab", False),
]


def row(what, ours, theirs):
    middle = [statistics.median(numbers) if numbers else None for numbers in (ours, theirs)]
    shown = [f"{number:>10.3f}" if number is not None else f"{'-':>10}" for number in middle]
    ratio = f"{middle[1] / middle[0]:>8.2f}x" if None not in middle else ""
    print(f"{what:<34} {shown[0]} {shown[1]} {ratio}", flush=True)


def starts(names, folder):
    """Ready, and the first cell at once and after a while, each in a kernel of its own."""
    found = {name: ([], [], []) for name in names}
    for _ in range(max(3, ROUNDS // 5)):
        for name in names:
            kernel = Kernel(name, folder)
            found[name][0].append(kernel.ready)
            found[name][1].append(kernel.cell('println!("first");')[0])
            kernel.close()
    for name in names:
        kernel = Kernel(name, folder)
        time.sleep(IDLE)
        found[name][2].append(kernel.cell('println!("first");')[0])
        kernel.close()
    return found


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    lantern = str(Path(sys.argv[1]).resolve())
    evcxr = sys.argv[2] if len(sys.argv) == 3 else shutil.which("evcxr_jupyter")
    with tempfile.TemporaryDirectory() as folder:
        spec(folder, "lantern", [lantern, "kernel", "start", "-f", "{connection_file}"], {"LANTERN_HOME": f"{folder}/home"})
        names = ["lantern"]
        if evcxr:
            spec(folder, "evcxr", [evcxr, "--control_file", "{connection_file}"], {})
            names.append("evcxr")
        # The first of all compiles `lab`.
        first = Kernel("lantern", folder)
        print(f"first Rust cell of a new home: {first.cell('1')[0]:.2f} s\n")
        first.close()
        load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
        print(f"{os.cpu_count()} cores{load}; medians of {ROUNDS}; the ratio is how many times faster Lantern is\n")
        print(f"{'':<34} {'Lantern':>10} {'evcxr':>10} {'ratio':>9}")
        kernels = {name: Kernel(name, folder) for name in names}
        for kernel in kernels.values():
            kernel.cell("1")
            if kernel.manager.kernel_name == "lantern":
                kernel.cell("%load spark")
        for code, what, both in CELLS:
            seconds = {name: [] for name in names}
            for n in range(ROUNDS + 1):
                for name in names if both else ["lantern"]:
                    taken, _ = kernels[name].cell(code.replace("{n}", str(1000 + n)))
                    # The first of a kind is a warm-up.
                    if n:
                        seconds[name].append(taken)
            row(what, seconds["lantern"], seconds.get("evcxr", []))
        held = {name: [kernel.memory() / 1e9] for name, kernel in kernels.items()}
        for kernel in kernels.values():
            kernel.close()
        found = starts(names, folder)
        for at, what in enumerate(["kernel ready", "first Rust cell, at once", f"first Rust cell, after {IDLE:.0f} s"]):
            row(what, found["lantern"][at], found.get("evcxr", ([], [], []))[at])
        row("memory of all its processes, GB", held["lantern"], held.get("evcxr", []))


if __name__ == "__main__":
    main()
