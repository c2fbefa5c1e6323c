"""How long a kernel takes to answer: process start to the first kernel_info_reply, and jupyter_client's wait_for_ready.

    target/jupyter-venv/bin/python benches/kernel_start.py [KERNEL ...]     (default: lantern python3)
"""

import statistics
import sys
import time

from jupyter_client.manager import KernelManager

ROUNDS = 7


def measure(name):
    """Seconds to the first reply, to ready, and for an empty cell."""
    km = KernelManager(kernel_name=name)
    begun = time.perf_counter()
    km.start_kernel()
    kc = km.client()
    kc.start_channels()
    kc.kernel_info()
    reply = kc.get_shell_msg(timeout=60)
    first = time.perf_counter() - begun
    assert reply["msg_type"] == "kernel_info_reply", reply["msg_type"]
    kc.stop_channels()
    km.shutdown_kernel(now=True)

    km = KernelManager(kernel_name=name)
    begun = time.perf_counter()
    km.start_kernel()
    kc = km.client()
    kc.start_channels()
    kc.wait_for_ready(timeout=60)
    ready = time.perf_counter() - begun
    begun = time.perf_counter()
    kc.execute("")
    while kc.get_shell_msg(timeout=60)["msg_type"] != "execute_reply":
        pass
    trip = time.perf_counter() - begun
    kc.stop_channels()
    km.shutdown_kernel(now=True)
    return first, ready, trip


def main():
    names = sys.argv[1:] or ["lantern", "python3"]
    rounds = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            rounds[name].append(measure(name))
    print(f"{'kernel':<12} {'first reply':>12} {'ready':>12} {'empty cell':>12}   (s, median of {ROUNDS}; lowest in brackets)")
    for name in names:
        columns = list(zip(*rounds[name]))
        print(f"{name:<12} " + " ".join(f"{statistics.median(c):>6.3f}({min(c):.3f})" for c in columns))


if __name__ == "__main__":
    main()
